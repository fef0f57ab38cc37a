"""What every index does when it is changed, over every implementation that can be."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from search_engine.errors import DimensionMismatchError
from search_engine.indexes.base import VectorIndex
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.spec import IndexSpec
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
from tests.contract.index_kinds import found, found_keys, some_keys

pytestmark = pytest.mark.usefixtures("faiss_only")

Empty = Callable[[int], VectorIndex]


def emptied(kind: str, dimension: int) -> LiveIndex:
    """A base of a kind, all of whose vectors were removed."""
    return over_kind(kind, keys_of(), unit_vectors(0, dimension))


EMPTIES: dict[str, Empty] = {
    "exact": ExactIndex,
    "live": LiveIndex,
    "live, used before": used_live_index,
    "live, emptied PQ": partial(emptied, "IVF16,PQ8x4fs"),
    "live, emptied graph": partial(emptied, "HNSW16,SQ8"),
}


@pytest.fixture(params=EMPTIES, ids=str)
def empty(request: pytest.FixtureRequest) -> Empty:
    """Makes an index without vectors that can be changed."""
    return EMPTIES[request.param]


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
