"""Mixes: likes, unlikes and subjects as one question, in Python."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.engine import SearchEngine
from search_engine.errors import ItemNotFoundError, ParameterError, QueryExpiredError
from search_engine.records import SearchResult
from search_engine.search.asked import Asked
from search_engine.search.examples import Example
from search_engine.search.mixes import SHARES, Mix, best_scores, rocchio
from search_engine.search.query_cache import QueryToken
from tests.small_catalog import bound_collection, draft, open_catalog, put, unit_vectors

ROWS = unit_vectors(60, seed=5)
OTHER = unit_vectors(3, seed=6)
WAYS = ("rocchio", "best")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    data = tmp_path_factory.mktemp("shop")
    with open_catalog(data) as catalog:
        drafts = [draft(f"i{n}", row, label=f"l{n % 3}") for n, row in enumerate(ROWS)]
        put(catalog, bound_collection(catalog), drafts)
    with SearchEngine(data) as opened:
        yield opened


def ids(result: SearchResult) -> list[str]:
    return [each.item.item_id for each in result.neighbors]


def test_a_like_finds_its_neighbors_without_itself(engine: SearchEngine) -> None:
    assert ids(engine.search(like=["i4"], k=20)) == ids(engine.similar("i4", k=20))


@pytest.mark.parametrize("mix", WAYS)
def test_the_order_of_examples_does_not_matter(engine: SearchEngine, mix: str) -> None:
    third: Any = np.float32(0.3)
    like: list[Any] = ["i1", "i2", Example(vector=OTHER[0], weight=third), {"item_id": "i3"}]
    unlike: list[Any] = ["i7", {"item_id": "i8", "weight": 2}]
    found = engine.search(vector=OTHER[1], like=like, unlike=unlike, k=30, mix=mix)
    for seed in range(5):
        for each in (like, unlike):
            random.Random(seed).shuffle(each)
        again = engine.search(vector=OTHER[1], like=like, unlike=unlike, k=30, mix=mix)
        assert again.neighbors == found.neighbors
        assert again.query_token == found.query_token


def test_examples_of_weight_0_are_as_if_not_given(engine: SearchEngine) -> None:
    nothing = [Example(item_id="i1", weight=0), Example(vector=OTHER[2], weight=0.0)]
    plain = engine.search(vector=OTHER[0], k=60)
    found = engine.search(vector=OTHER[0], like=nothing, unlike=nothing, k=60)
    assert (found.neighbors, found.query_token) == (plain.neighbors, None)
    some = engine.search(like=["i2", *nothing], unlike=["i3"], k=20)
    assert some.neighbors == engine.search(like=["i2"], unlike=["i3"], k=20).neighbors


@pytest.mark.parametrize("mix", WAYS)
def test_items_that_are_examples_are_not_found(engine: SearchEngine, mix: str) -> None:
    found = ids(engine.similar("i0", like=["i1", "i2"], unlike=["i3"], k=100, mix=mix))
    assert set(found) == {f"i{n}" for n in range(4, 60)}


def test_the_query_is_that_of_rocchio(engine: SearchEngine) -> None:
    found = engine.search(
        vector=OTHER[0], like=["i1", {"item_id": "i2", "weight": 3}], unlike=["i3"], k=56
    )
    own, likes, unlikes = SHARES
    stored = ROWS.astype(np.float16).astype(np.float64)
    query = own * OTHER[0] + likes * (stored[1] + 3 * stored[2]) / 2 - unlikes * stored[3]
    query /= np.linalg.norm(query)
    np.testing.assert_allclose(found.vector[0], query, atol=1e-3)
    scores = stored @ query
    wanted = [n for n in np.argsort(-scores) if n not in (1, 2, 3)]
    assert ids(found)[:20] == [f"i{n}" for n in wanted[:20]]
    assert found.neighbors[0].score == pytest.approx(scores[wanted[0]], abs=2e-3)


def test_best_goes_by_the_nearest_example(engine: SearchEngine) -> None:
    found = ids(engine.search(like=["i1", "i2"], unlike=["i3"], k=20, mix="best"))
    stored = ROWS.astype(np.float16).astype(np.float64)
    scores = (
        np.maximum(stored @ stored[1], stored @ stored[2]) - SHARES.unlikes * stored @ stored[3]
    )
    assert found == [f"i{n}" for n in np.argsort(-scores) if n not in (1, 2, 3)][:20]


def test_best_of_one_like_is_the_plain_order(engine: SearchEngine) -> None:
    assert ids(engine.search(like=["i4"], k=30, mix="best")) == ids(engine.similar("i4", k=30))


def test_more_weight_brings_its_neighbors_forward(engine: SearchEngine) -> None:
    wanted = ids(engine.similar("i9", k=5))
    places = []
    for weight in (0.1, 1, 10):
        like: list[Any] = ["i1", Example(item_id="i9", weight=weight)]
        found = ids(engine.search(like=like, k=60))
        places.append(sum(found.index(each) for each in wanted if each in found))
    assert places == sorted(places, reverse=True)


def test_pages_and_tokens_of_a_mix(engine: SearchEngine) -> None:
    asked: dict[str, Any] = {"like": ["i1", "i2"], "unlike": ["i3"]}
    whole = engine.search(**asked, k=57)
    first = engine.search(**asked, k=10)
    second = engine.search(**asked, k=10, cursor=first.next_cursor)
    assert ids(first) + ids(second) == ids(whole)[:20]
    with pytest.raises(ParameterError, match="another subject"):
        engine.search(like=["i1", "i2"], k=10, cursor=first.next_cursor)


def test_a_filter_narrows_a_mix(engine: SearchEngine) -> None:
    for mix in WAYS:
        found = engine.search(like=["i1", "i2"], filter="label = l1", k=60, mix=mix)
        assert {each.item.label for each in found.neighbors} == {"l1"}
        assert len(found.neighbors) == 19


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"like": []}, "examples to like"),
        ({"unlike": ["i1"]}, "examples to like"),
        ({"like": "i1"}, "not a list"),
        ({"like": ["i1"] * 21}, "too many"),
        ({"like": [3]}, r"not an example \(like\[0\]\)"),
        ({"like": [{"id": "i1"}]}, "not an example"),
        ({"like": ["i1", {"item_id": "i2", "vector": OTHER[0]}]}, r"not one of .*like\[1\]"),
        ({"like": [{"item_id": "i1", "weight": -1}]}, r"weight is -1 \(like\[0\].weight\)"),
        ({"like": [{"item_id": "i1", "weight": float("nan")}]}, "weight is nan"),
        ({"like": [{"item_id": "i1", "weight": True}]}, "weight is True"),
        ({"like": [{"item_id": "i1", "weight": "1"}]}, "weight is '1'"),
        ({"like": [{"item_id": "i1", "weight": 10**400}]}, "weight is 1000"),
        ({"like": [{"vector": [1, 2]}]}, r"like\[0\].vector"),
        ({"vector": OTHER[0], "mix": "rocchio"}, "no examples"),
        ({"like": ["i1"], "mix": "mean"}, "there is no mean"),
        ({"like": ["i1"], "mix": "best", "rerank": "aqe"}, "leave out `rerank`"),
        ({"vector": OTHER[0], "unlike": [{"vector": OTHER[0], "weight": 2}]}, "cancel"),
    ],
)
def test_what_is_no_mix_is_refused(engine: SearchEngine, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        engine.search(**asked)


def test_an_unknown_item_is_named(engine: SearchEngine) -> None:
    with pytest.raises(ItemNotFoundError) as caught:
        engine.search(like=["i1"], unlike=["i2", "nowhere"])
    assert caught.value.what.startswith("unlike[1]: there is no item")


def test_one_bad_mix_of_many_harms_no_other(engine: SearchEngine) -> None:
    asked = [Asked(like=["i1"]), Asked(item_id="i1"), Asked(like=["nowhere"])]
    good, alone, bad = engine.search_many(asked)
    assert isinstance(good, SearchResult)
    assert isinstance(alone, SearchResult)
    assert ids(good) == ids(alone)
    assert isinstance(bad, ItemNotFoundError)
    mixed = engine.search_many(asked, mix="best")
    assert isinstance(mixed[0], SearchResult)
    assert isinstance(mixed[1], ParameterError)


def test_a_class_is_not_that_of_a_mix(engine: SearchEngine) -> None:
    mixed, plain = engine.classify_many([Asked(like=["i1"]), Asked(item_id="i1")])
    assert "a mix is for search" in str(mixed)
    assert isinstance(plain, SearchResult)


@pytest.fixture
def hsv_engine(hsv_data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(hsv_data) as opened:
        yield opened


def test_photos_and_tokens_are_examples(hsv_engine: SearchEngine, shopper_photo: Path) -> None:
    plain = hsv_engine.search(shopper_photo, k=5)
    by_like = hsv_engine.search(like=[{"picture": shopper_photo.read_bytes()}], k=5)
    assert ids(by_like) == ids(plain)
    mix = hsv_engine.search(shopper_photo, like=[ids(plain)[0]], unlike=[ids(plain)[1]], k=5)
    assert mix.query_token not in (None, plain.query_token)
    assert mix.query_token is not None
    again = hsv_engine.search(QueryToken(mix.query_token), k=5)
    assert again.neighbors == mix.neighbors
    assert again.query_token == mix.query_token
    best = hsv_engine.search(QueryToken(mix.query_token), k=5, mix="best")
    assert not {ids(plain)[0], ids(plain)[1]} & set(ids(best))
    page = hsv_engine.search(QueryToken(mix.query_token), k=5, cursor=mix.next_cursor)
    assert not set(ids(page)) & set(ids(mix))
    with pytest.raises(ParameterError, match="a mix is for search"):
        hsv_engine.classify(QueryToken(mix.query_token))
    with pytest.raises(TypeError, match="'box'"):
        hsv_engine.search(like=[ids(plain)[0]], box="0,0,1,1")
    with pytest.raises(QueryExpiredError) as caught:
        hsv_engine.search(like=[{"picture": QueryToken("f" * 32)}])
    assert caught.value.what.startswith("like[0]: the photo")


def test_the_parts_of_a_mix_on_paper() -> None:
    """In the plane: right is liked, up is not."""
    right, up = np.array([[1, 0]], dtype=np.float32), np.array([[0, 1]], dtype=np.float32)
    mix = Mix.of([], [right], [up])
    np.testing.assert_allclose(rocchio(mix) * np.sqrt(1.25), [[1, -0.5]], atol=1e-6)
    np.testing.assert_allclose(best_scores(mix, np.concatenate([right, up])), [1, -0.5])
