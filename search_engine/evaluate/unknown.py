"""Measure whether photos of classes that the catalog lacks are recognised as unknown.

Some classes are removed from the gallery; their queries are then unknown, and should be recognised
as such. This is evaluated as out-of-distribution detection: Hendrycks and Gimpel, "A baseline for
detecting misclassified and out-of-distribution examples in neural networks", ICLR 2017.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.collections.labelled import Labelled, take
from search_engine.evaluate.predictors import Predictor, predict_labels
from search_engine.evaluate.ranking import Hiding, Space, by_space, rank, same_label
from search_engine.evaluate.results import answers_of
from search_engine.evaluate.splits import choose_classes, with_vectors
from search_engine.metrics import auroc
from search_engine.records import Codes, Prediction
from search_engine.vote.calibration.unknown import familiarity

KEPT_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class UnknownClasses:
    """How well unknown queries are separated from known ones; higher evidence means known.

    The areas under the ROC curve are by the similarity of the nearest item, by the confidence of
    the answer, and by `calibration.unknown.familiarity`. `best_score` and `is_known` are those of
    the queries used, (Q,). `false_positive_rate` is the share of unknown queries that pass when 95
    % of the known ones do. `answered_unknown` is the share of unknown queries that got an answer,
    which is always wrong. `relearned` tells that the encoder learned again without these classes.
    """

    classes: tuple[str, ...]
    auroc: float
    auroc_confidence: float
    auroc_familiarity: float
    false_positive_rate: float
    answered_unknown: float
    best_score: NDArray[np.float64]
    is_known: NDArray[np.bool_]
    relearned: bool = False

    @property
    def known(self) -> int:
        """Number of queries of classes that remain in the gallery."""
        return int(self.is_known.sum())

    @property
    def unknown(self) -> int:
        """Number of queries of removed classes."""
        return int((~self.is_known).sum())


def hold_out(
    queries: Labelled,
    gallery: Labelled,
    predictor: Predictor,
    count: int,
    seed: int,
    hiding: Hiding | None = None,
    learn_without: Callable[[Sequence[str]], Sequence[Space]] = lambda classes: (),
) -> UnknownClasses:
    """Remove classes from the gallery and query for them.

    Args:
        queries: Labelled queries.
        gallery: The whole gallery.
        predictor: Predicts classes.
        count: Number of classes to remove.
        seed: Selects the classes.
        hiding: As for `rank`.
        learn_without: Returns spaces, as for `rank`, that have learned nothing from some classes.

    Raises:
        ParameterError: There are too few classes.
    """
    classes = choose_classes(queries.labels, gallery.labels, count, seed)
    away = np.isin(np.array([label or "" for label in gallery.labels]), classes)
    left, spaces = np.flatnonzero(~away), learn_without(classes)
    remaining = {label for row in left.tolist() if (label := gallery.labels[row])}
    is_known = np.isin(np.array(queries.labels), sorted(remaining))
    best, predictions = _asked(queries, gallery, left, predictor, hiding, spaces)
    answers = answers_of([str(label) for label in queries.labels], predictions)
    confidence = np.where(answers.answered, answers.confidence, 0.0)
    share = np.array([one.votes[0].share if one.votes else 0.0 for one in predictions])
    return UnknownClasses(
        classes,
        auroc(is_known, best),
        auroc(is_known, confidence),
        auroc(is_known, familiarity(best, share)),
        false_positive_rate(is_known, best),
        float(answers.answered[~is_known].mean()) if not is_known.all() else 0.0,
        best,
        is_known,
        len(spaces) > 0,
    )


def _asked(
    queries: Labelled,
    gallery: Labelled,
    left: Codes,
    predictor: Predictor,
    hiding: Hiding | None,
    spaces: Sequence[Space],
) -> tuple[NDArray[np.float64], list[Prediction]]:
    """Return each query's best score, -1 for none, and class, by the rows `left` of the gallery."""
    best, said = np.full(len(queries.keys), -1.0), dict[int, Prediction]()
    for rows, asking, vectors in by_space(queries, gallery, spaces):
        asked = with_vectors(take(queries, rows), asking)
        among = take(with_vectors(gallery, vectors), left)
        hidden = None if hiding is None else Hiding(hiding.queries[rows], hiding.gallery[left])
        ranking = rank(asked, among, same_label(asked, among), predictor.depth, hidden)
        best[rows] = np.where(ranking.neighbors[:, 0] >= 0, ranking.scores[:, 0], -1.0)
        said |= zip(rows.tolist(), predict_labels(predictor, ranking, among), strict=True)
    return best, [said[row] for row in range(len(queries.keys))]


def false_positive_rate(is_known: NDArray[np.bool_], evidence: NDArray[np.float64]) -> float:
    """Share of unknown queries that reach what 95 % of the known ones do (FPR at 95 % TPR)."""
    if is_known.all() or not is_known.any():
        return 1.0
    bar = np.quantile(evidence[is_known], 1 - KEPT_SHARE, method="lower")
    return float((evidence[~is_known] >= bar).mean())
