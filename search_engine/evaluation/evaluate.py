"""Labelled queries against a gallery: every item is ranked for every query.

The whole ranking is used, exactly: this is for measuring, not for serving.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.evaluation import metrics
from search_engine.gallery import Labelled
from search_engine.records import Prediction
from search_engine.voting import VoteRule, vote

QUERIES_A_BLOCK = 128


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Outcome of the queries: first ranks' relevance, average precision, prediction."""

    relevant: NDArray[np.bool_]
    average_precision: NDArray[np.float64]
    predictions: list[Prediction]


def evaluate(
    queries: Labelled, gallery: Labelled, k: int, rule: VoteRule | None = None
) -> dict[str, Any]:
    """Measures of classification by vote over k neighbors, and of the ranking.

    Queries without a label are left out; so are, for the ranking measures, queries whose label no
    other item of the gallery has. Both are counted. An abstained query counts as wrong.

    Raises:
        ParameterError: There is no labelled query or an empty gallery.
    """
    labelled = [row for row, label in enumerate(queries.labels) if label is not None]
    if not labelled or len(gallery.keys) == 0:
        raise ParameterError(
            "nothing to evaluate: " + ("the gallery is empty" if labelled else "no labelled query"),
            fix="index labelled pictures first, and name queries that have labels",
        )
    started = time.perf_counter()
    truth = [str(queries.labels[row]) for row in labelled]
    ranked = _rank(queries, labelled, gallery, max(k, 10), k, rule)
    answerable = ranked.average_precision >= 0
    return {
        "queries": len(labelled),
        "unlabelled": len(queries.labels) - len(labelled),
        "without_relevant": int((~answerable).sum()),
        "gallery": len(gallery.keys),
        "k": k,
        **_classification(truth, ranked.predictions),
        **_retrieval(ranked, answerable),
        "seconds": round(time.perf_counter() - started, 3),
    }


def _rank(
    queries: Labelled,
    rows: list[int],
    gallery: Labelled,
    kept: int,
    k: int,
    rule: VoteRule | None,
) -> _Ranked:
    labels = np.array([label or "" for label in gallery.labels])
    has_label = np.array([label is not None for label in gallery.labels])
    first: list[NDArray[np.bool_]] = []
    precision: list[float] = []
    predictions: list[Prediction] = []
    for start in range(0, len(rows), QUERIES_A_BLOCK):
        block = rows[start : start + QUERIES_A_BLOCK]
        scores = queries.vectors[block] @ gallery.vectors.T
        for row, row_scores in zip(block, scores, strict=True):
            others = np.flatnonzero(gallery.keys != queries.keys[row])
            order = others[np.lexsort((gallery.keys[others], -row_scores[others]))]
            relevant = has_label[order] & (labels[order] == queries.labels[row])
            precision.append(
                float(metrics.average_precision(relevant[None])[0]) if relevant.any() else -1.0
            )
            first.append(np.pad(relevant[:kept], (0, max(0, kept - len(relevant)))))
            neighbors = [(gallery.labels[one], float(row_scores[one])) for one in order[:k]]
            predictions.append(vote(neighbors, rule))
    return _Ranked(np.stack(first), np.array(precision), predictions)


def _classification(truth: list[str], predictions: list[Prediction]) -> dict[str, Any]:
    from sklearn.metrics import f1_score

    predicted = [prediction.label for prediction in predictions]
    correct = np.array([got == wanted for got, wanted in zip(predicted, truth, strict=True)])
    answered = np.array([not prediction.abstained for prediction in predictions])
    confidence = np.array([prediction.confidence for prediction in predictions])
    macro_f1 = f1_score(
        truth,
        [label or "" for label in predicted],
        labels=sorted(set(truth)),
        average="macro",
        zero_division=0,
    )
    return {
        "accuracy": _rounded(correct.mean()),
        "macro_f1": _rounded(macro_f1),
        "coverage": _rounded(answered.mean()),
        "ece": _rounded(
            metrics.expected_calibration_error(confidence[answered], correct[answered])
        ),
        "per_level": {
            str(depth): _rounded(value)
            for depth, value in metrics.level_accuracy(truth, predicted).items()
        },
    }


def _retrieval(ranked: _Ranked, answerable: NDArray[np.bool_]) -> dict[str, Any]:
    if not answerable.any():
        return {"hit_rate@1": None, "hit_rate@10": None, "precision@10": None, "map": None}
    relevant = ranked.relevant[answerable]
    return {
        "hit_rate@1": _rounded(metrics.hit_rate(relevant, 1)),
        "hit_rate@10": _rounded(metrics.hit_rate(relevant, 10)),
        "precision@10": _rounded(metrics.precision(relevant, 10)),
        "map": _rounded(ranked.average_precision[answerable].mean()),
    }


def _rounded(value: Any) -> float:
    return round(float(value), 5)
