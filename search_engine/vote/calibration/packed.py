"""Arrays inside the JSON of a calibration: base64 of little-endian float16."""

import base64

import numpy as np
from numpy.typing import NDArray


def pack(rows: NDArray[np.float32]) -> str:
    """Return the text of an array."""
    return base64.b64encode(rows.astype("<f2").tobytes()).decode()


def unpack(text: str, columns: int) -> NDArray[np.float32]:
    """Return the rows (N, columns) of a text."""
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32).reshape(-1, columns)
