"""Invariants of indexes: batches, order of insertion, saving and loading."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_engine.indexes import generations as generation
from search_engine.indexes.base import VectorIndex, positions_of
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.manifest import Manifest
from search_engine.indexes.selection import KeySet, Selection
from search_engine.indexes.spec import IndexSpec
from search_engine.records import Hits, Keys, Vectors
from tests.contract.exact_index import ExactIndex
from tests.small_catalog import unit_vectors

steady = settings(deadline=None, derandomize=True, database=None, max_examples=60)

sizes = st.integers(0, 80)
dimensions = st.integers(1, 40)
numbers = st.integers(0, 2**32 - 1)
neighbors_wanted = st.integers(1, 90)

Row = list[tuple[int, float]]


def rows(hits: Hits) -> list[Row]:
    found = [hits.row(row) for row in range(len(hits.counts))]
    return [list(zip(keys.tolist(), scores.tolist(), strict=True)) for keys, scores in found]


def gallery(size: int, dimension: int, seed: int) -> tuple[Keys, Vectors]:
    """Ascending keys and vectors of which some are equal."""
    rng = np.random.default_rng(seed)
    keys = np.sort(rng.choice(10 * size + 1, size, replace=False)).astype(np.int64)
    distinct = unit_vectors(max(1, size // 2), seed, dimension)
    return keys, distinct[rng.integers(0, len(distinct), size)]


def faiss_index(keys: Keys, vectors: Vectors) -> FaissIndex:
    return FaissIndex.build(IndexSpec(), keys, vectors.astype(np.float16))


@pytest.mark.parametrize("make", [ExactIndex, LiveIndex])
@steady
@given(size=sizes, dimension=dimensions, seed=numbers, k=neighbors_wanted, split=numbers)
def test_neither_batches_nor_the_order_of_insertion_matter(
    make: type[ExactIndex] | type[LiveIndex],
    size: int,
    dimension: int,
    seed: int,
    k: int,
    split: int,
) -> None:
    keys, vectors = gallery(size, dimension, seed)
    one: VectorIndex = make(dimension)
    one.upsert(keys, vectors)
    other: VectorIndex = make(dimension)
    order = np.random.default_rng(split).permutation(size)
    for part in np.array_split(order, 1 + split % 5):
        other.upsert(keys[part], vectors[part])
    queries = unit_vectors(7, seed + 1, dimension)
    whole = rows(one.search(queries, k))
    cut = split % 8
    parts = rows(other.search(queries[:cut], k)) + rows(other.search(queries[cut:], k))
    assert parts == whole


@steady
@given(size=sizes, dimension=dimensions, seed=numbers, k=neighbors_wanted, share=st.floats(0, 1))
def test_faiss_equals_exact_with_and_without_restriction(
    size: int, dimension: int, seed: int, k: int, share: float
) -> None:
    keys, vectors = gallery(size, dimension, seed)
    exact = ExactIndex(dimension)
    exact.upsert(keys, vectors)
    index = faiss_index(keys, vectors)
    queries = unit_vectors(3, seed + 1, dimension)
    within = keys[np.random.default_rng(seed).random(size) < share]
    assert rows(index.search(queries, k)) == rows(exact.search(queries, k))
    selection = Selection(positions_of(index.keys, within), size)
    found = rows(index.search(queries, k, selection))
    assert found == rows(exact.search(queries, k, KeySet(within)))
    live = LiveIndex(dimension, index)
    live.remove(within)
    others = KeySet(np.setdiff1d(keys, within))
    assert rows(live.search(queries, k)) == rows(exact.search(queries, k, others))


@settings(steady, max_examples=15)
@given(size=sizes, dimension=dimensions, seed=numbers, k=neighbors_wanted)
def test_saving_and_loading_gives_equal_hits(size: int, dimension: int, seed: int, k: int) -> None:
    keys, vectors = gallery(size, dimension, seed)
    index = faiss_index(keys, vectors)
    manifest = Manifest("uid", "fingerprint", 3, size, dimension, IndexSpec())
    queries = unit_vectors(3, seed + 1, dimension)
    with tempfile.TemporaryDirectory(prefix="eyedex-test-") as folder:
        generation.publish(Path(folder), manifest, index)
        found = generation.load(Path(folder), "uid", "fingerprint")
        assert found is not None
        assert found.findings == ()
        assert rows(found.index.search(queries, k)) == rows(index.search(queries, k))
