"""How far the confidences of held-out items hold: what is promised for photos to come.

Photos of one thing are right or wrong together, so that many of them tell less than as many things.
So what is promised are lower ends of intervals for as many independent photos as tell the same
(Kish, "Survey sampling", 1965: the design effect of samples in clusters).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.metrics import expected_calibration_error
from search_engine.records import Codes, Floats
from search_engine.vote.calibration.record import CurvePoint, Figures, LevelFigures

CURVE_POINTS = 200
SURE_Z = 1.28
"""One-sided 90 %: what is promised holds in nine of ten catalogs."""
EITHER_Z = 1.96
"""Two-sided 95 %."""
EXPECTED_DRAWS = 20


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What Q held-out items were told by regressions that did not see them.

    `sure` are probabilities by level, (Q, D), NaN below the label, `right` (Q, D) tells whether the
    path is right so far. `correct` (Q,) is whether the label is right, `shares` (Q,) the winner's
    of the votes, and `things` (Q,) number what items show.
    """

    sure: Floats
    right: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    shares: Floats
    things: Codes

    def at(self, rows: NDArray[np.bool_]) -> "Outcomes":
        """Select items."""
        return Outcomes(
            self.sure[rows],
            self.right[rows],
            self.correct[rows],
            self.shares[rows],
            self.things[rows],
        )


def accuracy_curve(found: Outcomes) -> tuple[CurvePoint, ...]:
    """Compute accuracy and coverage of answering from a confidence on, by ascending confidence.

    The answer is the deepest level that is confident enough. The accuracy is the lower end of
    Wilson's interval, a guarantee rather than an estimate. Geifman and El-Yaniv, "Selective
    classification for deep neural networks", NeurIPS 2017.
    """
    known = np.where(np.isfinite(found.sure), found.sure, -1.0)
    things = np.unique(found.things, return_inverse=True)[1]
    points = []
    bars = np.quantile(known[known >= 0], np.linspace(0, 1, CURVE_POINTS), method="nearest")
    for bar in np.unique(bars):
        passed = known >= bar
        answered = np.flatnonzero(passed.any(axis=1))
        deepest = known.shape[1] - 1 - passed[answered, ::-1].argmax(axis=1)
        hits = found.right[answered, deepest]
        points.append(
            CurvePoint(
                confidence=float(bar),
                accuracy=promised_accuracy(hits, things[answered]),
                coverage=len(answered) / len(known),
            )
        )
    return tuple(points)


def promised_accuracy(hits: NDArray[np.bool_], things: Codes) -> float:
    """Return the lower end of the interval of the accuracy of answers, (N,), about things, (N,)."""
    effect = design_effect(hits, things)
    return wilson_lower(np.count_nonzero(hits) / effect, len(hits) / effect)


def accuracy_interval(hits: NDArray[np.bool_], things: Codes) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy of answers, (N,), about things, (N,)."""
    effect = design_effect(hits, np.unique(things, return_inverse=True)[1])
    return wilson(np.count_nonzero(hits) / effect, len(hits) / effect, EITHER_Z)


def design_effect(hits: NDArray[np.bool_], things: Codes) -> float:
    """Return how many times the variance of a share is that of independent outcomes; at least 1."""
    if not len(hits) or hits.all() or not hits.any():
        return 1.0
    share = float(hits.mean())
    between = float((np.bincount(things, hits - share) ** 2).sum())
    return max(1.0, between / (len(hits) * share * (1.0 - share)))


def wilson_lower(hits: float, count: float) -> float:
    """Return the lower end of Wilson's one-sided interval of a share."""
    return wilson(hits, count, SURE_Z)[0]


def wilson(hits: float, count: float, z: float) -> tuple[float, float]:
    """Return both ends of Wilson's interval of a share; `z` tells how sure they are."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = hits / count, z**2
    spread = z * np.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    middle, scale = share + z2 / (2 * count), 1 + z2 / count
    return float((middle - spread) / scale), float((middle + spread) / scale)


def expected_ece(confidence: Floats, seed: int = 0) -> float:
    """Return the calibration error that exactly right confidences would show.

    The measure is never 0 for finitely many queries; this is the mean over outcomes drawn with
    these confidences (Roelofs et al., "Mitigating bias in calibration error estimation", AISTATS
    2022, on this bias).
    """
    random = np.random.default_rng(seed)
    drawn = [
        expected_calibration_error(confidence, random.random(len(confidence)) < confidence)
        for _ in range(EXPECTED_DRAWS)
    ]
    return float(np.mean(drawn))


def figures_of(found: Outcomes, seed: int, **about: Any) -> Figures:
    """Return the figures of some outcomes; the rest of `Figures` is given in `about`."""
    sure = label_chances(found.sure)
    low, high = accuracy_interval(found.correct, found.things)
    return Figures(
        queries=len(sure),
        accuracy=float(found.correct.mean()),
        accuracy_low=low,
        accuracy_high=high,
        ece_before=expected_calibration_error(found.shares, found.correct),
        ece_after=expected_calibration_error(sure, found.correct),
        ece_expected=expected_ece(sure, seed),
        levels=_level_figures(found, seed),
        **about,
    )


def _level_figures(found: Outcomes, seed: int) -> tuple[LevelFigures, ...]:
    figures = []
    for depth in range(found.sure.shape[1]):
        here = np.isfinite(found.sure[:, depth])
        if not here.any():
            break
        sure, right = found.sure[here, depth], found.right[here, depth]
        figures.append(
            LevelFigures(
                level=depth + 1,
                accuracy=float(right.mean()),
                ece=expected_calibration_error(sure, right),
                ece_expected=expected_ece(sure, seed),
            )
        )
    return tuple(figures)


def label_chances(sure: Floats) -> Floats:
    """Return the probability of the whole label, (Q,), of those of its levels (Q, D)."""
    deepest = np.maximum(np.isfinite(sure).sum(axis=1) - 1, 0)
    return np.asarray(np.nan_to_num(sure[np.arange(len(sure)), deepest]))
