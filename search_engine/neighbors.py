"""Exact nearest neighbors of blocks of rows, by comparing with all rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Codes, Floats, Vectors

QUERIES_A_BLOCK = 256
VECTORS_A_BLOCK = 16_384

Advance = Callable[[int], None]
"""Called with the number of queries done since the last call."""


def nearest(
    queries: Vectors,
    vectors: Vectors | NDArray[np.float16],
    k: int,
    own: Codes | None = None,
    advance: Advance = lambda count: None,
) -> tuple[Floats, Codes]:
    """Find the nearest rows of queries: cosines, best first, and positions; (Q, K) both.

    K is k, or less if there are fewer rows. Equal cosines are in the order of the rows. Blocks of
    queries are compared with blocks of rows, so that memory does not grow with either.

    Args:
        queries: Shape (Q, D), unit rows.
        vectors: Shape (N, D), unit rows.
        k: Neighbors wanted.
        own: Positions (Q,) of queries that are rows themselves, so that they never find themselves.
        advance: Counts the queries done.
    """
    kept = max(0, min(k, len(vectors) - (own is not None)))
    scores = np.full((len(queries), kept), -np.inf)
    found = np.zeros((len(queries), kept), dtype=np.int64)
    for start in range(0, len(queries) if kept else 0, QUERIES_A_BLOCK):
        block = slice(start, start + QUERIES_A_BLOCK)
        scores[block], found[block] = _nearest(
            queries[block], vectors, kept, None if own is None else own[block]
        )
        advance(len(queries[block]))
    return scores, found


def _nearest(
    queries: Vectors, vectors: Vectors | NDArray[np.float16], kept: int, own: Codes | None
) -> tuple[Floats, Codes]:
    """Merge the best of each block of rows with the best of the blocks before."""
    scores = np.empty((len(queries), 0))
    found = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(vectors), VECTORS_A_BLOCK):
        rows = vectors[start : start + VECTORS_A_BLOCK]
        cosines = queries @ rows.astype(np.float32, copy=False).T
        if own is not None:
            here = np.flatnonzero((own >= start) & (own < start + len(rows)))
            cosines[here, own[here] - start] = -np.inf
        count = min(kept, len(rows))
        best = np.argpartition(cosines, -count, axis=1)[:, len(rows) - count :]
        scores = np.hstack([scores, np.take_along_axis(cosines, best, 1)])
        found = np.hstack([found, best + start])
        order = np.lexsort((found, -scores))[:, :kept]
        scores, found = np.take_along_axis(scores, order, 1), np.take_along_axis(found, order, 1)
    return scores, found
