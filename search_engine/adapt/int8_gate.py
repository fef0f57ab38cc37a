"""Decide whether an int8 network may replace float32: similar enough, and as accurate.

Pure functions from embeddings and labels to figures; `search_engine.adapt.int8` provides the
pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.evaluate.comparison import mcnemar
from search_engine.neighbors import nearest
from search_engine.records import Vectors
from search_engine.vote.labels import votes_for
from search_engine.vote.tally import WHOLE_LABEL

LEAST_COSINE = 0.99
"""Cosine to float32, for the mean and for all but one in a hundred pictures."""

MOST_ACCURACY_LOST = 0.003
"""Loss of accuracy, as a fraction: 0.3 points, unless chance explains more."""

MOST_BY_CHANCE = 0.01
"""What chance may explain: with few labels it explains nearly everything."""

CHANCE = 0.05
"""A loss is by chance if one of this size among equals is more probable (McNemar's test)."""

NEIGHBORS = 10


@dataclass(frozen=True, slots=True)
class Int8Figures:
    """int8 compared with float32 torch.

    Cosines are between the two embeddings of a picture, over the `held_out` pictures that int8 was
    not calibrated with; `cosine_p1` is their first percentile. Accuracies are those of a vote of
    the 10 nearest others, over the `labelled` pictures; None with fewer than two of them. `chance`
    is the probability of such a difference between networks that are equally good.
    """

    held_out: int
    cosine_mean: float
    cosine_p1: float
    cosine_min: float
    labelled: int
    accuracy_float32: float | None
    accuracy_int8: float | None
    chance: float = 1.0

    @property
    def refusals(self) -> tuple[str, ...]:
        """Reasons not to use int8; empty if it may be used."""
        found = []
        for name, cosine in (("mean", self.cosine_mean), ("first percentile", self.cosine_p1)):
            if not cosine >= LEAST_COSINE:
                found.append(f"the {name} of the cosines is {cosine:.4f}, below {LEAST_COSINE}")
        lost = self.accuracy_lost
        if lost is not None and round(lost, 6) > self.most_lost:
            found.append(
                f"{100 * lost:.2f} points of accuracy are lost, "
                f"more than {100 * self.most_lost:.1f}"
            )
        return tuple(found)

    @property
    def most_lost(self) -> float:
        """The loss of accuracy that is accepted."""
        return MOST_ACCURACY_LOST if self.chance < CHANCE else MOST_BY_CHANCE

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
    before, after = votes_right(float32[known], names), votes_right(int8[known], names)
    return Int8Figures(
        held_out=len(cosines),
        cosine_mean=float(cosines.mean()),
        cosine_p1=float(np.percentile(cosines, 1)),
        cosine_min=float(cosines.min()),
        labelled=len(known),
        accuracy_float32=share_of(before),
        accuracy_int8=share_of(after),
        chance=mcnemar(before, after),
    )


def votes_right(vectors: Vectors, labels: Sequence[str]) -> NDArray[np.bool_]:
    """Return whether the 10 nearest others vote for each picture's label, (N,); none of less than
    two.

    Args:
        vectors: Unit rows, shape (N, D).
        labels: N labels.
    """
    if len(labels) < 2:
        return np.empty(0, dtype=np.bool_)
    scores, places = nearest(vectors, vectors, NEIGHBORS, np.arange(len(labels)))
    rows = [
        [(labels[other], score) for other, score in zip(others, cosines, strict=True)]
        for others, cosines in zip(places.tolist(), scores.tolist(), strict=True)
    ]
    voted = votes_for(rows, WHOLE_LABEL)
    return np.array([one.label == label for one, label in zip(voted, labels, strict=True)])


def share_of(right: NDArray[np.bool_]) -> float | None:
    """The share of outcomes (N,) that are true; None without any."""
    return float(right.mean()) if len(right) else None
