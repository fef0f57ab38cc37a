"""The vectors, stored once so that NumPy and FAISS both read them without a copy.

    | one page, FAISS's description of the rows at its end | rows, float16, little endian |

FAISS reads an index as a description directly followed by content. So the description ends the
first page, and the rows start on the next. As a file this is `vectors.f16`.
"""

import mmap
import os
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from search_engine.errors import CorruptDataError

PAGE_BYTES = 4_096
STORED = np.dtype("<f2")


class StoredVectors:
    """Rows (N, D), float16, read-only; `faiss_index` and `products` are FAISS's views of the same
    memory, which compare by L2 distance and by inner product."""

    def __init__(self, buffer: NDArray[np.uint8], dimension: int) -> None:
        """Use a page and rows in one buffer of bytes."""
        self.buffer = buffer
        self.rows: NDArray[np.float16] = buffer[PAGE_BYTES:].view(STORED).reshape(-1, dimension)
        description = _description(len(self.rows), dimension)
        self._described = buffer[PAGE_BYTES - len(description) :]
        if self._described[: len(description)].tobytes() != description:
            raise CorruptDataError("the description does not match the vectors")
        self.faiss_index = self._view()
        self.products = self._view()
        self.products.metric_type = faiss.METRIC_INNER_PRODUCT

    @classmethod
    def of(cls, rows: NDArray[np.floating]) -> "StoredVectors":
        """Copy rows (N, D) to memory."""
        count, dimension = rows.shape
        buffer = np.zeros(PAGE_BYTES + count * dimension * STORED.itemsize, dtype=np.uint8)
        description = np.frombuffer(_description(count, dimension), dtype=np.uint8)
        buffer[PAGE_BYTES - len(description) : PAGE_BYTES] = description
        buffer[PAGE_BYTES:].view(STORED).reshape(count, dimension)[:] = rows
        return cls(buffer, dimension)

    @classmethod
    def map(cls, path: Path, dimension: int) -> "StoredVectors":
        """Map a file into memory: it is read as needed, and evicted under memory pressure.

        Raises:
            CorruptDataError: It does not hold vectors of this dimension.
            OSError: It cannot be read.
        """
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < PAGE_BYTES or (size - PAGE_BYTES) % (dimension * STORED.itemsize):
                raise CorruptDataError("the file does not hold whole vectors", where=str(path))
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        buffer = np.frombuffer(mapped, dtype=np.uint8)
        return cls(buffer, dimension)

    def _view(self) -> Any:
        reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(self._described), len(self._described))
        return faiss.read_index(reader)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.rows.shape[1])


def _description(count: int, dimension: int) -> bytes:
    """Return what FAISS writes before the rows of a float16 scalar quantiser for L2."""
    index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_L2)
    index.is_trained = True
    index.ntotal = count
    empty = faiss.serialize_index(index).tobytes()
    size_of_rows = (count * dimension * STORED.itemsize).to_bytes(8, "little")
    return bytes(empty[:-8] + size_of_rows)
