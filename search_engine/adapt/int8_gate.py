"""Decide whether an int8 network may replace float32: similar enough, and as accurate.

Pure functions from embeddings and labels to figures; `search_engine.adapt.int8` provides the
pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.neighbors import nearest
from search_engine.records import Vectors
from search_engine.vote.labels import vote
from search_engine.vote.tally import WHOLE_LABEL

LEAST_COSINE = 0.99
"""Cosine to float32, for the mean and for all but one in a hundred pictures."""

MOST_ACCURACY_LOST = 0.003
"""Loss of accuracy, as a fraction: 0.3 points."""

NEIGHBORS = 10


@dataclass(frozen=True, slots=True)
class Int8Figures:
    """int8 compared with float32 torch.

    Cosines are between the two embeddings of a picture, over the `held_out` pictures that int8 was
    not calibrated with; `cosine_p1` is their first percentile. Accuracies are those of a vote of
    the 10 nearest others, over the `labelled` pictures; None with fewer than two of them.
    """

    held_out: int
    cosine_mean: float
    cosine_p1: float
    cosine_min: float
    labelled: int
    accuracy_float32: float | None
    accuracy_int8: float | None

    @property
    def refusals(self) -> tuple[str, ...]:
        """Reasons not to use int8; empty if it may be used."""
        found = []
        for name, cosine in (("mean", self.cosine_mean), ("first percentile", self.cosine_p1)):
            if not cosine >= LEAST_COSINE:
                found.append(f"the {name} of the cosines is {cosine:.4f}, below {LEAST_COSINE}")
        lost = self.accuracy_lost
        if lost is not None and round(lost, 6) > MOST_ACCURACY_LOST:
            found.append(
                f"{100 * lost:.2f} points of accuracy are lost, more than "
                f"{100 * MOST_ACCURACY_LOST:.1f}"
            )
        return tuple(found)

    @property
    def accuracy_lost(self) -> float | None:
        """Accuracy of float32 minus that of int8."""
        if self.accuracy_float32 is None or self.accuracy_int8 is None:
            return None
        return self.accuracy_float32 - self.accuracy_int8


def compare_int8(
    int8: Vectors, float32: Vectors, labels: Sequence[str | None], held_out: NDArray[np.bool_]
) -> Int8Figures:
    """Compare the embeddings of N pictures.

    Args:
        int8: Unit rows, shape (N, D).
        float32: Unit rows of the same pictures, shape (N, D).
        labels: N labels, None for pictures without one.
        held_out: Whether int8 was not calibrated with a picture, shape (N,); at least one.
    """
    cosines = np.vecdot(int8[held_out], float32[held_out])
    known = [row for row, label in enumerate(labels) if label is not None]
    names = [str(labels[row]) for row in known]
    return Int8Figures(
        held_out=len(cosines),
        cosine_mean=float(cosines.mean()),
        cosine_p1=float(np.percentile(cosines, 1)),
        cosine_min=float(cosines.min()),
        labelled=len(known),
        accuracy_float32=accuracy_of_votes(float32[known], names),
        accuracy_int8=accuracy_of_votes(int8[known], names),
    )


def accuracy_of_votes(vectors: Vectors, labels: Sequence[str]) -> float | None:
    """Return how often the 10 nearest others vote for a picture's label; None for less than two.

    Args:
        vectors: Unit rows, shape (N, D).
        labels: N labels.
    """
    if len(labels) < 2:
        return None
    scores, places = nearest(vectors, vectors, NEIGHBORS, np.arange(len(labels)))
    right = 0
    for label, others, cosines in zip(labels, places.tolist(), scores.tolist(), strict=True):
        named = [(labels[other], score) for other, score in zip(others, cosines, strict=True)]
        right += vote(named, WHOLE_LABEL).label == label
    return right / len(labels)
