"""NumPy brute force: the oracle that indexes are held against."""

import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.base import (
    check_search,
    check_upsert,
    last_of_each,
    pack_hits,
    top_k,
)
from search_engine.indexes.scoring import cosines
from search_engine.indexes.selection import KeySet
from search_engine.records import Hits, Keys, Vectors


class ExactIndex:
    """All vectors in one array, all compared. See VectorIndex."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._keys: Keys = np.empty(0, dtype=np.int64)
        self._vectors: NDArray[np.float16] = np.empty((0, dimension), dtype=np.float16)

    def __len__(self) -> int:
        return len(self._keys)

    def upsert(self, keys: Keys, vectors: NDArray[np.floating]) -> None:
        """See VectorIndex."""
        check_upsert(keys, vectors, self.dimension)
        last = last_of_each(keys)
        self.remove(keys)
        self._keys = np.concatenate([self._keys, keys[last]])
        self._vectors = np.concatenate([self._vectors, vectors[last].astype(np.float16)])

    def remove(self, keys: Keys) -> None:
        """See VectorIndex."""
        keep = ~np.isin(self._keys, keys)
        self._keys, self._vectors = self._keys[keep], self._vectors[keep]

    def search(self, queries: Vectors, k: int, within: KeySet | None = None) -> Hits:
        """See VectorIndex."""
        check_search(queries, k, self.dimension)
        keys, vectors = self._keys, self._vectors
        if within is not None:
            chosen = within.contains(keys)
            keys, vectors = keys[chosen], vectors[chosen]
        return pack_hits([top_k(keys, cosines(query, vectors), k) for query in queries])
