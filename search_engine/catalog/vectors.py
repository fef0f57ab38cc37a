"""Embeddings as they are stored: float16, little endian, with a checksum.

float16 is the truth, not a copy of it: FAISS files, deltas and re-scoring all start from these
values, so every way to a score gives the same score. Rounding to float16 moves a cosine by less
than 0.0001.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

STORED = np.dtype("<f2")


def pack(vector: NDArray[np.float32]) -> tuple[bytes, int]:
    """Bytes and CRC-32 of one embedding of shape (D,)."""
    data = np.ascontiguousarray(vector, dtype=STORED).tobytes()
    return data, zlib.crc32(data)


def is_sound(blob: object, crc32: object, dimension: int) -> bool:
    """Whether what is stored is the embedding that was packed."""
    return (
        isinstance(blob, bytes)
        and len(blob) == dimension * STORED.itemsize
        and zlib.crc32(blob) == crc32
    )


def unpack(blobs: Sequence[bytes], dimension: int) -> NDArray[np.float16]:
    """Embeddings of shape (N, dimension), float16, in the order given."""
    return np.frombuffer(b"".join(blobs), dtype=STORED).reshape(len(blobs), dimension)
