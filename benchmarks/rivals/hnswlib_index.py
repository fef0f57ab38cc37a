"""hnswlib, the reference implementation of HNSW: float32, inner product of unit rows.

https://github.com/nmslib/hnswlib: `ef` must be at least k, or a search raises.
"""

from pathlib import Path
from typing import Any

import hnswlib
import numpy as np

from benchmarks.rivals.base import BUILD_EFFORT, CONNECTIVITY, EFFORTS, Ids, Place, Row, Rows

WIDEST_KERNEL = b"InnerProductSIMD16ExtAVX512"


class HnswlibIndex:
    """See IndexEngine."""

    efforts = EFFORTS

    def __init__(self, place: Place, connectivity: int = CONNECTIVITY) -> None:
        self._threads = place.threads
        self._connectivity = connectivity
        self._effort = EFFORTS[0]
        self._index: Any = None

    @property
    def setting(self) -> str:
        """See IndexEngine."""
        return (
            f"M={self._connectivity} ef_construction={BUILD_EFFORT} ef={self._effort}, float32, "
            f"{_kernels()}"
        )

    def build(self, vectors: Rows) -> None:
        """See IndexEngine."""
        self._index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self._index.init_index(
            max_elements=len(vectors), M=self._connectivity, ef_construction=BUILD_EFFORT
        )
        self._index.set_num_threads(self._threads)
        self._index.add_items(vectors, np.arange(len(vectors)))

    def set_effort(self, effort: int) -> None:
        """See IndexEngine."""
        self._effort = effort
        self._index.set_ef(effort)

    def search(self, queries: Rows, k: int) -> Ids:
        """See IndexEngine."""
        ids, _ = self._index.knn_query(queries, k)
        return np.asarray(ids, dtype=np.int64)

    def search_one(self, query: Row, k: int) -> Ids:
        """See IndexEngine."""
        ids, _ = self._index.knn_query(query, k, num_threads=1)
        return np.asarray(ids[0], dtype=np.int64)

    def memory_bytes(self) -> int | None:
        """See IndexEngine."""
        return int(self._index.index_file_size())

    def mapped_bytes(self) -> int:
        """See IndexEngine."""
        return 0

    def close(self) -> None:
        """See IndexEngine."""
        self._index = None


def _kernels() -> str:
    """What it was compiled for: hnswlib does not tell, but the names in its library do."""
    names = Path(hnswlib.__file__).read_bytes()
    return "compiled with AVX-512" if WIDEST_KERNEL in names else "compiled without AVX-512"
