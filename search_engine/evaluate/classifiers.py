"""Compare all classifiers with the vote of the neighbors on the same embeddings."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search_engine.classifiers.base import predict
from search_engine.classifiers.registry import KINDS, create_classifier
from search_engine.collections.labelled import Labelled, take
from search_engine.errors import ParameterError
from search_engine.evaluate.classification import averages, reliability_of, top_accuracy
from search_engine.evaluate.predictors import PlainVote, Predictor, predict_nearest
from search_engine.evaluate.ranking import Hiding, Space, by_space
from search_engine.evaluate.results import answers_of
from search_engine.evaluate.splits import labelled_rows, with_vectors
from search_engine.records import Prediction
from search_engine.things import fold_of, things_of

NEIGHBORS = "k-nn"
"""Name of the vote of the neighbors in the table."""
PLAIN_VOTERS = 10


@dataclass(frozen=True, slots=True)
class ClassifierRow:
    """Figures of one classifier; `skipped` says why it was not tried, and all others are None then.

    `queries` counts the queries. `fit_seconds` is the time to learn from the whole gallery (without
    queries, of a fold), and `predict_us` the time for an embedded query when many are asked at
    once.
    """

    name: str
    queries: int | None = None
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    top5_accuracy: float | None = None
    ece: float | None = None
    fit_seconds: float | None = None
    predict_us: float | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class _Answered:
    """Predictions for some queries, by their rows, and the time they took."""

    rows: Sequence[int]
    predictions: Sequence[Prediction]
    fit_seconds: float
    predict_seconds: float


_Split = tuple[Labelled, Labelled, Sequence[int]]
"""The items to learn from, the queries, and their rows."""


def compare_classifiers(
    gallery: Labelled,
    queries: Labelled | None = None,
    *,
    hiding: Hiding | None = None,
    spaces: Sequence[Space] = (),
    predictor: Predictor | None = None,
    names: Sequence[str] | None = None,
    advance: Callable[[str], None] = lambda name: None,
) -> list[ClassifierRow]:
    """Measure the vote of the neighbors and every classifier, in the registry's order.

    Queries without a label are left out. Items that are queries too are not learned from. Items
    without a label are ignored by classifiers; in a vote they are among the neighbors as usual, but
    do not vote.

    Args:
        gallery: The items to learn from.
        queries: The queries; None for the gallery itself, by `folds_of`.
        hiding: The folds of a cross-validation: each is predicted from the others.
        spaces: In place of folds, where the queries are items that the encoder learned from: what
            each has not seen is predicted in it from the rest.
        predictor: How the neighbors vote; None is the plain vote of 10.
        names: The classifiers; None for all.
        advance: Called with the name of each finished classifier.

    Raises:
        ParameterError: There is no labelled query, or none can be held out.
    """
    if queries is None:
        queries, hiding = gallery, folds_of(gallery, gallery)
    splits = _splits(gallery, queries, hiding, spaces)
    truth = {
        row: str(label)
        for _, asked, rows in splits
        for row, label in zip(rows, asked.labels, strict=True)
    }
    found = []
    for name in names or (NEIGHBORS, *(kind.name for kind in KINDS)):
        found.append(_row(name, splits, truth, predictor or PlainVote(PLAIN_VOTERS)))
        advance(name)
    return found


def folds_of(gallery: Labelled, queries: Labelled) -> Hiding:
    """Make folds of the labelled items, with photos of one product or scene together.

    See `search_engine.things`; items that are never held out are in no fold.

    Args:
        gallery: All items.
        queries: The items to use as queries, identified by key.
    """
    fold = np.full(len(gallery.keys), -1, dtype=np.int64)
    rows = labelled_rows(gallery)
    if len(rows):
        labelled = take(gallery, rows)
        codes = np.unique([str(label) for label in labelled.labels], return_inverse=True)[1]
        fold[rows] = fold_of(codes, things_of(labelled.vectors, codes, labelled.together))
    known = dict(zip(gallery.keys.tolist(), fold.tolist(), strict=True))
    return Hiding(np.array([known[key] for key in queries.keys.tolist()], dtype=np.int64), fold)


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
    compared = answers_of(wanted, predictions)
    macro = averages(compared, "macro")
    return ClassifierRow(
        name=name,
        queries=len(wanted),
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
    learned = take(learned, labelled_rows(learned))
    started = time.perf_counter()
    labels = [str(label) for label in learned.labels]
    model = create_classifier(name).fit(learned.vectors, labels, learned.products)
    fitted = time.perf_counter()
    predictions = predict(model, asked.vectors)
    return _Answered(rows, predictions, fitted - started, time.perf_counter() - fitted)


def _by_vote(split: _Split, predictor: Predictor) -> _Answered:
    learned, asked, rows = split
    started = time.perf_counter()
    predictions = predict_nearest(predictor, asked.vectors, learned)
    return _Answered(rows, predictions, 0.0, time.perf_counter() - started)


def _splits(
    gallery: Labelled, queries: Labelled, hiding: Hiding | None, spaces: Sequence[Space]
) -> list[_Split]:
    """Return the labelled queries, in parts, each with what it is predicted from."""
    if spaces:
        splits = _unseen(gallery, queries, spaces)
    elif hiding is not None:
        splits = _folds(gallery, queries, hiding)
    else:
        splits = [_apart(gallery, queries)]
    if not any(rows for _, _, rows in splits):
        nobody = not len(labelled_rows(queries))
        raise ParameterError(
            "nothing to compare: "
            + ("no labelled query" if nobody else "every class shows one thing only"),
            fix="name queries that have labels",
        )
    return splits


def _apart(gallery: Labelled, queries: Labelled) -> _Split:
    """Return the labelled queries, and the items that are not queries."""
    rows = labelled_rows(queries)
    asked = take(queries, rows)
    return take(gallery, np.flatnonzero(~np.isin(gallery.keys, asked.keys))), asked, rows.tolist()


def _unseen(gallery: Labelled, queries: Labelled, spaces: Sequence[Space]) -> list[_Split]:
    """Return the labelled queries that each space has not seen, and the items that it has."""
    splits = []
    labelled, every = labelled_rows(queries), np.arange(len(gallery.keys))
    for space, (rows, asking, vectors) in zip(
        spaces, by_space(queries, gallery, spaces), strict=True
    ):
        here = np.isin(rows, labelled)
        asked = with_vectors(take(queries, rows[here]), asking[here])
        seen = take(with_vectors(gallery, vectors), np.setdiff1d(every, space.unseen))
        splits.append((seen, asked, rows[here].tolist()))
    return splits


def _folds(gallery: Labelled, queries: Labelled, hiding: Hiding) -> list[_Split]:
    """Return the labelled queries of each fold, and the items of the others."""
    asked = labelled_rows(queries)
    fold_of_asked = hiding.queries[asked]
    splits = []
    for fold in np.unique(fold_of_asked[fold_of_asked >= 0]):
        rows = asked[fold_of_asked == fold]
        learned = take(gallery, np.flatnonzero(hiding.gallery != fold))
        splits.append((learned, take(queries, rows), rows.tolist()))
    return splits
