"""Retrieval and calibration measures: pure functions on arrays.

`relevant` is always a boolean array (Q, N): for each query, whether the gallery item at each rank
is relevant, best rank first. Queries without a relevant item have no defined recall or average
precision: callers leave them out and count them.

Definitions follow Manning, Raghavan and Schuetze, "Introduction to Information Retrieval",
chapter 8. What papers on metric learning call Recall@k is `hit_rate` here.
"""

import numpy as np
from numpy.typing import NDArray

Relevance = NDArray[np.bool_]

CALIBRATION_BINS = 15


def hit_rate(relevant: Relevance, k: int) -> float:
    """Share of queries with a relevant item among the first k."""
    return float(relevant[:, :k].any(axis=1).mean())


def precision(relevant: Relevance, k: int) -> float:
    """Mean share of relevant items among the first k; missing ranks count as misses."""
    return float((relevant[:, :k].sum(axis=1) / k).mean())


def average_precision(relevant: Relevance) -> NDArray[np.float64]:
    """For each query, the mean over its relevant items of the precision at their rank; (Q,)."""
    ranks = np.arange(1, relevant.shape[1] + 1)
    precision_at = np.cumsum(relevant, axis=1) / ranks
    found = relevant.sum(axis=1)
    return np.asarray((precision_at * relevant).sum(axis=1) / np.maximum(found, 1))


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> float:
    """Mean gap between confidence and accuracy over bins of equal width.

    Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    if len(confidence) == 0:
        return 0.0
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    error = 0.0
    for number in np.unique(which):
        members = which == number
        gap = abs(confidence[members].mean() - correct[members].mean())
        error += members.mean() * gap
    return float(error)


def level_accuracy(truth: list[str], predicted: list[str | None]) -> dict[int, float]:
    """Accuracy of the first 1, 2, ... parts of label paths, over the queries that are so deep."""
    found: dict[int, list[bool]] = {}
    for wanted, got in zip(truth, predicted, strict=True):
        wanted_parts, got_parts = wanted.split("/"), (got or "").split("/")
        for depth in range(1, len(wanted_parts) + 1):
            found.setdefault(depth, []).append(wanted_parts[:depth] == got_parts[:depth])
    return {depth: float(np.mean(hits)) for depth, hits in sorted(found.items())}
