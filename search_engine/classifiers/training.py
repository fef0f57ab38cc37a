"""Train a head and calibrate its probabilities on held-out items."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.classifiers.base import TrainedModel, softmax
from search_engine.classifiers.estimators import Learn
from search_engine.errors import ParameterError
from search_engine.processes import spare_cores
from search_engine.records import Codes, Vectors
from search_engine.things import fold_of, things_of

TEMPERATURE_LIMITS = (1e-3, 1e2)
FOLDS = 3
"""Fewer folds than elsewhere, as each trains a head, which takes minutes for an SVM."""


@dataclass(frozen=True, slots=True)
class HeadClassifier:
    """Train a head on all items, and its temperature on items held out fold by fold."""

    name: str
    learn: Learn
    most_items: int | None = None

    def fit(
        self, vectors: Vectors, labels: Sequence[str], groups: Sequence[str | None] = ()
    ) -> TrainedModel:
        """See Classifier."""
        from threadpoolctl import threadpool_limits

        self._check(vectors, labels)
        classes = tuple(sorted(set(labels)))
        column = {label: number for number, label in enumerate(classes)}
        codes = np.array([column[label] for label in labels], dtype=np.int64)
        with threadpool_limits(spare_cores()), warnings.catch_warnings():  # waiting threads cost
            warnings.filterwarnings("ignore", "The number of unique classes")  # the accuracy tells
            scores, held = self._held_out(vectors, codes, groups)
            head = self.learn(vectors, codes)
        return TrainedModel(
            name=self.name,
            classes=classes,
            head=head,
            temperature=fit_temperature(scores, codes[held]),
            held_out_accuracy=_accuracy(scores, codes[held]),
        )

    def _check(self, vectors: Vectors, labels: Sequence[str]) -> None:
        if len(set(labels)) < 2:
            raise ParameterError(
                f"a classifier needs items of two labels or more, here are {len(set(labels))}",
                where="labels",
                fix="label more items first",
            )
        if self.most_items is not None and len(vectors) > self.most_items:
            raise ParameterError(
                f"{self.name} learns from at most {self.most_items:,} items, "
                f"here are {len(vectors):,}",
                where="with",
                fix="use linear-svm or logistic",
            )

    def _held_out(
        self, vectors: Vectors, codes: Codes, groups: Sequence[str | None]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Score each item by a head that did not learn from its fold; also return the rows."""
        parts, rows = [np.empty((0, int(codes.max()) + 1))], [np.empty(0, dtype=np.int64)]
        folds = fold_of(codes, things_of(vectors, codes, groups), FOLDS)
        for fold in np.unique(folds[folds >= 0]):
            held, kept = np.flatnonzero(folds == fold), folds != fold
            parts.append(self.learn(vectors[kept], codes[kept]).scores(vectors[held]))
            rows.append(held)
        return np.concatenate(parts), np.concatenate(rows)


def fit_temperature(scores: NDArray[np.float64], codes: Codes) -> float:
    """Return the temperature that maximises the likelihood; 1 without held-out items.

    Guo et al., "On calibration of modern neural networks", ICML 2017.

    Args:
        scores: Shape (N, C), of items that the scoring head did not learn from.
        codes: Their true columns, shape (N,).
    """
    from scipy.optimize import minimize_scalar

    if len(scores) == 0:
        return 1.0
    rows = np.arange(len(scores))

    def loss(log_temperature: float) -> float:
        likely = softmax(scores / np.exp(log_temperature))[rows, codes]
        return -float(np.log(np.maximum(likely, 1e-12)).mean())

    lowest, highest = np.log(TEMPERATURE_LIMITS)
    found = minimize_scalar(loss, bounds=(lowest, highest), method="bounded")
    return float(np.exp(found.x))


def _accuracy(scores: NDArray[np.float64], codes: Codes) -> float | None:
    return float((scores.argmax(axis=1) == codes).mean()) if len(scores) else None
