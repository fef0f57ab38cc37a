"""Palettes of many pictures, and how much of some colours each of them has."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search_engine.images.color_names import examples
from search_engine.images.palette import MOST_COLORS, cell_middles, distances, lab_of

WIDTH = 22.0
"""Distance in CIELAB at which a colour counts 1/e for the one that is asked for."""
CELL_BITS = 5

Cells = NDArray[np.uint16]
"""Colours by the first five bits of each channel."""
Floats = NDArray[np.float64]


class PaletteTable:
    """The palettes of many pictures, in four bytes a colour."""

    def __init__(self, packed: NDArray[np.uint8]) -> None:
        """Take packed palettes, (N, 24)."""
        colors = packed.reshape(len(packed), MOST_COLORS, 4)
        self.cells = _cells_of(colors[..., :3])
        self.shares = colors[..., 3].copy()

    def __len__(self) -> int:
        return len(self.cells)

    def match(self, colors: Mapping[str, float]) -> Floats:
        """How much of the colours that are asked for each picture has, (N,), 0 to 1.

        Of each colour the shares of those like it, up to its own weight among the weights: the
        intersection of histograms (Swain and Ballard, "Color indexing", IJCV 1991), with colours
        that are near counted in part.
        """
        total = sum(colors.values())
        found = np.zeros(len(self))
        for name, weight in colors.items():
            likeness = _likeness(name)
            shares = np.einsum("nk,nk->n", likeness[self.cells], self.shares / np.float32(255))
            found += np.minimum(shares, weight / total)
        return np.minimum(found, 1.0)


@lru_cache(64)
def _likeness(name: str) -> NDArray[np.float32]:
    """How much each cell is like a colour, (32768,), 0 to 1."""
    asked = lab_of(np.array([list(bytes.fromhex(name[1:]))])) if name[0] == "#" else examples(name)
    apart = distances(cell_middles(CELL_BITS), asked).min(axis=1)
    return np.asarray(np.exp(-((apart / WIDTH) ** 2)), dtype=np.float32)


def _cells_of(rgb: NDArray[np.uint8]) -> Cells:
    red, green, blue = np.moveaxis(rgb >> 8 - CELL_BITS, -1, 0).astype(np.uint16)
    cells: Cells = (red << 2 * CELL_BITS) | (green << CELL_BITS) | blue
    return cells
