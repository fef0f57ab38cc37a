"""Rows as float16 in a mapped file, for engines that score candidates again."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals.base import Rows

ROWS_AT_ONCE = 65_536


def map_halves(vectors: Rows, path: Path) -> NDArray[np.float16]:
    """Write the rows (N, D) as float16 and map them; none of it is held in memory."""
    with path.open("wb") as file:
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            file.write(vectors[start : start + ROWS_AT_ONCE].astype("<f2").tobytes())
    return np.memmap(path, dtype="<f2", mode="r", shape=vectors.shape)
