"""Retrieval and calibration measures: pure functions on arrays.

`relevant` is always a boolean array (Q, N): for each query, whether the gallery item at each rank
is relevant, best rank first. `total` (Q,) counts the relevant items of the whole gallery, including
those beyond the N ranks. Functions of these give one value for each query, (Q,): the measure of a
run is their mean, and intervals and comparisons need the single values. Recall and average
precision are undefined for queries without a relevant item: callers leave them out and count them.

Definitions follow Manning, Raghavan and Schuetze, "Introduction to Information Retrieval",
chapter 8. What papers on metric learning call Recall@k is `hit_rate` here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Floats

Relevance = NDArray[np.bool_]

CALIBRATION_BINS = 15


def defined_mean(values: Floats) -> float | None:
    """Return the mean over the queries for which a measure is defined; None without any."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None


def hit_rate(relevant: Relevance, k: int) -> Floats:
    """Return 1 for a query with a relevant item among the first k, else 0."""
    return np.asarray(relevant[:, :k].any(axis=1), dtype=np.float64)


def precision(relevant: Relevance, k: int) -> Floats:
    """Return the share of relevant items among the first k; missing ranks count as misses."""
    return np.asarray(relevant[:, :k].sum(axis=1) / k)


def recall(relevant: Relevance, total: NDArray[np.int64], k: int) -> Floats:
    """Return the share of all relevant items that are among the first k."""
    return np.asarray(relevant[:, :k].sum(axis=1) / np.maximum(total, 1))


def average_precision(
    relevant: Relevance, total: NDArray[np.int64], k: int | None = None
) -> Floats:
    """Return the mean precision at the ranks of relevant items, over min(k, total) of them.

    Without `k` the whole ranking counts; relevant items beyond N or k add nothing.
    """
    queries, ranks = np.nonzero(relevant[:, :k])
    before = np.searchsorted(queries, queries)  # relevant items of earlier queries
    precision_at = (np.arange(1, len(queries) + 1) - before) / (ranks + 1)
    wanted = total if k is None else np.minimum(total, k)
    return np.bincount(queries, precision_at, len(relevant)) / np.maximum(wanted, 1)


def ndcg(relevant: Relevance, total: NDArray[np.int64], k: int | None = None) -> Floats:
    """Return the discounted gain of relevant items, 1 / log2(rank + 1), over the best possible.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
    """
    depth = relevant.shape[1] if k is None else k
    queries, ranks = np.nonzero(relevant[:, :depth])
    discounts = 1 / np.log2(np.arange(2, max(depth, int(total.max(initial=0))) + 2))
    gain = np.bincount(queries, discounts[ranks], len(relevant))
    best = np.concatenate([[0.0], np.cumsum(discounts)])
    wanted = total if k is None else np.minimum(total, k)
    return np.asarray(gain / np.maximum(best[wanted], best[1]))


def r_precision(relevant: Relevance, total: NDArray[np.int64]) -> Floats:
    """Return the precision among as many ranks as there are relevant items."""
    queries, ranks = np.nonzero(relevant)
    within = np.bincount(queries[ranks < total[queries]], minlength=len(relevant))
    return within / np.maximum(total, 1)


def reciprocal_rank(relevant: Relevance) -> Floats:
    """Return 1 / rank of the first relevant item; 0 without any."""
    first = relevant.argmax(axis=1)
    return np.where(relevant.any(axis=1), 1 / (first + 1), 0.0)


def auroc(positive: NDArray[np.bool_], evidence: Floats) -> float:
    """Return the area under the ROC curve of positives against the others, (N,) both, by ranks.

    It is the probability that a positive has more evidence than another, ties counted half; 0.5 if
    there is only one kind. To import scikit-learn for it takes more processor time than to
    calibrate a catalog of a thousand items.
    """
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        return 0.5
    _, which, ties = np.unique(evidence, return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2
    return float((ranks[which][positive].sum() - count * (count + 1) / 2) / (count * others))


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Precision, recall and their harmonic mean, 0 to 1."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Answers in bins of equal width by confidence; arrays of shape (bins,).

    `confidence` and `accuracy` are means over the answers of a bin, NaN for empty bins.
    """

    count: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats

    @property
    def expected_calibration_error(self) -> float:
        """Mean gap between confidence and accuracy, weighted by answers; 0 without answers."""
        filled = self.count > 0
        gaps = np.abs(self.confidence[filled] - self.accuracy[filled])
        return float((gaps * self.count[filled]).sum() / max(self.count.sum(), 1))


def confidence_bins(confidence: Floats, bins: int = CALIBRATION_BINS) -> NDArray[np.int64]:
    """Return the bin of each confidence, 0 to bins - 1; a bin includes its upper edge."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def reliability(
    confidence: Floats, correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> Reliability:
    """Compute how often answers are right, by their confidence.

    Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    which = confidence_bins(confidence, bins)
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(which, weights=confidence, minlength=bins) / count
        right = np.bincount(which, weights=correct, minlength=bins) / count
    return Reliability(count, mean, right)


def expected_calibration_error(
    confidence: Floats, correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> float:
    """See Reliability."""
    return reliability(confidence, correct, bins).expected_calibration_error


@dataclass(frozen=True, slots=True)
class CoverageCurve:
    """What demanding more confidence gains; arrays of shape (thresholds,), highest first.

    At each threshold: the share of all queries with at least this confidence, and the share of
    those that are right. Equal confidences share a threshold.
    """

    threshold: Floats
    coverage: Floats
    accuracy: Floats

    def coverage_at(self, accuracy: float) -> float:
        """Return the largest coverage at which at least this share of answers is right, or 0."""
        good = self.accuracy >= accuracy
        return float(self.coverage[good].max(initial=0.0))


def coverage_curve(confidence: Floats, correct: NDArray[np.bool_], queries: int) -> CoverageCurve:
    """Compute accuracy by coverage (risk and coverage in Geifman and El-Yaniv, NeurIPS 2017).

    Args:
        confidence: Confidences of the answered queries, shape (A,).
        correct: Whether the answers are right, shape (A,).
        queries: Number of queries, answered or not.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, right = confidence[order], correct[order]
    last = np.flatnonzero(np.append(np.diff(sure) != 0, True)) if len(sure) else np.empty(0, int)
    answered = last + 1
    return CoverageCurve(
        sure[last], answered / max(queries, 1), np.cumsum(right)[last] / np.maximum(answered, 1)
    )
