"""Protocols of classifiers: from embeddings to probabilities of classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search_engine.classifiers.heads import Head
from search_engine.errors import DimensionMismatchError
from search_engine.records import Prediction, Vectors, Vote
from search_engine.vote.label_paths import levels_of

Probabilities = NDArray[np.float32]
"""Shape (Q, C), float32; each row adds up to 1."""

VOTES_KEPT = 20
"""Name at most so many classes in a prediction."""


class Model(Protocol):
    """A classifier that has learned."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels it knows, in alphabetical order: the columns of `predict_proba`."""
        ...

    @property
    def calibrated(self) -> bool:
        """Whether probabilities were calibrated on held-out items."""
        ...

    def predict_proba(self, vectors: Vectors) -> Probabilities:
        """Compute the probability of each class.

        Args:
            vectors: Shape (Q, D), float32, unit rows; Q may be 0. Not changed.

        Returns:
            Shape (Q, C), float32.

        Raises:
            DimensionMismatchError: D is not what it was trained with.
        """
        ...


class Classifier(Protocol):
    """Learns labels from embeddings."""

    @property
    def name(self) -> str:
        """What `--with` calls it."""
        ...

    def fit(
        self, vectors: Vectors, labels: Sequence[str], groups: Sequence[str | None] = ()
    ) -> Model:
        """Learn.

        Args:
            vectors: Shape (N, D), float32, unit rows. Not changed.
            labels: One for each vector.
            groups: What items show, such as the product id, so that photos of one thing are held
                out together; None stands alone. Empty where nothing is known.

        Raises:
            ParameterError: There are fewer than two labels, or more vectors than it can learn from.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """Scores of a head as probabilities: softmax(scores / temperature).

    One temperature for all classes keeps the order of the classes as it is (Guo et al., "On
    calibration of modern neural networks", ICML 2017). `held_out_accuracy` is that of the items
    that were held out to find it; None when there were none.
    """

    name: str
    classes: tuple[str, ...]
    head: Head
    temperature: float
    held_out_accuracy: float | None = None

    @property
    def calibrated(self) -> bool:
        """See Model."""
        return self.held_out_accuracy is not None

    def predict_proba(self, vectors: Vectors) -> Probabilities:
        """See Model."""
        if vectors.ndim != 2 or vectors.shape[1] != self.head.dimension:
            raise DimensionMismatchError(
                f"vectors of shape {vectors.shape} do not fit a classifier of dimension "
                f"{self.head.dimension}"
            )
        scores = self.head.scores(vectors)
        return np.asarray(softmax(scores / self.temperature), dtype=np.float32)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(scores) of each row, shape (Q, C), scaled to add up to 1."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def predict(model: Model, vectors: Vectors, min_confidence: float = 0.0) -> list[Prediction]:
    """The most probable class of each vector, the first in the alphabet where several are.

    `votes` are the most probable classes with their probabilities. A class that is less probable
    than `min_confidence` is not announced: the reason is then `disagree`.
    """
    return [_prediction(model, row, min_confidence) for row in model.predict_proba(vectors)]


def _prediction(model: Model, row: NDArray[np.float32], min_confidence: float) -> Prediction:
    order = np.argsort(-row, kind="stable").tolist()
    votes = [Vote(model.classes[column], float(row[column])) for column in order]
    best = votes[0]
    unsure = best.share < min_confidence
    return Prediction(
        label=None if unsure else best.label,
        confidence=best.share,
        abstained=unsure,
        reason="disagree" if unsure else None,
        votes=tuple(votes[:VOTES_KEPT]),
        levels=levels_of(votes),
        calibrated=model.calibrated,
        uncalibrated_because=None if model.calibrated else "nothing_held_out",
    )
