"""Patches against a comparison with every row, and how their changes are read from a catalog."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from search_engine.catalog.patch_keys import row_keys
from search_engine.catalog.patch_rows import (
    count_patched,
    keys_without_patches,
    patch_changes,
    put_patches,
    set_patches,
)
from search_engine.catalog.store import Catalog
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.patches import Patches
from search_engine.indexes.selection import KeySet
from tests.small_catalog import (
    DIMENSION,
    FINGERPRINT,
    bound_collection,
    open_catalog,
    put,
    remove,
    unit_vectors,
)

ITEMS, COUNT = 40, 5
KEYS = 3 * np.arange(ITEMS) + 2


@pytest.fixture(scope="module")
def patches() -> Patches:
    """Items of which the first has all rows that are near to it."""
    rows = unit_vectors(ITEMS * COUNT)
    rows[:COUNT] = rows[0]
    index = LiveIndex(DIMENSION)
    index.upsert(row_keys(KEYS, COUNT), rows)
    return Patches(index.snapshot, COUNT)


@pytest.mark.parametrize("k", [1, 2, 7, ITEMS, ITEMS + 5])
def test_items_come_once_by_their_best_row(patches: Patches, k: int) -> None:
    vectors = patches.snapshot.vectors(row_keys(KEYS, COUNT))
    queries = np.concatenate([vectors[:1], unit_vectors(3, seed=1)])
    for within in (None, KeySet(KEYS[::3])):
        chosen = np.ones(ITEMS, dtype=bool) if within is None else within.contains(KEYS)
        best = (queries @ vectors.T).reshape(len(queries), ITEMS, COUNT).max(axis=2)
        for (keys, scores), own in zip(patches.nearest(queries, k, within), best, strict=True):
            order = np.lexsort((KEYS[chosen], -own[chosen]))[:k]
            np.testing.assert_array_equal(keys, KEYS[chosen][order])
            np.testing.assert_allclose(scores, own[chosen][order], atol=1e-6)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as catalog:
        yield catalog


def test_changes_since_a_number_lead_to_what_is_there(catalog: Catalog) -> None:
    collection = bound_collection(catalog)
    keys = put(catalog, collection, ["a", "b", "c", "d"])
    with catalog.write() as writer:
        set_patches(writer, collection.id, COUNT)
    collection = catalog.collection(collection.name)
    assert catalog.ask(lambda each: keys_without_patches(each, collection)).tolist() == sorted(
        keys.values()
    )

    def give(*names: str, seed: int = 0, as_of: int | None = None) -> None:
        made = {keys[name]: unit_vectors(COUNT, seed + keys[name]) for name in names}
        with catalog.write() as writer:
            put_patches(writer, collection.id, FINGERPRINT, made, as_of)

    index = LiveIndex(DIMENSION, seq=-1)

    def follow() -> list[int]:
        with catalog.read() as connection:
            changes = patch_changes(connection, collection, index.snapshot.seq)
            every = patch_changes(connection, collection, -1)
        index.apply(changes.seq, changes.keys, changes.vectors, changes.removed)
        np.testing.assert_array_equal(index.snapshot.keys(), every.keys)
        np.testing.assert_array_equal(
            index.snapshot.vectors(every.keys), every.vectors.astype(np.float32)
        )
        return sorted({int(row) // 16 for row in every.keys})

    assert follow() == []
    give("a", "b", "c")
    assert follow() == sorted(keys[name] for name in "abc")
    before = catalog.seq()
    put(catalog, collection, ["b"])  # another picture: its patches are of the former one
    assert follow() == sorted(keys[name] for name in "ac")
    give("b", as_of=before)
    assert follow() == sorted(keys[name] for name in "ac")
    give("a", "b", seed=9)
    remove(catalog, keys["c"])
    give("c")
    assert follow() == sorted(keys[name] for name in "ab")
    assert catalog.ask(lambda each: count_patched(each, collection)) == 2
    with catalog.write() as writer:
        writer.keep_vectors_of(collection.id, ["o" * 32])
    assert catalog.ask(lambda each: count_patched(each, collection)) == 0
