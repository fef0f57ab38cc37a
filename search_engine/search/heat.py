"""Grids of what the places of a picture add to a cosine.

A place has what the cosine falls by when it is hidden (`search.hiding`); what is missing to the
cosine all places share alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import MIN_NORM
from search_engine.images import Box
from search_engine.records import Heat, Vectors

MOST_CELLS = 24
"""Rows and columns of a grid over several views, at most."""

Span = tuple[float, float]
"""Where a row of cells starts and ends along one side of a picture, as fractions."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureParts:
    """The embedding of a picture without each place of its views, and as it is.

    `whole` (D,), float32, has length 1; `without` (V, rows, columns, D), float16, as well;
    `boxes` say where views lie.
    """

    whole: NDArray[np.float32]
    without: NDArray[np.float16]
    boxes: tuple[Box, ...]

    @classmethod
    def of(cls, views: Vectors, boxes: tuple[Box, ...]) -> "PictureParts":
        """Combine what `without_places` finds of views, (V, 1 + n * n, D).

        The embedding of a picture is the mean of its views' embeddings, of length 1.
        """
        rows = _of_length_1(views)
        whole = rows[:, 0].sum(axis=0)
        without = _of_length_1(whole + rows[:, 1:] - rows[:, :1]).astype(np.float16)
        side = math.isqrt(without.shape[1])
        return cls(_of_length_1(whole), without.reshape(len(views), side, side, -1), boxes)

    def heat(self, other: NDArray[np.float32]) -> Heat:
        """What each place adds to the cosine to another embedding (D,) of length 1; see above."""
        grids = losses(self.whole, self.without.astype(np.float32), other)
        if len(grids) == 1:
            return Heat(grids[0], self.boxes[0])
        return merged(grids, self.boxes)


def losses(
    whole: NDArray[np.float32], without: NDArray[np.float32], other: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What the cosine of an embedding (D,) to another loses without each place, (...); `without`
    (..., D) are the embeddings then. Shifted so that the sum of these is the cosine."""
    cosine = whole @ other
    lost = cosine - without @ other
    return np.asarray(lost + (cosine - lost.sum()) / lost.size, dtype=np.float32)


def _of_length_1(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (..., D) of length 1; those without a direction stay near 0."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, MIN_NORM), dtype=np.float32)


def merged(grids: NDArray[np.float32], boxes: Sequence[Box]) -> Heat:
    """One grid of those of several views (V, rows, columns), with the same sum.

    It covers all that they show of the picture. A cell of a view is shared out by area; what lies
    outside the picture, on the ground around it, counts for the nearest place in it.
    """
    x, width = _around([box[0] for box in boxes], [box[2] for box in boxes])
    y, height = _around([box[1] for box in boxes], [box[3] for box in boxes])
    _, rows, columns = grids.shape
    across = _cells(width, min(box[2] for box in boxes) / columns)
    down = _cells(height, min(box[3] for box in boxes) / rows)
    found = np.zeros((down, across), dtype=np.float32)
    for grid, box in zip(grids, boxes, strict=True):
        of_rows = shares((box[1], box[1] + box[3]), rows, (y, y + height), down)
        of_columns = shares((box[0], box[0] + box[2]), columns, (x, x + width), across)
        found += of_rows @ grid @ of_columns.T
    return Heat(found, (x, y, width, height))


def shares(cells: Span, count: int, grid: Span, into: int) -> NDArray[np.float32]:
    """The share (into, count) of each cell along a side that goes to each of a grid; columns add up
    to 1."""
    edges = np.linspace(*cells, count + 1).clip(*grid)
    starts, ends = edges[:-1], edges[1:]
    lines = np.linspace(*grid, into + 1)
    overlap = np.minimum(ends, lines[1:, None]) - np.maximum(starts, lines[:-1, None])
    nearest = np.clip(np.searchsorted(lines, starts, side="right") - 1, 0, into - 1)
    outside = np.arange(into)[:, None] == nearest
    inside = ends - starts > (grid[1] - grid[0]) * 1e-6
    found = np.where(inside, overlap.clip(min=0), outside)
    return np.asarray(found / found.sum(axis=0), dtype=np.float32)


def _around(starts: Sequence[float], lengths: Sequence[float]) -> Span:
    """Start and length of what some spans cover of a side."""
    start = max(0.0, min(starts))
    ends = [at + length for at, length in zip(starts, lengths, strict=True)]
    return start, min(1.0, max(ends)) - start


def _cells(length: float, cell: float) -> int:
    return int(np.clip(round(length / cell), 1, MOST_CELLS))
