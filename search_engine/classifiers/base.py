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
"""Classes that a prediction lists, at most."""


class Model(Protocol):
    """A classifier that has learned."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The known labels in alphabetical order: the columns of `predict_proba`."""
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
            DimensionMismatchError: D differs from the training data.
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
        """Learn from labelled embeddings.

        Args:
            vectors: Shape (N, D), float32, unit rows. Not changed.
            labels: One for each vector.
            groups: What items show, such as the product id, so that photos of one thing are held
                out together; None is a group of its own. Empty if unknown.

        Raises:
            ParameterError: There are fewer than two labels, or more vectors than it can learn from.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained head with scores as probabilities: softmax(scores / temperature).

    A single temperature keeps the order of the classes (Guo et al., "On calibration of modern
    neural networks", ICML 2017). `held_out_accuracy` is measured on the items held out to fit it;
    None if there were none.
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
    """Scale exp(scores) of each row to add up to 1, shape (Q, C)."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def predict(model: Model, vectors: Vectors, min_confidence: float = 0.0) -> list[Prediction]:
    """Predict the most probable class of each vector; ties go to the first in the alphabet.

    `votes` are the most probable classes with their probabilities. If the best is below
    `min_confidence`, the prediction abstains with the reason `disagree`.
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
