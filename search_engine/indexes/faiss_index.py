"""FAISS: candidates from a FAISS index, exact scores from the stored vectors.

Hides FAISS's -1 padding, its positions and the sign of its metric. Whatever finds the candidates,
their scores are recomputed from the float16 vectors, so scores are exact, comparable between
kinds of index, and the same for one query or many. The kind is a FAISS factory string; `Flat`
finds all, approximate kinds come with their own oversampling.

Immutable: what changes lives in `search_engine.indexes.live`.
"""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.base import check_search, check_vectors, cosines, pack_hits, top_k
from search_engine.records import Hits, Keys, Vectors

ADD_ROWS = 65_536
TIE_MARGIN = 1e-5
"""FAISS and NumPy add in different orders; scores closer than this may be ties."""


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """A kind of FAISS index: its factory string, and candidates fetched beyond k."""

    factory: str = "Flat"
    oversample: int = 16


class FaissIndex:
    """Vectors under ascending keys, searched through FAISS.

    `searcher` is the FAISS index, whose positions are those of `keys` (N,), int64, ascending, and
    `vectors` (N, D), float16, which may be memory-mapped.
    """

    def __init__(
        self, spec: IndexSpec, searcher: Any, keys: Keys, vectors: NDArray[np.float16]
    ) -> None:
        self.spec = spec
        self.searcher = searcher
        self.keys = keys
        self.vectors = vectors
        self.dimension = int(vectors.shape[1])

    @classmethod
    def build(cls, spec: IndexSpec, keys: Keys, vectors: NDArray[np.float16]) -> "FaissIndex":
        """Train and fill an index.

        Raises:
            DimensionMismatchError: The vectors are not (N, D).
            ValueError: Keys do not ascend strictly, or a vector is not finite.
        """
        check_vectors(vectors, vectors.shape[1])
        if len(keys) != len(vectors) or np.any(np.diff(keys) <= 0):
            raise ValueError("keys must ascend strictly, one for each vector")
        dimension = int(vectors.shape[1])
        searcher = faiss.index_factory(dimension, spec.factory, faiss.METRIC_INNER_PRODUCT)
        if not searcher.is_trained:
            searcher.train(vectors[:].astype(np.float32))
        for start in range(0, len(vectors), ADD_ROWS):
            searcher.add(vectors[start : start + ADD_ROWS].astype(np.float32))
        return cls(spec, searcher, keys, vectors)

    def __len__(self) -> int:
        return len(self.keys)

    def positions(self, keys: Keys) -> NDArray[np.int64]:
        """Where those of the keys that are here stand."""
        if len(self.keys) == 0:
            return np.empty(0, dtype=np.int64)
        found = np.searchsorted(self.keys, keys)
        found[found == len(self.keys)] = 0
        here: NDArray[np.int64] = found[self.keys[found] == keys]
        return here

    def search(
        self,
        queries: Vectors,
        k: int,
        within: Keys | None = None,
        without: NDArray[np.bool_] | None = None,
    ) -> Hits:
        """See VectorIndex; `without` masks positions, shape (N,)."""
        check_search(queries, k, self.dimension)
        allowed = self._allowed(within, without)
        available = len(self) if allowed is None else int(np.count_nonzero(allowed))
        if available == 0:
            return pack_hits([(self.keys[:0], np.empty(0, np.float32)) for _ in queries])
        parameters = _parameters(allowed)
        fetch = min(k + self.spec.oversample, available)
        scores, positions = self.searcher.search(
            np.ascontiguousarray(queries, dtype=np.float32), fetch, params=parameters
        )
        rows = []
        for query, row_scores, row in zip(queries, scores, positions, strict=True):
            row = self._with_ties(query, k, row_scores, row, available, parameters)
            rows.append(self._rescore(query, row[row >= 0], k))
        return pack_hits(rows)

    def _allowed(
        self, within: Keys | None, without: NDArray[np.bool_] | None
    ) -> NDArray[np.bool_] | None:
        """Which positions may be found; None means all."""
        allowed: NDArray[np.bool_] | None = None
        if within is not None:
            allowed = np.zeros(len(self), dtype=np.bool_)
            allowed[self.positions(within)] = True
        if without is not None:
            allowed = ~without if allowed is None else allowed & ~without
        return allowed

    def _with_ties(
        self,
        query: NDArray[np.float32],
        k: int,
        scores: NDArray[np.float32],
        positions: NDArray[np.int64],
        available: int,
        parameters: Any,
    ) -> NDArray[np.int64]:
        """Fetch more while the last candidate may tie with the k-th: ties are ordered by key."""
        fetch = len(positions)
        while k <= fetch < available and scores[k - 1] - scores[-1] < TIE_MARGIN:
            fetch = min(fetch * 4, available)
            found, where = self.searcher.search(query[None], fetch, params=parameters)
            scores, positions = found[0], where[0]
        return positions

    def _rescore(
        self, query: NDArray[np.float32], positions: NDArray[np.int64], k: int
    ) -> tuple[Keys, NDArray[np.float32]]:
        scores = cosines(query, self.vectors[positions])
        return top_k(self.keys[positions], scores, k)


def _parameters(allowed: NDArray[np.bool_] | None) -> Any:
    """FAISS search parameters that restrict a search to positions; None for no restriction."""
    if allowed is None:
        return None
    bits = np.packbits(allowed, bitorder="little")
    selector = faiss.IDSelectorBitmap(bits)
    return faiss.SearchParameters(sel=selector)
