"""Draw grids as pictures to lay over others."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CELL_PX = 8
"""Side of a cell of the grid, between which the heat changes smoothly."""
MOST_OPAQUE = 0.75
WARM, HOT = (255, 220, 60), (220, 30, 20)


def overlay_png(grid: NDArray[np.float32]) -> bytes:
    """Return a grid (rows, columns) as a PNG: the higher a value the redder and the less clear.

    What is 0 or below is clear; the highest value has the strongest red.
    """
    rows, columns = grid.shape
    heat = Image.fromarray(np.maximum(grid, 0).astype(np.float32))
    wide = heat.resize((columns * CELL_PX, rows * CELL_PX), Image.Resampling.BICUBIC)
    values = np.clip(np.asarray(wide) / max(float(grid.max()), 1e-9), 0, 1)
    colours = np.array(WARM) + values[..., None] * np.subtract(HOT, WARM)
    picture = np.dstack([colours, 255 * MOST_OPAQUE * values]).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
