"""Indexes of every implementation, filled and empty.

Approximate kinds take part as the base of a live index, searched so thoroughly that they find all:
beside the wanted vectors the base has others, of which it was trained and which were removed.
"""

import numpy as np

from search_engine.indexes.base import VectorIndex
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.selection import KeySet
from search_engine.records import Keys, Vectors
from tests.contract import index_kinds
from tests.contract.index_kinds import LEAST_VECTORS, Found, build

DIMENSION = 24
SCORE_TOLERANCE = 1e-6
REMOVED = 10**9
"""Keys from here on are of vectors that were removed."""


def unit_vectors(count: int, dimension: int = DIMENSION, seed: int = 0) -> Vectors:
    return index_kinds.unit_vectors(count, dimension, seed)


def keys_of(*keys: int) -> Keys:
    return np.array(keys, dtype=np.int64)


def keys_among(*keys: int) -> KeySet:
    return KeySet(keys_of(*keys))


def flat_index(keys: Keys, vectors: Vectors) -> FaissIndex:
    return build("Flat", keys, vectors)


def used_live_index(dimension: int) -> LiveIndex:
    """An empty live index whose base and delta have been in use."""
    keys = keys_of(1, 2, 3, 900)
    vectors = unit_vectors(4, dimension, seed=91)
    index = LiveIndex(dimension, flat_index(keys, vectors))
    index.upsert(keys_of(2, 950), vectors[:2])
    index.remove(keys_of(1, 2, 3, 900, 950))
    return index


def filled(index: VectorIndex, keys: Keys, vectors: Vectors) -> VectorIndex:
    index.upsert(keys, vectors)
    return index


def over_kind(kind: str, keys: Keys, vectors: Vectors) -> LiveIndex:
    """A base of a kind; it also held what trained it and is removed."""
    others = REMOVED + np.arange(LEAST_VECTORS + 44, dtype=np.int64)
    rows = np.concatenate([vectors, unit_vectors(len(others), vectors.shape[1], seed=94)])
    index = LiveIndex(vectors.shape[1], build(kind, np.concatenate([keys, others]), rows))
    index.remove(others)
    return index


def assert_best(found: Found, keys: Keys, vectors: Vectors, query: Vectors, k: int) -> None:
    """The k best by float64 arithmetic on the vectors rounded to float16."""
    scores = vectors.astype(np.float16).astype(np.float64) @ query.astype(np.float64)
    order = np.lexsort((keys, -scores))[:k]
    assert [key for key, _ in found] == keys[order].tolist()
    np.testing.assert_allclose(
        [score for _, score in found], scores[order], rtol=0, atol=SCORE_TOLERANCE
    )
