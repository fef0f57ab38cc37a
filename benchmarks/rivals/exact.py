"""What exact search finds, and how much of it an engine found."""

from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals.base import Ids, Row, Rows

TIE_MARGIN = 1e-6
"""Cosines of float32 that differ by less are equal: the sums are rounded at this size."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Of Q queries: the score of the last place, (Q,), and the number of places, (Q,).

    The last place is the k-th, or the last match if fewer than k items may be found.
    """

    last_scores: NDArray[np.float32]
    places: NDArray[np.int64]


def exact_truth(base: Rows, queries: Rows, k: int) -> Truth:
    """The truth of a search without conditions, by float32 brute force.

    Base (N, D) and queries (Q, D) are unit rows.
    """
    places = min(k, len(base))
    scores, _ = faiss.knn(queries, base, places, metric=faiss.METRIC_INNER_PRODUCT)
    return Truth(scores[:, -1], np.full(len(queries), places))


def exact_truth_within(base: Rows, query: Row, allowed: NDArray[np.bool_], k: int) -> Truth:
    """The truth of one query among the rows that are allowed, a mask (N,)."""
    scores = np.sort(base[allowed] @ query)[::-1]
    places = min(k, len(scores))
    last = scores[places - 1] if places else np.float32(np.inf)
    return Truth(np.array([last], dtype=np.float32), np.array([places]))


def index_recall(found: Ids, truth: Truth, base: Rows, queries: Rows) -> float:
    """Share of the places of exact search that an engine filled as well, 0 to 1.

    What counts is the exact float32 score of what was found, so that of equal vectors any will
    do; a row that was found twice counts once.

    Args:
        found: Row numbers, shape (Q, k); -1 stands for nothing.
        truth: Of the same queries.
        base: All rows, shape (N, D).
        queries: Shape (Q, D).
    """
    filled = 0
    for row, query, last, places in zip(
        found, queries, truth.last_scores, truth.places, strict=True
    ):
        ids = np.unique(row[row >= 0])
        scores = np.asarray(base[ids]) @ query
        filled += min(int(np.count_nonzero(scores >= last - TIE_MARGIN)), int(places))
    return filled / max(1, int(truth.places.sum()))
