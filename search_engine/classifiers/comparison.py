"""All classifiers on the same embeddings, beside the vote of the neighbors, as rows of a table."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from search_engine.classifiers.base import predict
from search_engine.classifiers.folds import fold_of, things_of
from search_engine.classifiers.registry import KINDS, create_classifier
from search_engine.errors import ParameterError
from search_engine.evaluation.classification import (
    answers,
    averages,
    reliability_of,
    top_accuracy,
)
from search_engine.evaluation.predictors import PlainVote, Predictor
from search_engine.evaluation.splits import labelled_rows, take
from search_engine.gallery import Labelled
from search_engine.indexes.base import top_k
from search_engine.records import Prediction

NEIGHBORS = "k-nn"
"""What the vote of the neighbors is called in the table."""
PLAIN_VOTERS = 10
QUERIES_A_BLOCK = 256


@dataclass(frozen=True, slots=True)
class ClassifierRow:
    """How one classifier fares; `skipped` says why it was not tried, all else is None then.

    `fit_seconds` is the time to learn from the whole gallery (of a fold, without queries), and
    `predict_us` the time for a query, embedded already, when many are asked at once.
    """

    name: str
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    top5_accuracy: float | None = None
    ece: float | None = None
    fit_seconds: float | None = None
    predict_us: float | None = None
    skipped: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The columns by name, rounded."""
        return {
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class _Answered:
    """Predictions of some queries, by their rows, and what they took."""

    rows: Sequence[int]
    predictions: Sequence[Prediction]
    fit_seconds: float
    predict_seconds: float


_Split = tuple[Labelled, Labelled, Sequence[int]]
"""What is learned from, who asks, and the rows of who asks."""


def compare_classifiers(
    gallery: Labelled,
    queries: Labelled | None = None,
    *,
    predictor: Predictor | None = None,
    names: Sequence[str] | None = None,
    advance: Callable[[str], None] = lambda name: None,
) -> list[ClassifierRow]:
    """The measures of the vote of the neighbors and of every classifier, in the registry's order.

    Items and queries without a label are left out, and so are items that are asked as queries too.
    Without queries the gallery is asked in folds, photos of one product or scene together
    (`search_engine.classifiers.folds`).

    Args:
        gallery: What is learned from.
        queries: Who asks; None for the gallery itself.
        predictor: How the neighbors vote; the plain vote of 10 when it is None.
        names: Only these classifiers; None for all.
        advance: Called with the name of each when it is done.

    Raises:
        ParameterError: There is no labelled query, or too little to learn from.
    """
    splits = (
        _folds(take(gallery, labelled_rows(gallery)))
        if queries is None
        else [_apart(gallery, queries)]
    )
    truth = {
        row: str(label)
        for _, asked, rows in splits
        for row, label in zip(rows, asked.labels, strict=True)
    }
    if not truth:
        raise ParameterError(
            "nothing to compare: no labelled query", fix="name queries that have labels"
        )
    found = []
    for name in names or (NEIGHBORS, *(kind.name for kind in KINDS)):
        found.append(_row(name, splits, truth, predictor or PlainVote(PLAIN_VOTERS)))
        advance(name)
    return found


def _row(
    name: str, splits: Sequence[_Split], truth: dict[int, str], predictor: Predictor
) -> ClassifierRow:
    try:
        parts = [
            _by_vote(split, predictor) if name == NEIGHBORS else _by_model(name, split)
            for split in splits
        ]
    except ParameterError as error:
        if name == NEIGHBORS:
            raise
        return ClassifierRow(name, skipped=error.what)
    wanted = [truth[row] for part in parts for row in part.rows]
    predictions = [one for part in parts for one in part.predictions]
    compared = answers(wanted, predictions)
    macro = averages(compared, "macro")
    return ClassifierRow(
        name=name,
        accuracy=float(compared.correct.mean()),
        balanced_accuracy=macro.recall,
        macro_f1=macro.f1,
        top5_accuracy=top_accuracy(wanted, predictions),
        ece=reliability_of(compared).expected_calibration_error,
        fit_seconds=sum(part.fit_seconds for part in parts) / len(parts),
        predict_us=sum(part.predict_seconds for part in parts) / len(wanted) * 1e6,
    )


def _by_model(name: str, split: _Split) -> _Answered:
    learned, asked, rows = split
    started = time.perf_counter()
    labels = [str(label) for label in learned.labels]
    model = create_classifier(name).fit(learned.vectors, labels, learned.products)
    fitted = time.perf_counter()
    predictions = predict(model, asked.vectors)
    return _Answered(rows, predictions, fitted - started, time.perf_counter() - fitted)


def _by_vote(split: _Split, predictor: Predictor) -> _Answered:
    learned, asked, rows = split
    started = time.perf_counter()
    place = {key: row for row, key in enumerate(learned.keys.tolist())}
    products = learned.products or [None] * len(place)
    predictions: list[Prediction] = []
    for start in range(0, len(rows), QUERIES_A_BLOCK):
        scores = asked.vectors[start : start + QUERIES_A_BLOCK] @ learned.vectors.T
        found = [top_k(learned.keys, row, predictor.depth) for row in scores]
        places = [[place[key] for key in keys.tolist()] for keys, _ in found]
        labelled = [
            [(learned.labels[item], score) for item, score in zip(row, best.tolist(), strict=True)]
            for row, (_, best) in zip(places, found, strict=True)
        ]
        predictions += predictor.labels(
            labelled, [[products[item] for item in row] for row in places]
        )
    return _Answered(rows, predictions, 0.0, time.perf_counter() - started)


def _apart(gallery: Labelled, queries: Labelled) -> _Split:
    """The labelled queries, and the labelled items that are none of them."""
    rows = labelled_rows(queries)
    asked = take(queries, rows)
    known = take(gallery, labelled_rows(gallery))
    return take(known, np.flatnonzero(~np.isin(known.keys, asked.keys))), asked, rows.tolist()


def _folds(gallery: Labelled) -> list[_Split]:
    gallery = take(gallery, labelled_rows(gallery))
    if not len(gallery.keys):
        return []
    codes = np.unique([str(label) for label in gallery.labels], return_inverse=True)[1]
    folds = fold_of(codes, things_of(gallery.vectors, codes, gallery.products))
    return [
        (
            take(gallery, np.flatnonzero(folds != fold)),
            take(gallery, np.flatnonzero(folds == fold)),
            np.flatnonzero(folds == fold).tolist(),
        )
        for fold in np.unique(folds[folds >= 0])
    ]
