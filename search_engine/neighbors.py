"""Exact nearest neighbors of blocks of rows, by comparing with all."""

from collections.abc import Callable

import numpy as np

from search_engine.records import Codes, Floats, Vectors

QUERIES_A_BLOCK = 256

Advance = Callable[[int], None]
"""Called with a number of queries that are done."""


def nearest(
    queries: Vectors,
    vectors: Vectors,
    k: int,
    own: Codes | None = None,
    advance: Advance = lambda count: None,
) -> tuple[Floats, Codes]:
    """The nearest rows of some queries: cosines, best first, and places; (Q, K) both.

    K is k, or what there is. Equal cosines are in the order of the rows. Queries are compared with
    all, block by block, so that no more than a block of cosines is ever in memory.

    Args:
        queries: Shape (Q, D), unit rows.
        vectors: Shape (N, D), unit rows.
        k: Neighbors wanted.
        own: Places (Q,) of queries that are rows themselves, which never find themselves.
        advance: Counts the queries.
    """
    kept = max(0, min(k, len(vectors) - (own is not None)))
    scores = np.full((len(queries), kept), -np.inf)
    found = np.zeros((len(queries), kept), dtype=np.int64)
    for start in range(0, len(queries) if kept else 0, QUERIES_A_BLOCK):
        block = queries[start : start + QUERIES_A_BLOCK]
        cosines = block @ vectors.T
        if own is not None:
            cosines[np.arange(len(block)), own[start : start + len(block)]] = -np.inf
        best = np.argpartition(cosines, -kept, axis=1)[:, len(vectors) - kept :]
        values = np.take_along_axis(cosines, best, 1)
        order = np.lexsort((best, -values))
        found[start : start + len(block)] = np.take_along_axis(best, order, 1)
        scores[start : start + len(block)] = np.take_along_axis(values, order, 1)
        advance(len(block))
    return scores, found
