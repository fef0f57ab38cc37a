"""What every index does, over every implementation, held against arithmetic written out here.

Approximate kinds take part as the base of a live index, searched so thoroughly that they find all:
beside the wanted vectors the base has others, of which it was trained and which were removed.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.errors import DimensionMismatchError
from search_engine.indexes.base import VectorIndex
from search_engine.indexes.faiss import index as faiss_index_module
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.selection import KeySet
from search_engine.indexes.spec import IndexSpec
from search_engine.records import Keys, Vectors
from tests.contract import index_kinds
from tests.contract.exact_index import ExactIndex
from tests.contract.index_kinds import (
    APPROXIMATE,
    LEAST_VECTORS,
    Found,
    all_found,
    build,
    found,
    found_keys,
    some_keys,
)

DIMENSION = 24
SCORE_TOLERANCE = 1e-6
REMOVED = 10**9
"""Keys from here on are of vectors that were removed."""

Fill = Callable[[Keys, Vectors], VectorIndex]
Empty = Callable[[int], VectorIndex]


def unit_vectors(count: int, dimension: int = DIMENSION, seed: int = 0) -> Vectors:
    return index_kinds.unit_vectors(count, dimension, seed)


def keys_of(*keys: int) -> Keys:
    return np.array(keys, dtype=np.int64)


def keys_among(*keys: int) -> KeySet:
    return KeySet(keys_of(*keys))


def flat_index(keys: Keys, vectors: Vectors) -> FaissIndex:
    return build("Flat", keys, vectors)


def published(keys: Keys, vectors: Vectors) -> LiveIndex:
    """All is in the base."""
    return LiveIndex(vectors.shape[1], flat_index(keys, vectors))


def used_live_index(dimension: int) -> LiveIndex:
    """An empty live index whose base and delta have been in use."""
    keys = keys_of(1, 2, 3, 900)
    vectors = unit_vectors(4, dimension, seed=91)
    index = LiveIndex(dimension, flat_index(keys, vectors))
    index.upsert(keys_of(2, 950), vectors[:2])
    index.remove(keys_of(1, 2, 3, 900, 950))
    return index


def emptied(kind: str, dimension: int) -> LiveIndex:
    """A base of a kind, all of whose vectors were removed."""
    return over_kind(kind, keys_of(), unit_vectors(0, dimension))


def filled(index: VectorIndex, keys: Keys, vectors: Vectors) -> VectorIndex:
    index.upsert(keys, vectors)
    return index


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


def over_kind(kind: str, keys: Keys, vectors: Vectors) -> LiveIndex:
    """A base of a kind; it also held what trained it and is removed."""
    others = REMOVED + np.arange(LEAST_VECTORS + 44, dtype=np.int64)
    rows = np.concatenate([vectors, unit_vectors(len(others), vectors.shape[1], seed=94)])
    index = LiveIndex(vectors.shape[1], build(kind, np.concatenate([keys, others]), rows))
    index.remove(others)
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

EMPTIES: dict[str, Empty] = {
    "exact": ExactIndex,
    "live": LiveIndex,
    "live, used before": used_live_index,
    "live, emptied PQ": partial(emptied, "IVF16,PQ8x4fs"),
    "live, emptied graph": partial(emptied, "HNSW16,SQ8"),
}


@pytest.fixture(params=EXACT_FILLS, ids=str)
def exact_fill(request: pytest.FixtureRequest) -> Fill:
    """Makes an exact index with the given keys and vectors."""
    return EXACT_FILLS[request.param]


@pytest.fixture(autouse=True)
def leave_the_search_to_faiss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing with all of so few vectors would be quicker, and no test of a kind."""
    monkeypatch.setattr(faiss_index_module, "SCAN_NS", 10**12)


@pytest.fixture(params=FILLS, ids=str)
def fill(request: pytest.FixtureRequest) -> Fill:
    """Makes an index with the given keys and vectors."""
    return FILLS[request.param]


@pytest.fixture(params=EMPTIES, ids=str)
def empty(request: pytest.FixtureRequest) -> Empty:
    """Makes an index without vectors that can be changed."""
    return EMPTIES[request.param]


def assert_best(found: Found, keys: Keys, vectors: Vectors, query: Vectors, k: int) -> None:
    """The k best by float64 arithmetic on the vectors rounded to float16."""
    scores = vectors.astype(np.float16).astype(np.float64) @ query.astype(np.float64)
    order = np.lexsort((keys, -scores))[:k]
    assert [key for key, _ in found] == keys[order].tolist()
    np.testing.assert_allclose(
        [score for _, score in found], scores[order], rtol=0, atol=SCORE_TOLERANCE
    )


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


def test_what_was_given_may_be_changed_afterwards(empty: Empty) -> None:
    keys, vectors, query = keys_of(1, 2), unit_vectors(2), unit_vectors(1, seed=1)
    index = filled(empty(DIMENSION), keys, vectors)
    before = found(index.search(query, 2))
    keys[:], vectors[:] = 7, 0.0
    assert found(index.search(query, 2)) == before


def test_upsert_twice_keeps_the_last_vector(empty: Empty) -> None:
    index, vectors = empty(DIMENSION), unit_vectors(3)
    index.upsert(keys_of(4, 5), vectors[:2])
    index.upsert(keys_of(4), vectors[2:])
    assert len(index) == 2
    assert found_keys(index.search(vectors[2:], 1)) == [4]
    (score,) = index.search(vectors[:1], 1, keys_among(4)).row(0)[1].tolist()
    assert score < 0.99


