"""Measures of classification, computed from true labels and predictions.

The measures are scikit-learn's. An abstention counts as wrong, and is a class of its own, None, in
the confusion matrix.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine import metrics
from search_engine.evaluate.results import Answers
from search_engine.metrics import PrecisionRecall
from search_engine.records import Prediction

TOP = 5
ABSTAINED = ""
"""Replaces an abstention where scikit-learn needs a label; no picture has an empty label."""


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of one class; `support` counts its queries, `predicted` the answers naming it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a curve, arrays of equal shape."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Areas:
    """Areas under the ROC and the precision-recall curves, each class against the rest.

    Means over the classes that some but not all queries have; None without such classes. The curves
    pool all (query, class) pairs.
    """

    roc_auc: float | None
    pr_auc: float | None
    roc: Curve | None
    precision_recall: Curve | None


def classes_of(found: Answers) -> list[str]:
    """Return the labels of the queries, sorted."""
    return sorted(set(found.truth))


def per_class(found: Answers) -> list[ClassScores]:
    """Score each class of the queries, in alphabetical order."""
    from sklearn.metrics import precision_recall_fscore_support

    classes = classes_of(found)
    columns = precision_recall_fscore_support(
        found.truth, _spoken(found), labels=classes, average=None, zero_division=0
    )
    predicted = Counter(_spoken(found))
    return [
        ClassScores(label, float(p), float(r), float(f), int(support), predicted[label])
        for label, p, r, f, support in zip(classes, *columns, strict=True)
    ]


def averages(found: Answers, average: str) -> PrecisionRecall:
    """Average over classes: `macro` equally (recall is then the balanced accuracy), or `weighted`.

    Only classes of the queries are included.
    """
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        found.truth, _spoken(found), labels=classes_of(found), average=average, zero_division=0
    )
    return PrecisionRecall(float(precision), float(recall), float(f1))


def confusion_counts(found: Answers) -> tuple[list[str | None], NDArray[np.int64]]:
    """Return labels, and how often a query of each row's label got each column's label.

    The classes of the queries come first, then those only predicted, then None for abstentions.
    """
    from sklearn.metrics import confusion_matrix

    classes = classes_of(found)
    only_said = sorted(set(_spoken(found)) - set(classes) - {ABSTAINED})
    abstained = [ABSTAINED] if not found.answered.all() else []
    labels = classes + only_said + abstained
    matrix = confusion_matrix(found.truth, _spoken(found), labels=labels)
    return [label or None for label in labels], np.asarray(matrix, dtype=np.int64)


def top_accuracy(truth: Sequence[str], predictions: Sequence[Prediction], top: int = TOP) -> float:
    """Return the share of queries whose label is among the `top` labels with most votes.

    Unlike scikit-learn's top_k_accuracy_score, it ignores labels without votes.
    """
    found = [
        wanted in [vote.label for vote in prediction.votes[:top]]
        for wanted, prediction in zip(truth, predictions, strict=True)
    ]
    return float(np.mean(found))


def answered_accuracy(found: Answers) -> float | None:
    """Return the share of the answers that are right; None without answers."""
    return float(found.holds[found.answered].mean()) if found.answered.any() else None


def most_frequent_share(truth: Sequence[str]) -> float:
    """Return the accuracy of always answering the most frequent class, as a baseline."""
    return max(Counter(truth).values()) / len(truth)


def areas(truth: Sequence[str], predictions: Sequence[Prediction]) -> Areas:
    """Compute areas under the curves from the share of the votes for each class."""
    from sklearn.metrics import (
        average_precision_score,
        precision_recall_curve,
        roc_auc_score,
        roc_curve,
    )

    classes = sorted(set(truth))
    is_class, shares = _one_against_rest(truth, predictions, classes)
    both = is_class.any(axis=0) & ~is_class.all(axis=0)
    if not both.any():
        return Areas(None, None, None, None)
    is_class, shares = is_class[:, both], shares[:, both]
    false_alarms, hits, _ = roc_curve(is_class.ravel(), shares.ravel())
    precision, recall, _ = precision_recall_curve(is_class.ravel(), shares.ravel())
    return Areas(
        float(np.mean([roc_auc_score(*one) for one in zip(is_class.T, shares.T, strict=True)])),
        float(
            np.mean(
                [average_precision_score(*one) for one in zip(is_class.T, shares.T, strict=True)]
            )
        ),
        Curve(false_alarms, hits),
        Curve(recall, precision),
    )


def brier_score(found: Answers) -> float | None:
    """Return the mean squared error of the confidence of answers; None without answers."""
    if not found.answered.any():
        return None
    from sklearn.metrics import brier_score_loss

    right, sure = found.holds[found.answered], found.confidence[found.answered]
    return float(brier_score_loss(right, np.clip(sure, 0, 1), pos_label=True))


def reliability_of(found: Answers) -> metrics.Reliability:
    """Return the reliability of the answers, without abstentions."""
    return metrics.reliability(found.confidence[found.answered], found.holds[found.answered])


def coverage_of(found: Answers) -> metrics.CoverageCurve:
    """Return accuracy against coverage; abstentions are never covered."""
    return metrics.coverage_curve(
        found.confidence[found.answered], found.holds[found.answered], len(found.truth)
    )


def _spoken(found: Answers) -> list[str]:
    """Return predicted labels, abstentions as `ABSTAINED`."""
    return [label or ABSTAINED for label in found.predicted]


def _one_against_rest(
    truth: Sequence[str], predictions: Sequence[Prediction], classes: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether a query has a class, and the class's share of its votes; (Q, classes) both."""
    column = {label: number for number, label in enumerate(classes)}
    is_class = np.zeros((len(truth), len(classes)), dtype=bool)
    is_class[np.arange(len(truth)), [column[label] for label in truth]] = True
    shares = np.zeros(is_class.shape)
    for row, prediction in enumerate(predictions):
        for vote in prediction.votes:
            if vote.label in column:
                shares[row, column[vote.label]] = vote.share
    return is_class, shares
