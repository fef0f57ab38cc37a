"""How probable it is that a person would call two pictures alike, by their cosine.

Alike are pictures of one product or of one label. The probability is an isotonic regression on
neighbors of held-out items (Zadrozny and Elkan, "Transforming classifier scores into accurate
multiclass probability estimates", KDD 2002): it never falls as the cosine rises, so that a least
probability is a least cosine.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from search_engine.records import Floats

SHOWN = 20
"""Nearest neighbors of each held-out item that it is learned from, about those that are shown."""
STEPS = 40
WORDS = (("very close", 0.9), ("close", 0.6), ("loosely alike", 0.3))
"""Words for a probability, with the least that each stands for; below the last there is none."""


class Alike(BaseModel):
    """Probabilities at ascending cosines; in between they are interpolated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scores: tuple[float, ...]
    chances: tuple[float, ...]

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities of cosines, any shape."""
        return np.interp(scores, self.scores, self.chances)

    def least_score(self, chance: float) -> float:
        """The cosine from which on pictures are alike with this probability.

        It is -1 where that is true of all, and 2, above every cosine, where it is true of none.
        """
        if chance <= self.chances[0]:
            return -1.0
        if chance > self.chances[-1]:
            return 2.0
        after = int(np.searchsorted(self.chances, chance))
        ends = slice(after - 1, after + 1)
        return float(np.interp(chance, self.chances[ends], self.scores[ends]))


def word_of(chance: float) -> str | None:
    """Return the word for a probability; None if it is too low for any."""
    return next((word for word, least in WORDS if chance >= least), None)


def fit_alike(scores: Floats, same: NDArray[np.bool_]) -> Alike:
    """Fit probabilities to pairs: cosines (N,), at least one, and whether each pair is alike.

    Pairs are counted in steps of equally many, so that the file stays small, and no step promises
    certainty: one pair of either kind is added to each.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(scores, kind="stable")
    steps = np.array_split(order, min(STEPS, len(order)))
    counts = np.array([len(step) for step in steps], dtype=np.float64)
    middles = np.array([scores[step].mean() for step in steps])
    shares = (np.array([same[step].sum() for step in steps]) + 1.0) / (counts + 2.0)
    fitted = isotonic_regression(shares, weights=counts).x
    return Alike(scores=tuple(middles.tolist()), chances=tuple(fitted.tolist()))
