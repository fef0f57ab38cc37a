"""The embedding of a view without each of its places, which are hidden under the mean colour.

What a network sees of a place is known by hiding it, and not by what it finds there: a position of
the last layer sees far beyond its place. To hide each in a copy of its own takes as many encodings
as there are places. But what changes in the last layer lies around a hidden place, so that a copy
hides several places far apart, and what changed at a position is due to the nearest of them.
Encoders that do not tell what they see where get a copy for each of fewer places.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import Encoder, encode_possible, unit_rows
from search_engine.encoders.poolings import POSITIONS, SIDE
from search_engine.encoders.positions import positions_of
from search_engine.encoders.projection import ProjectedEncoder
from search_engine.errors import ParameterError
from search_engine.records import Pixels, Vectors

COPIES = 12
"""The places that one copy hides are 3.6 apart or more, the farthest that so few copies allow."""
FEW = 4
"""Rows and columns of places that are hidden one by one: then a picture takes 17 encodings."""


def without_places(encoder: Encoder, view: Pixels) -> Vectors:
    """Embeddings of a view as it is, and without each place, row by row; not normalised.

    Args:
        encoder: Any that encodes pictures.
        view: Shape (size_px, size_px, 3), uint8. Not changed.

    Returns:
        Shape (1 + n * n, D), float32, where n is SIDE or FEW; 0 where nothing is found.
    """
    if isinstance(encoder, ProjectedEncoder):  # these rows are a tenth of the parts of all copies
        rows = without_places(encoder.base, view)
        found = np.zeros((len(rows), encoder.spec.dimension), dtype=np.float32)
        kept = rows.any(axis=1)
        found[kept] = encoder.project(unit_rows(rows[kept]))
        return found
    try:
        return _far_apart(encoder, view)
    except ParameterError:
        return _one_by_one(encoder, view)


def _far_apart(encoder: Encoder, view: Pixels) -> Vectors:
    """Hide several places in each copy.

    Raises:
        ParameterError: The encoder does not tell what it sees where.
    """
    copies, shares = copy_of_places(), _shares()
    pixels = hidden(view, copies)
    parts = positions_of(encoder, pixels, "explain").reshape(len(pixels), POSITIONS, -1)
    changes = parts[1:] - parts[0]
    whole = parts[0].sum(axis=0)
    found = np.tile(whole, (1 + POSITIONS, 1))
    for place, copy in enumerate(copies):
        near = np.flatnonzero(shares[place])
        found[1 + place] += (shares[place, near, None] * changes[copy, near]).sum(axis=0)
    return found


def _one_by_one(encoder: Encoder, view: Pixels) -> Vectors:
    kept, rows = encode_possible(encoder, hidden(view, np.arange(FEW * FEW)))
    found = np.zeros((1 + FEW * FEW, encoder.spec.dimension), dtype=np.float32)
    found[kept] = rows
    return found


def hidden(view: Pixels, copies: NDArray[np.int64]) -> Pixels:
    """A view, and its copies with places under its mean colour, (1 + copies, size_px, size_px, 3).

    `copies` (n * n,) says which copy hides each place of n rows and columns.
    """
    side = math.isqrt(len(copies))
    found = np.repeat(view[None], 2 + copies.max(), axis=0)
    colour = view.mean(axis=(0, 1)).round()
    edges = np.linspace(0, len(view), side + 1).round().astype(int)
    for place, copy in enumerate(copies):
        row, column = divmod(place, side)
        rows = slice(edges[row], edges[row + 1])
        found[1 + copy, rows, edges[column] : edges[column + 1]] = colour
    return found


def copy_of_places() -> NDArray[np.int64]:
    """Which copy hides a place, (SIDE * SIDE,), row by row: those of one are a lattice."""
    rows, columns = np.divmod(np.arange(POSITIONS), SIDE)
    return np.asarray((2 * rows + 3 * columns) % COPIES)


@cache
def _shares() -> NDArray[np.float32]:
    """Of what changes at each position, the share that is due to a place, (places, positions).

    All is due to the nearest place that the copy hides; equally near ones share it.
    """
    points = np.stack(np.divmod(np.arange(POSITIONS), SIDE), axis=1)
    apart = np.square(points[:, None] - points).sum(axis=-1)
    copies, found = copy_of_places(), np.zeros((POSITIONS, POSITIONS), dtype=np.float32)
    for copy in range(COPIES):
        places = copies == copy
        nearest = apart[places] == apart[places].min(axis=0)
        found[places] = nearest / nearest.sum(axis=0)
    return found
