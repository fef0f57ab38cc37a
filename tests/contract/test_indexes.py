"""What every index finds, over every implementation, held against arithmetic written out here."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.errors import DimensionMismatchError
from search_engine.indexes.base import VectorIndex
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.selection import KeySet
from search_engine.records import Keys, Vectors
from tests.contract.exact_index import ExactIndex
from tests.contract.index_fills import (
    DIMENSION,
    assert_best,
    filled,
    flat_index,
    keys_among,
    keys_of,
    over_kind,
    unit_vectors,
    used_live_index,
)
from tests.contract.index_kinds import APPROXIMATE, all_found, found, found_keys, some_keys

pytestmark = pytest.mark.usefixtures("faiss_only")

Fill = Callable[[Keys, Vectors], VectorIndex]


def published(keys: Keys, vectors: Vectors) -> LiveIndex:
    """All is in the base."""
    return LiveIndex(vectors.shape[1], flat_index(keys, vectors))


def live_over_base(keys: Keys, vectors: Vectors) -> LiveIndex:
    """The base holds half of the keys, some with former vectors, and one that is gone."""
    half = len(keys) // 2
    former = np.concatenate([vectors[:half], unit_vectors(1, vectors.shape[1], seed=92)])
    former[::3] = unit_vectors(len(former[::3]), vectors.shape[1], seed=93)
    gone = keys_of(int(keys.max()) + 5) if len(keys) else keys_of(5)
    index = LiveIndex(vectors.shape[1], flat_index(np.concatenate([keys[:half], gone]), former))
    index.upsert(keys[:half][::3], vectors[:half][::3])
    index.upsert(keys[half:], vectors[half:])
    index.remove(gone)
    return index


EXACT_FILLS: dict[str, Fill] = {
    "exact": lambda keys, vectors: filled(ExactIndex(vectors.shape[1]), keys, vectors),
    "live": lambda keys, vectors: filled(LiveIndex(vectors.shape[1]), keys, vectors),
    "live over base": live_over_base,
    "live, used before": lambda keys, vectors: filled(
        used_live_index(vectors.shape[1]), keys, vectors
    ),
    "published": published,
}
APPROXIMATE_FILLS: dict[str, Fill] = {
    kind: partial(over_kind, kind) for kind in APPROXIMATE[::2] if not kind.startswith("OPQ")
}
FILLS = EXACT_FILLS | APPROXIMATE_FILLS


@pytest.fixture(params=EXACT_FILLS, ids=str)
def exact_fill(request: pytest.FixtureRequest) -> Fill:
    """Makes an exact index with the given keys and vectors."""
    return EXACT_FILLS[request.param]


@pytest.fixture(params=FILLS, ids=str)
def fill(request: pytest.FixtureRequest) -> Fill:
    """Makes an index with the given keys and vectors."""
    return FILLS[request.param]


@pytest.mark.parametrize("k", [1, 7, 100, 299, 300])
def test_finds_the_k_best_with_the_scores_of_the_rounded_vectors(fill: Fill, k: int) -> None:
    keys, vectors = some_keys(300), unit_vectors(300)
    index = fill(keys, vectors)
    for query in unit_vectors(5, seed=1):
        assert_best(found(index.search(query[None], k)), keys, vectors, query, k)


def test_k_above_the_size_gives_all(fill: Fill) -> None:
    keys, vectors = some_keys(9), unit_vectors(9)
    hits = fill(keys, vectors).search(unit_vectors(3, seed=1), 50)
    assert hits.counts.tolist() == [9, 9, 9]
    assert sorted(found_keys(hits)) == sorted(keys.tolist())


def test_an_empty_index_finds_nothing_for_each_query(fill: Fill) -> None:
    index = fill(keys_of(), unit_vectors(0))
    hits = index.search(unit_vectors(2, seed=1), 5)
    assert len(index) == 0
    assert hits.counts.tolist() == [0, 0]
    assert found(hits, 0) == found(hits, 1) == []


def test_no_queries_give_no_rows(fill: Fill) -> None:
    hits = fill(some_keys(5), unit_vectors(5)).search(unit_vectors(0), 3)
    assert hits.counts.shape == (0,)
    assert len(hits.keys) == len(hits.scores) == 0


@pytest.mark.parametrize("dimension", [3, 7, 24, 100, 1280])
def test_equal_vectors_have_equal_scores_and_come_by_key(exact_fill: Fill, dimension: int) -> None:
    """Many more equal vectors than k and the candidates that FAISS is asked for beyond it."""
    count, k = 401, 5
    keys = some_keys(count)
    vectors = np.repeat(unit_vectors(1, dimension), count, axis=0)
    hits = exact_fill(keys, vectors).search(unit_vectors(1, dimension, seed=1), k)
    assert found_keys(hits) == sorted(keys.tolist())[:k]
    assert len(set(hits.scores[0].tolist())) == 1


def test_equal_vectors_behind_better_ones_come_by_key(exact_fill: Fill) -> None:
    query = unit_vectors(1)
    better = np.concatenate([query, query])
    vectors = np.concatenate([np.repeat(unit_vectors(1, seed=5), 100, axis=0), better])
    keys = np.concatenate([some_keys(100), keys_of(5_001, 5_000)])
    hits = exact_fill(keys, vectors).search(query, 10)
    assert found_keys(hits) == [5_000, 5_001, *sorted(keys.tolist())[:8]]


def test_a_batch_of_queries_equals_one_by_one(fill: Fill) -> None:
    keys, vectors = some_keys(200), unit_vectors(200)
    index, queries = fill(keys, vectors), unit_vectors(33, seed=1)
    batch = index.search(queries, 12)
    alone = [index.search(query[None], 12) for query in queries]
    assert [found(batch, row) for row in range(33)] == [found(hits) for hits in alone]


def test_agrees_with_the_exact_index_to_the_last_bit(fill: Fill) -> None:
    keys, vectors = some_keys(500), unit_vectors(500, 96)
    queries = unit_vectors(30, 96, seed=1)
    exact = FILLS["exact"](keys, vectors)
    index = fill(keys, vectors)
    for allowed in (None, KeySet(keys[::4])):
        wanted, got = exact.search(queries, 20, allowed), index.search(queries, 20, allowed)
        assert all_found(got) == all_found(wanted)


def test_the_order_of_insertion_does_not_matter(fill: Fill) -> None:
    keys, vectors = some_keys(150), unit_vectors(150)
    shuffled = np.random.default_rng(3).permutation(150)
    queries = unit_vectors(4, seed=1)
    one = fill(keys, vectors).search(queries, 20)
    other = fill(keys[shuffled], vectors[shuffled]).search(queries, 20)
    assert [found(one, row) for row in range(4)] == [found(other, row) for row in range(4)]


@pytest.mark.parametrize("k", [1, 5, 60])
def test_within_searches_a_subset_in_any_order(fill: Fill, k: int) -> None:
    keys, vectors = some_keys(200), unit_vectors(200)
    chosen = np.random.default_rng(2).permutation(200)[:40]
    query = unit_vectors(1, seed=1)
    hits = fill(keys, vectors).search(query, k, KeySet(keys[chosen]))
    assert_best(found(hits), keys[chosen], vectors[chosen], query[0], k)


def test_within_nothing_finds_nothing(fill: Fill) -> None:
    hits = fill(some_keys(20), unit_vectors(20)).search(unit_vectors(2), 5, keys_among())
    assert hits.counts.tolist() == [0, 0]


def test_within_ignores_unknown_and_repeated_keys(fill: Fill) -> None:
    index = fill(keys_of(10, 20, 30), unit_vectors(3))
    within = keys_among(99_999, 20, -4, 0, 20, 10, 2**62)
    assert sorted(found_keys(index.search(unit_vectors(1), 5, within))) == [10, 20]
    assert found_keys(index.search(unit_vectors(1), 5, keys_among(11, 12))) == []


def test_results_hold_no_padding_when_counts_are_followed(fill: Fill) -> None:
    keys, vectors = keys_of(3, 8), unit_vectors(2)
    hits = fill(keys, vectors).search(unit_vectors(2, seed=1), 10, keys_among(8, 9))
    assert hits.counts.tolist() == [1, 1]
    assert found_keys(hits, 0) == found_keys(hits, 1) == [8]


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(fill: Fill, k: int) -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        fill(some_keys(5), unit_vectors(5)).search(unit_vectors(1), k)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_query_that_is_not_finite_is_refused(fill: Fill, bad: float) -> None:
    queries = unit_vectors(3)
    queries[1, 2] = bad
    for count in (5, 0):
        with pytest.raises(ValueError, match="finite"):
            fill(some_keys(count), unit_vectors(count)).search(queries, 3)


@pytest.mark.parametrize("shape", [(2, DIMENSION + 1), (2, DIMENSION - 1), (DIMENSION,), (2, 0)])
def test_queries_of_another_dimension_are_refused(fill: Fill, shape: tuple[int, ...]) -> None:
    queries = np.ones(shape, dtype=np.float32)
    for count in (5, 0):
        with pytest.raises(DimensionMismatchError):
            fill(some_keys(count), unit_vectors(count)).search(queries, 3)


def test_searching_changes_no_input(fill: Fill) -> None:
    keys, vectors = some_keys(50), unit_vectors(50)
    queries, within = unit_vectors(3, seed=1), keys[::2].copy()
    arrays: list[NDArray[np.generic]] = [keys, vectors, queries, within]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    fill(keys, vectors).search(queries, 5, KeySet(within))
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)
