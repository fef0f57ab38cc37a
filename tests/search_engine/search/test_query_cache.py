"""Photos that were asked about lately: which are kept, and what their tokens tell apart."""

import numpy as np

from search_engine.search.mixes import Mix
from search_engine.search.query_cache import EmbeddedQuery, QueryCache, QueryToken, query_token


def query(name: str) -> EmbeddedQuery:
    return EmbeddedQuery(QueryToken(name), "f", np.zeros((1, 2), dtype=np.float32))


def test_the_one_asked_for_longest_ago_is_forgotten_first() -> None:
    cache = QueryCache(kept=2)
    a, b, c = query("a"), query("b"), query("c")
    cache.keep(a)
    cache.keep(b)
    assert cache.get(a.token) is a
    cache.keep(c)
    assert [cache.get(each.token) for each in (a, b, c)] == [a, None, c]


def test_keeping_again_renews_and_replaces() -> None:
    cache = QueryCache(kept=2)
    cache.keep(query("a"))
    cache.keep(query("b"))
    renewed = query("a")
    cache.keep(renewed)
    cache.keep(query("c"))
    assert cache.get(QueryToken("a")) is renewed
    assert cache.get(QueryToken("b")) is None


def test_mixes_take_the_room_of_all_that_they_hold() -> None:
    cache = QueryCache(kept=6)
    rows = [np.ones((1, 2), dtype=np.float32)] * 2
    mix = EmbeddedQuery(QueryToken("m"), "f", rows[0], mix=Mix.of(rows[:1], rows, []))
    names = [query(name) for name in "abc"]
    for each in (*names, mix):
        cache.keep(each)
    assert [cache.get(each.token) is not None for each in names] == [False, True, True]
    cache.keep(mix)
    assert cache.get(names[1].token) is not None
    large = EmbeddedQuery(QueryToken("l"), "f", rows[0], mix=Mix.of([], rows * 9, rows))
    cache.keep(large)
    assert cache.get(large.token) is large
    assert cache.get(mix.token) is None


def test_tokens_tell_photos_regions_and_encoders_apart() -> None:
    cases = [
        (b"x", None, "f"),
        (b"y", None, "f"),
        (b"x", (0.0, 0.0, 1.0, 1.0), "f"),
        (b"x", (0.0, 0.0, 1.0, 0.5), "f"),
        (b"x", None, "g"),
    ]
    tokens = [query_token(*case) for case in cases]
    assert len(set(tokens)) == len(cases)
    assert tokens == [query_token(*case) for case in cases]
