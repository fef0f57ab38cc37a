"""Boosts, diversity and views of groups: the order that they make, and what they leave alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_engine.catalog.store import Catalog
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.records import GroupViews, SearchResult
from search_engine.search.boosts import parse_boosts
from search_engine.search.diversity import diverse
from tests.small_catalog import bound_collection, draft, open_catalog, put, unit_vectors

COUNT = 300
ROWS = unit_vectors(COUNT, seed=5)
QUERY = unit_vectors(1, seed=6)[0]


def attributes_of(n: int) -> dict[str, Any]:
    known: dict[str, Any] = {"price": n % 50, "in_stock": n % 2 == 0, "color": "red"}
    if n % 7 == 0:
        del known["price"]
    return {**known, "same": 3, "huge": 1e308 if n % 2 else -1e308}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    data = tmp_path_factory.mktemp("shop")
    with open_catalog(data) as catalog:
        drafts = [
            draft(
                f"i{n:03}",
                row,
                label=f"l{n % 3}",
                product_id=f"p{n // 3}" if n % 4 else None,
                attributes=attributes_of(n),
            )
            for n, row in enumerate(ROWS)
        ]
        put(catalog, bound_collection(catalog), drafts)
    with SearchEngine(data) as opened:
        yield opened


def ids(result: SearchResult) -> list[str]:
    return [each.item.item_id for each in result.neighbors]


def numbers(result: SearchResult) -> list[int]:
    return [int(each[1:]) for each in ids(result)]


class TestDiversity:
    def test_0_is_the_plain_order_with_its_pages(self, engine: SearchEngine) -> None:
        plain = engine.search(vector=QUERY, k=30)
        found = engine.search(vector=QUERY, k=30, diversity=0)
        assert found.neighbors == plain.neighbors
        assert found.next_cursor == plain.next_cursor is not None

    def test_1_is_the_most_different_among_the_candidates(self, engine: SearchEngine) -> None:
        pool = numbers(engine.search(vector=QUERY, k=75))
        found = numbers(engine.search(vector=QUERY, k=5, diversity=1))
        picked = [pool[0]]
        while len(picked) < 5:
            left = [n for n in pool if n not in picked]
            likeness = [max(float(ROWS[n] @ ROWS[one]) for one in picked) for n in left]
            picked.append(left[int(np.argmin(likeness))])
        assert found == picked

    def test_more_of_it_brings_results_that_are_less_alike(self, engine: SearchEngine) -> None:
        alike = []
        for diversity in (0.0, 0.3, 0.6, 1.0):
            rows = ROWS[numbers(engine.search(vector=QUERY, k=10, diversity=diversity))]
            alike.append(float((rows @ rows.T).mean()))
        assert alike == sorted(alike, reverse=True)

    def test_the_first_stays_and_scores_are_cosines(self, engine: SearchEngine) -> None:
        plain = engine.search(vector=QUERY, k=200).neighbors
        scores = {each.item.item_id: each.score for each in plain}
        found = engine.search(vector=QUERY, k=10, diversity=0.8).neighbors
        assert found[0] == plain[0]
        assert [each.score for each in found] == [scores[each.item.item_id] for each in found]

    @pytest.mark.parametrize("by", ["product_id", "label", "color"])
    def test_with_groups_each_is_its_best_and_comes_once(
        self, engine: SearchEngine, by: str
    ) -> None:
        plain = engine.search(vector=QUERY, k=200, group_by=by)
        found = engine.search(vector=QUERY, k=10, group_by=by, diversity=0.7)
        assert set(ids(found)) <= set(ids(plain))
        assert len(found.neighbors) == min(10, len(plain.neighbors))

    def test_with_a_filter_and_a_least_score(self, engine: SearchEngine) -> None:
        asked: dict[str, Any] = {"filter": "label = l1", "min_score": 0.2, "k": 60}
        plain = engine.search(vector=QUERY, **asked)
        found = engine.search(vector=QUERY, **asked, diversity=1)
        assert 5 < len(plain.neighbors) < 60
        assert sorted(ids(found)) == sorted(ids(plain))
        assert ids(found) != ids(plain)

    @given(
        seed=st.integers(0, 2**16),
        size=st.integers(1, 30),
        count=st.integers(0, 40),
        diversity=st.floats(0, 1),
    )
    def test_no_candidate_is_lost(self, seed: int, size: int, count: int, diversity: float) -> None:
        rows = unit_vectors(size, seed, 4)
        relevance = np.sort(rows @ rows[0]).astype(float)[::-1]
        order = diverse(relevance, rows, diversity, count)
        assert sorted(order.tolist()) == list(range(size))
        np.testing.assert_array_equal(order, diverse(relevance, rows, diversity, count))
        np.testing.assert_array_equal(diverse(relevance, rows, 0.0, count), np.arange(size))

    @pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "much", True])
    def test_other_values_are_refused(self, engine: SearchEngine, value: Any) -> None:
        with pytest.raises(ParameterError, match="diversity is"):
            engine.search(vector=QUERY, diversity=value)


class TestBoosts:
    def test_of_0_are_as_if_not_given(self, engine: SearchEngine) -> None:
        plain = engine.search(vector=QUERY, k=30)
        found = engine.search(vector=QUERY, k=30, boost="price:0,in_stock:-0.0")
        assert (found.neighbors, found.next_cursor) == (plain.neighbors, plain.next_cursor)

    def test_a_boolean_comes_first_and_scores_stay(self, engine: SearchEngine) -> None:
        found = engine.search(vector=QUERY, k=10, boost={"in_stock": 1})
        assert all(each.item.attributes["in_stock"] for each in found.neighbors[:8])
        plain = engine.search(vector=QUERY, k=10, filter="in_stock = true")
        assert found.neighbors == plain.neighbors

    def test_numbers_are_spread_over_the_candidates(self, engine: SearchEngine) -> None:
        pool = engine.search(vector=QUERY, k=65).neighbors
        prices = np.array([each.item.attributes.get("price", np.nan) for each in pool])
        spread = (prices - np.nanmin(prices)) / (np.nanmax(prices) - np.nanmin(prices))
        spread = np.where(np.isnan(spread), np.nanmean(spread), spread)
        wanted = np.array([each.score for each in pool]) - 0.2 * spread
        order = np.argsort(-np.round(wanted, 6), kind="stable")
        found = engine.search(vector=QUERY, k=3, boost="price:-0.2")
        assert ids(found) == [pool[n].item.item_id for n in order[:3]]

    def test_what_all_have_alike_changes_nothing(self, engine: SearchEngine) -> None:
        plain = engine.search(vector=QUERY, k=20).neighbors
        assert engine.search(vector=QUERY, k=20, boost="same:1").neighbors == plain

    def test_the_greatest_numbers_are_numbers(self, engine: SearchEngine) -> None:
        found = engine.search(vector=QUERY, k=10, boost="huge:1")
        assert {each.item.attributes["huge"] for each in found.neighbors} == {1e308}

    def test_boosts_and_diversity_go_together(self, engine: SearchEngine) -> None:
        found = engine.search(vector=QUERY, k=10, boost="in_stock:1", diversity=0.2)
        assert found.neighbors[0].item.attributes["in_stock"]
        assert found.next_cursor is None

    @pytest.mark.parametrize(
        ("boost", "said"),
        [
            ("nope:0.1", "no such field"),
            ("label:0.1", "'?label'? has values of the type text"),
            ("color:0.1", "type text"),
            ("price", "not a field with a number"),
            ("price:x", "not a field with a number"),
            ("price:0.1,price:0.2", "each field once"),
            ("price:1.5", "boost by .*price.* is 1.5"),
            ({"price": True}, "is True"),
            ({"price": float("nan")}, "is nan"),
            ({str(n): 0.1 for n in range(11)}, "too many"),
            ("{", "not a JSON object"),
            (3, "not fields with numbers"),
        ],
    )
    def test_others_are_refused(self, engine: SearchEngine, boost: Any, said: str) -> None:
        with pytest.raises(ParameterError, match=said) as caught:
            engine.search(vector=QUERY, boost=boost)
        assert caught.value.where == "boost"

    def test_names_may_have_colons_and_json_any_name(self) -> None:
        assert parse_boosts("g:price:-.5, b : 1") == {"g:price": -0.5, "b": 1.0}
        assert parse_boosts('{"a,b": 0.5}') == {"a,b": 0.5}


@pytest.mark.parametrize("order", [{"boost": "price:0.1"}, {"diversity": 0.5}])
def test_an_order_of_its_own_has_one_page_and_no_re_ranking(
    engine: SearchEngine, order: dict[str, Any]
) -> None:
    (name,) = order
    cursor = engine.search(vector=QUERY, k=5).next_cursor
    with pytest.raises(ParameterError, match=f"order by `{name}` has no further pages"):
        engine.search(vector=QUERY, k=5, cursor=cursor, **order)
    with pytest.raises(ParameterError, match=f"leave out `{name}`"):
        engine.search(vector=QUERY, rerank="aqe", **order)


@pytest.mark.parametrize("order", [{"boost": "price:-1"}, {"diversity": 1.0}])
def test_an_order_shows_others_and_leaves_the_vote(
    engine: SearchEngine, order: dict[str, Any]
) -> None:
    plain = engine.classify(item_id="i005")
    found = engine.classify(item_id="i005", **order)
    assert found.prediction == plain.prediction
    assert ids(found) != ids(plain)


class TestViews:
    def test_groups_tell_their_items(self, engine: SearchEngine) -> None:
        found = engine.similar("i005", k=100, group_by="product_id").neighbors
        for each in found:
            n = int(each.item.item_id[1:])
            assert each.views is not None
            if each.item.product_id is None:
                assert each.views == GroupViews(1, (each.item.item_id,))
                continue
            first = n // 3 * 3
            wanted = [i for i in range(first, first + 3) if i % 4 and i != 5]
            assert each.views.item_ids == tuple(f"i{i:03}" for i in wanted)
            assert each.views.count == len(wanted)

    def test_only_those_that_match_count_and_ids_are_bounded(self, engine: SearchEngine) -> None:
        (best,) = engine.search(vector=QUERY, k=1, group_by="label", filter="price < 25").neighbors
        assert best.views is not None
        asked = f"price < 25 and label = {best.item.label}"
        wanted = [each.item_id for each in engine.items(filter=asked)]
        assert best.views.count == len(wanted) > 20
        assert best.views.item_ids == tuple(wanted[:20])

    def test_without_groups_nothing_is_read(
        self, engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Catalog, "groups_of", None)
        monkeypatch.setattr(Catalog, "keys_in_groups", None)
        found = engine.search(vector=QUERY, k=5)
        assert [each.views for each in found.neighbors] == [None] * 5
