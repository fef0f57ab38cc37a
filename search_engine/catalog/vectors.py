"""Embeddings as they are stored: float16, little endian, with a checksum.

float16 is the truth, not a copy of it: FAISS files, deltas and re-scoring all start from these
values, so every way to a score gives the same score. Rounding to float16 moves a cosine by less
than 0.0001.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.row_checksums import blob_crc32

STORED = np.dtype("<f2")


def pack(vector: NDArray[np.float32], key: int = 0) -> tuple[bytes, int]:
    """Bytes and CRC-32 of one embedding of shape (D,), of the item with a key if it is of one.

    With the key it tells of a damaged index of the database, which leads to another row.
    """
    data = np.ascontiguousarray(vector, dtype=STORED).tobytes()
    return data, blob_crc32(key, data)


def is_sound(blob: object, crc32: object, dimension: int, key: int = 0) -> bool:
    """Whether what is stored is the embedding that was packed, of that item."""
    return (
        isinstance(blob, bytes)
        and len(blob) == dimension * STORED.itemsize
        and is_packed(blob, crc32, key)
    )


def is_packed(blob: bytes, crc32: object, key: int) -> bool:
    """Whether bytes are those of their checksum; those of earlier versions are without the key."""
    return crc32 == blob_crc32(key, blob) or crc32 == blob_crc32(0, blob)


def unpack(blobs: Sequence[bytes], dimension: int) -> NDArray[np.float16]:
    """Embeddings of shape (N, dimension), float16, in the order given."""
    return np.frombuffer(b"".join(blobs), dtype=STORED).reshape(len(blobs), dimension)
