"""USearch: HNSW over float32, float16, bfloat16 or 8-bit integers.

https://unum-cloud.github.io/usearch/python. Rows are given as float32 and converted by USearch.
Without a `dtype` it takes bfloat16 where the processor has it, else float32.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from benchmarks.rivals.base import BUILD_EFFORT, CONNECTIVITY, EFFORTS, Ids, Place, Row, Rows
from benchmarks.rivals.halves import map_halves

RESCORED = 30
"""Candidates that are scored again, three for each place of ten."""
QUERIES_AT_ONCE = 128


class UsearchIndex:
    """See IndexEngine. `dtype` is how the vectors are held: f32, f16, bf16 or i8."""

    efforts = EFFORTS

    def __init__(self, place: Place, dtype: str) -> None:
        self._place = place
        self._dtype = dtype
        self._index: Any = None

    @property
    def setting(self) -> str:
        """See IndexEngine."""
        index = self._index
        return (
            f"connectivity={index.connectivity} expansion_add={index.expansion_add} "
            f"expansion_search={index.expansion_search}, {self._dtype}, "
            f"kernels for {index.hardware_acceleration}"
        )

    def build(self, vectors: Rows) -> None:
        """See IndexEngine."""
        self._index = Index(
            ndim=vectors.shape[1],
            metric="ip",
            dtype=self._dtype,
            connectivity=CONNECTIVITY,
            expansion_add=BUILD_EFFORT,
        )
        self._index.add(np.arange(len(vectors)), vectors, threads=self._place.threads)

    def set_effort(self, effort: int) -> None:
        """See IndexEngine."""
        self._index.expansion_search = effort

    def search(self, queries: Rows, k: int) -> Ids:
        """See IndexEngine."""
        found = self._index.search(queries, k, threads=self._place.threads)
        return np.asarray(found.keys).astype(np.int64)

    def search_one(self, query: Row, k: int) -> Ids:
        """See IndexEngine."""
        return np.asarray(self._index.search(query, k, threads=1).keys).astype(np.int64)

    def memory_bytes(self) -> int | None:
        """See IndexEngine."""
        return int(self._index.serialized_length)

    def mapped_bytes(self) -> int:
        """See IndexEngine."""
        return 0

    def close(self) -> None:
        """See IndexEngine."""
        self._index = None


class RescoredUsearchIndex(UsearchIndex):
    """Candidates from 8-bit integers, scored again in NumPy from float16 rows in a mapped file."""

    def __init__(self, place: Place, dtype: str = "i8") -> None:
        super().__init__(place, dtype)
        self._halves: NDArray[np.float16] | None = None

    @property
    def setting(self) -> str:
        """See IndexEngine."""
        return f"{super().setting}, {RESCORED} rescored from mapped float16"

    def build(self, vectors: Rows) -> None:
        """See IndexEngine."""
        self._halves = map_halves(vectors, self._place.folder / "vectors.f16")
        super().build(vectors)

    def search(self, queries: Rows, k: int) -> Ids:
        """See IndexEngine."""
        candidates = super().search(queries, self._fetched(k))
        starts = range(0, len(queries), QUERIES_AT_ONCE)
        parts = [slice(start, start + QUERIES_AT_ONCE) for start in starts]
        return np.concatenate([self._best(queries[part], candidates[part], k) for part in parts])

    def search_one(self, query: Row, k: int) -> Ids:
        """See IndexEngine."""
        candidates = super().search_one(query, self._fetched(k))
        best: Ids = self._best(query[None], candidates[None], k)[0]
        return best

    def mapped_bytes(self) -> int:
        """See IndexEngine."""
        return 0 if self._halves is None else self._halves.nbytes

    def close(self) -> None:
        """See IndexEngine."""
        super().close()
        self._halves = None

    def _fetched(self, k: int) -> int:
        most: int = min(RESCORED, self._index.expansion_search, len(self._index))
        return max(k, most)

    def _best(self, queries: Rows, candidates: Ids, k: int) -> Ids:
        """The k best of the candidates (Q, C) of each query by exact score, (Q, k)."""
        assert self._halves is not None
        rows = self._halves[candidates].astype(np.float32)
        scores = (rows @ queries[:, :, None])[:, :, 0]
        order = np.argsort(-scores, axis=1)[:, :k]
        return np.take_along_axis(candidates, order, axis=1)