def test_of_a_key_repeated_in_one_upsert_the_last_counts(empty: Empty) -> None:
    index, vectors = empty(DIMENSION), unit_vectors(4)
    index.upsert(keys_of(9, 4, 9, 9), vectors)
    assert len(index) == 2
    hits = index.search(vectors[3:], 5)
    assert found_keys(hits)[0] == 9
    assert hits.scores[0, 0] == pytest.approx(1.0, abs=2e-3)
    assert sorted(found_keys(hits)) == [4, 9]


def test_what_is_removed_is_not_found(empty: Empty) -> None:
    vectors = unit_vectors(3)
    index = filled(empty(DIMENSION), keys_of(1, 2, 3), vectors)
    index.remove(keys_of(2))
    assert len(index) == 2
    assert found_keys(index.search(vectors[1:2], 3)) != [2]
    assert sorted(found_keys(index.search(vectors[1:2], 3))) == [1, 3]
    assert found_keys(index.search(vectors[1:2], 3, keys_among(2))) == []


def test_removing_unknown_keys_or_none_changes_nothing(empty: Empty) -> None:
    vectors = unit_vectors(2)
    index = filled(empty(DIMENSION), keys_of(1, 2), vectors)
    index.remove(keys_of(77, -1))
    index.remove(keys_of())
    index.upsert(keys_of(), unit_vectors(0))
    assert sorted(found_keys(index.search(vectors[:1], 5))) == [1, 2]


def test_a_removed_key_can_come_back(empty: Empty) -> None:
    vectors = unit_vectors(3)
    index = filled(empty(DIMENSION), keys_of(1, 2), vectors[:2])
    index.remove(keys_of(1))
    index.remove(keys_of(1))
    index.upsert(keys_of(1), vectors[2:])
    assert len(index) == 2
    assert found_keys(index.search(vectors[2:], 1)) == [1]


def test_grows_past_every_first_capacity(empty: Empty) -> None:
    index, keys, vectors = empty(DIMENSION), some_keys(1_500), unit_vectors(1_500)
    for start in range(0, 1_500, 170):
        index.upsert(keys[start : start + 170], vectors[start : start + 170])
    query = unit_vectors(1, seed=1)
    assert len(index) == 1_500
    assert_best(found(index.search(query, 50)), keys, vectors, query[0], 50)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_refused_and_change_nothing(
    empty: Empty, bad: float
) -> None:
    vectors = unit_vectors(3)
    index = filled(empty(DIMENSION), keys_of(1), vectors[:1])
    vectors[2, 0] = bad
    with pytest.raises(ValueError, match="finite"):
        index.upsert(keys_of(1, 2), vectors[1:])
    assert found_keys(index.search(vectors[:1], 5)) == [1]
    assert index.search(vectors[:1], 1).scores[0, 0] == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize(
    ("count", "shape"),
    [(2, (2, DIMENSION + 1)), (1, (DIMENSION,)), (2, (3, DIMENSION)), (3, (2, DIMENSION))],
)
def test_vectors_that_do_not_fit_are_refused_and_change_nothing(
    empty: Empty, count: int, shape: tuple[int, ...]
) -> None:
    index = filled(empty(DIMENSION), keys_of(1), unit_vectors(1))
    with pytest.raises(DimensionMismatchError):
        index.upsert(np.arange(count, dtype=np.int64), np.ones(shape, dtype=np.float32))
    assert len(index) == 1


def test_a_snapshot_does_not_see_later_changes() -> None:
    vectors = unit_vectors(600)
    index = LiveIndex(DIMENSION, flat_index(keys_of(1, 2), vectors[:2]))
    index.upsert(keys_of(3), vectors[2:3])
    snapshot = index.snapshot
    before = found(snapshot.search(vectors[:1], 10))
    index.remove(keys_of(1, 3))
    index.upsert(np.arange(2, 600, dtype=np.int64), vectors[2:])
    assert found(snapshot.search(vectors[:1], 10)) == before
    assert snapshot.keys().tolist() == [1, 2, 3]
    assert len(snapshot) == 3


def test_a_snapshot_counts_what_the_base_does_not_have_yet() -> None:
    vectors = unit_vectors(100)
    index = LiveIndex(DIMENSION, flat_index(np.arange(100, dtype=np.int64), vectors))
    assert (index.snapshot.pending, index.snapshot.needs_compaction()) == (0, False)
    index.remove(keys_of(0, 1, 2))
    assert (index.snapshot.pending, index.snapshot.needs_compaction()) == (3, False)
    index.upsert(keys_of(5, 200), vectors[:2])  # key 5 masks one more place of the base
    assert (index.snapshot.pending, index.snapshot.needs_compaction()) == (6, True)


def test_a_faiss_index_wants_strictly_ascending_keys_and_finite_vectors() -> None:
    vectors = unit_vectors(2).astype(np.float16)
    for keys in (keys_of(2, 1), keys_of(1, 1), keys_of(1)):
        with pytest.raises(ValueError, match="ascend"):
            FaissIndex.build(IndexSpec(), keys, vectors)
    vectors[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        FaissIndex.build(IndexSpec(), keys_of(1, 2), vectors)
