"""The shape of what a picture shows: where its edges run in which direction, whatever its colours.

A histogram of oriented gradients (Dalal and Triggs, "Histograms of oriented gradients for human
detection", CVPR 2005) of the small sample that colours are found in: coarse, and nearly free. Of
each pixel the channel that changes most counts, so that a red thing on green has edges too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_engine.images.palette import SAMPLE_PX, Samples
from search_engine.records import Codes, Floats

CELLS = 4
DIRECTIONS = 8
SHAPE_BYTES = CELLS * CELLS * DIRECTIONS

_Numbers = NDArray[np.float32]


def packed_shapes(samples: Samples) -> list[bytes]:
    """The shapes of pictures, `SHAPE_BYTES` each; of one without edges all zeros."""
    strengths, directions = _edges(_smoothed(np.asarray(samples / 255, dtype=np.float32)))
    lower = np.floor(directions)
    upper_part = strengths * (directions - lower)
    first, places = lower.astype(np.int64), _places(len(samples))
    histograms = _sums(places + first % DIRECTIONS, strengths - upper_part, len(samples))
    histograms += _sums(places + (first + 1) % DIRECTIONS, upper_part, len(samples))
    rows = np.sqrt(histograms)
    most = rows.max(axis=1, keepdims=True)
    scaled = np.divide(rows, most, out=np.zeros_like(rows), where=most > 0)
    return [row.tobytes() for row in np.round(scaled * 255).astype(np.uint8)]


class ShapeTable:
    """The shapes of many pictures, in a byte a number."""

    def __init__(self, packed: NDArray[np.uint8]) -> None:
        """Take packed shapes, (N, SHAPE_BYTES)."""
        self._rows = packed

    def __len__(self) -> int:
        return len(self._rows)

    def match(self, shape: bytes) -> Floats:
        """How much each picture has the shape of another one, (N,), 0 to 1: their correlation,
        where it is above 0."""
        asked = _centred(np.frombuffer(shape, dtype=np.uint8)[None])[0]
        found = np.zeros(len(self._rows))
        for start in range(0, len(self._rows), _ROWS_A_BLOCK):
            part = slice(start, start + _ROWS_A_BLOCK)
            found[part] = np.clip(_centred(self._rows[part]) @ asked, 0, 1)
        return found


def shapes_table(packed: Sequence[bytes]) -> ShapeTable:
    """The table of packed shapes."""
    rows = np.frombuffer(b"".join(packed), dtype=np.uint8)
    return ShapeTable(rows.reshape(len(packed), SHAPE_BYTES))


_ROWS_A_BLOCK = 65_536
_LITTLE = np.float32(1e-9)


def _centred(packed: NDArray[np.uint8]) -> _Numbers:
    rows = packed.astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, _LITTLE), dtype=np.float32)


def _smoothed(pixels: _Numbers) -> _Numbers:
    """Pixels (N, S, S, 3) with a quarter of each neighbor, along both axes."""
    for axis in (1, 2):
        before, after = np.roll(pixels, 1, axis), np.roll(pixels, -1, axis)
        edges = [(slice(None),) * axis + (place,) for place in (0, -1)]
        for other, place in zip((before, after), edges, strict=True):
            other[place] = pixels[place]
        pixels = np.asarray((before + 2 * pixels + after) / 4, dtype=np.float32)
    return pixels


def _edges(pixels: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Strength (N, S, S) and direction, 0 to DIRECTIONS, of the strongest channel's change.

    Strengths are square roots, so that a weak contrast counts nearly as much as a strong one.
    """
    down, right = np.zeros_like(pixels), np.zeros_like(pixels)
    down[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    right[:, :, 1:-1] = pixels[:, :, 2:] - pixels[:, :, :-2]
    squares = right**2 + down**2
    square, x, y = squares[..., 0], right[..., 0], down[..., 0]
    for channel in (1, 2):
        more = squares[..., channel] > square
        square = np.where(more, squares[..., channel], square)
        x, y = np.where(more, right[..., channel], x), np.where(more, down[..., channel], y)
    directions = np.arctan2(y, x) % np.pi * (DIRECTIONS / np.pi)
    return np.sqrt(np.sqrt(square)), np.asarray(directions, dtype=np.float32)


def _places(count: int) -> Codes:
    """Where the histogram of each pixel begins, (count, S, S)."""
    cell = np.arange(SAMPLE_PX) // (SAMPLE_PX // CELLS)
    own = (cell[:, None] * CELLS + cell) * DIRECTIONS
    return np.asarray(np.arange(count)[:, None, None] * SHAPE_BYTES + own)


def _sums(places: Codes, sizes: _Numbers, count: int) -> Floats:
    """Sums of what falls into each place, (count, SHAPE_BYTES)."""
    sums = np.bincount(places.ravel(), sizes.ravel(), count * SHAPE_BYTES)
    return np.asarray(sums.reshape(count, SHAPE_BYTES), dtype=np.float64)
