"""The table of hashes: found as by comparing all, whatever came when."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search_engine.images.picture_hash import STORED, are_copies, unpack_hashes
from search_engine.indexes.hashes import RECENT, HashTable


def hashes(count: int, seed: int = 0) -> list[bytes]:
    """Random ones, of which some come near each other."""
    random = np.random.default_rng(seed)
    found = np.zeros(count, dtype=STORED)
    found["signs"] = random.integers(0, 2**64, (count, 4), dtype=np.uint64)
    found["signs"][1::3] = found["signs"][0] ^ np.uint64(0b11)
    found["colours"] = 100
    return [each.tobytes() for each in found]


def keys_of(*keys: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(keys, dtype=np.int64)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80), st.integers(1, 9))
def test_the_last_hash_of_each_key_counts(order: list[int], step: int) -> None:
    table, known = HashTable(), dict[int, bytes]()
    blobs = hashes(len(order))
    for start in range(0, len(order), step):
        part = dict(zip(order[start : start + step], blobs[start : start + step], strict=False))
        known |= part
        ascending = sorted(part)
        table = table.with_changes(start, keys_of(*ascending), [part[key] for key in ascending])
    assert len(table) == len(known)
    one = unpack_hashes(blobs[:1])[0]
    every = keys_of(*sorted(known))
    same = are_copies(one, unpack_hashes([known[key] for key in every.tolist()]))
    assert table.copies_of(blobs[0]).tolist() == every[same].tolist()
    there, found = table.of(keys_of(*range(31)))
    assert np.flatnonzero(there).tolist() == every.tolist()
    assert [each.tobytes() for each in found] == [known[key] for key in every.tolist()]


def test_many_changes_are_merged_and_nothing_is_lost() -> None:
    count = 3 * RECENT
    blobs = hashes(count)
    table = HashTable()
    for start in range(0, count, RECENT // 2):
        part = range(start, start + RECENT // 2)
        table = table.with_changes(start, keys_of(*part), blobs[start : part.stop])
    assert len(table) == count
    assert table.seq == count - RECENT // 2
    assert table.copies_of(blobs[0]).tolist() == [0, *range(1, count, 3)]


def test_an_empty_table_finds_nothing() -> None:
    assert HashTable().copies_of(hashes(1)[0]).tolist() == []
    assert len(HashTable()) == 0
