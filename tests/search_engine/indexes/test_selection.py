"""Sets of keys and of rows."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.selection import KeySet, Selection
from search_engine.indexes.spec import IndexSpec
from search_engine.records import Keys
from tests.small_catalog import DIMENSION, unit_vectors

steady = settings(deadline=None, derandomize=True, database=None, max_examples=150)
some_keys = st.lists(st.integers(-5, 60) | st.sampled_from([-(2**63), 2**63 - 1]), max_size=40)


def keys_of(*keys: int) -> Keys:
    return np.array(keys, dtype=np.int64)


def live_index(*keys: int) -> LiveIndex:
    base = FaissIndex.build(IndexSpec(), keys_of(*keys), unit_vectors(len(keys)))
    return LiveIndex(DIMENSION, base)


@pytest.mark.parametrize("rows", [[], [0], [7], [8], [0, 1, 9, 15, 16], list(range(17))])
def test_bits_stand_for_rows_lowest_first(rows: list[int]) -> None:
    bits = Selection(np.array(rows, dtype=np.int64), 17).bits
    assert (str(bits.dtype), len(bits)) == ("uint8", 3)
    assert [row for row in range(24) if bits[row // 8] >> row % 8 & 1] == rows


@steady
@given(members=some_keys, asked=some_keys)
def test_a_key_set_contains_its_keys(members: list[int], asked: list[int]) -> None:
    """In any order, repeated or not."""
    chosen = KeySet(keys_of(*members))
    assert len(chosen) == len(set(members))
    assert chosen.keys.tolist() == sorted(set(members))
    assert chosen.contains(keys_of(*asked)).tolist() == [key in members for key in asked]


@steady
@given(stored=st.sets(st.integers(0, 50)), members=some_keys, removed=some_keys)
def test_the_rows_of_a_key_set_are_those_that_hold_its_keys_and_count(
    stored: set[int], members: list[int], removed: list[int]
) -> None:
    index = live_index(*sorted(stored))
    index.remove(keys_of(*removed))
    selection = index.snapshot.rows(KeySet(keys_of(*members)))
    wanted = [
        row
        for row, key in enumerate(sorted(stored))
        if key in set(members) and key not in set(removed)
    ]
    assert (selection.positions.tolist(), selection.size) == (wanted, len(stored))


def test_the_rows_are_looked_up_once_for_a_snapshot_and_anew_for_the_next() -> None:
    index, chosen = live_index(1, 2, 3), KeySet(keys_of(2, 3))
    first = index.snapshot.rows(chosen)
    assert index.snapshot.rows(chosen) is first
    index.remove(keys_of(3))
    assert index.snapshot.rows(chosen).positions.tolist() == [1]
    assert first.positions.tolist() == [1, 2]


def test_two_snapshots_searched_in_turn_are_not_mixed_up() -> None:
    index, chosen = live_index(1, 2, 3), KeySet(keys_of(2, 3))
    before = index.snapshot
    index.remove(keys_of(2))
    for _ in range(2):
        assert sorted(before.search(unit_vectors(1), 5, chosen).row(0)[0].tolist()) == [2, 3]
        assert index.search(unit_vectors(1), 5, chosen).row(0)[0].tolist() == [3]


def test_a_key_set_keeps_no_snapshot_alive() -> None:
    index, chosen = live_index(1, 2, 3), KeySet(keys_of(2))
    index.snapshot.rows(chosen)
    gone = weakref.ref(index.snapshot)
    index.remove(keys_of(1))
    gc.collect()
    assert gone() is None
