"""FAISS' plain HNSW over float32, without anything of ours around it.

https://github.com/facebookresearch/faiss/wiki/Guidelines-to-choose-an-index: HNSW is what its
guide to choosing an index recommends when memory does not matter.
"""

from typing import Any

import faiss
import numpy as np

from benchmarks.rivals.base import BUILD_EFFORT, EFFORTS, Ids, Place, Row, Rows

CONNECTIVITY = 32


class FaissHnswIndex:
    """See IndexEngine."""

    efforts = EFFORTS

    def __init__(self, place: Place) -> None:
        faiss.omp_set_num_threads(place.threads)
        self._index: Any = None

    @property
    def setting(self) -> str:
        """See IndexEngine."""
        return (
            f"HNSW{CONNECTIVITY} efConstruction={BUILD_EFFORT} "
            f"efSearch={self._index.hnsw.efSearch}, float32, {faiss.get_compile_options().strip()}"
        )

    def build(self, vectors: Rows) -> None:
        """See IndexEngine."""
        self._index = faiss.IndexHNSWFlat(
            vectors.shape[1], CONNECTIVITY, faiss.METRIC_INNER_PRODUCT
        )
        self._index.hnsw.efConstruction = BUILD_EFFORT
        self._index.add(np.ascontiguousarray(vectors))

    def set_effort(self, effort: int) -> None:
        """See IndexEngine."""
        self._index.hnsw.efSearch = effort

    def search(self, queries: Rows, k: int) -> Ids:
        """See IndexEngine."""
        _, ids = self._index.search(queries, k)
        return np.asarray(ids, dtype=np.int64)

    def search_one(self, query: Row, k: int) -> Ids:
        """See IndexEngine."""
        _, ids = self._index.search(query[None], k)
        return np.asarray(ids[0], dtype=np.int64)

    def memory_bytes(self) -> int | None:
        """See IndexEngine."""
        return serialized_bytes(self._index)

    def mapped_bytes(self) -> int:
        """See IndexEngine."""
        return 0

    def close(self) -> None:
        """See IndexEngine."""
        self._index = None


def serialized_bytes(index: Any) -> int:
    """The length of a FAISS index as a file, counted without writing it."""
    written = 0

    def count(block: bytes) -> int:
        nonlocal written
        written += len(block)
        return len(block)

    faiss.write_index(index, faiss.PyCallbackIOWriter(count))
    return written
