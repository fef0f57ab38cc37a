"""Logistic regression on two or three features, by Newton's method."""

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Floats
from search_engine.vote.calibration.record import Logistic

PENALTY = 0.1
"""Factor of half the squared weights, against the summed log loss; C = 10 in scikit-learn."""
STEPS = 50
SMALL_STEP = 1e-8


def fit_logistic(features: Floats, right: NDArray[np.bool_]) -> Logistic:
    """Fit a regression that never predicts certainty.

    One success and one failure are added at the mean of the data, so that even identical outcomes
    have a finite fit, like Platt's targets. The result equals scikit-learn's LogisticRegression,
    whose import takes longer than all fits of a calibration and would use memory in every indexing
    run.

    Args:
        features: (N, 2), or (N, 3) with the weight of the third at least 0; N may be 0.
        right: The outcomes, (N,).
    """
    count = features.shape[1]
    middle = features.mean(axis=0, keepdims=True) if len(features) else np.zeros((1, count))
    points = np.concatenate([features, middle, middle])
    design = np.column_stack([np.ones(len(points)), points])
    outcomes = np.r_[right, True, False].astype(np.float64)
    found = _minimum(design, outcomes, np.diag([0.0, *[PENALTY] * count])).tolist()
    if count == 3 and found[3] < 0:  # the least on the bound, as the loss is convex
        return fit_logistic(features[:, :2], right)
    return Logistic(**dict(zip(("bias", "share", "lead", "close"), found, strict=False)))


def _minimum(design: Floats, outcomes: Floats, penalty: Floats) -> Floats:
    """Return the weights with the least penalised log loss (convex), by damped Newton steps."""
    weights = np.zeros(design.shape[1])
    loss = _loss(weights, design, outcomes, penalty)
    for _ in range(STEPS):
        sure = 1.0 / (1.0 + np.exp(-design @ weights))
        slope = design.T @ (sure - outcomes) + penalty @ weights
        curve = (design * (sure * (1.0 - sure))[:, None]).T @ design + penalty
        step = np.linalg.lstsq(curve, slope, rcond=None)[0]
        if np.abs(step).max() < SMALL_STEP:
            break
        while (tried := _loss(weights - step, design, outcomes, penalty)) > loss:
            step = step / 2.0
            if np.abs(step).max() < SMALL_STEP:
                return weights
        weights, loss = weights - step, tried
    return weights


def _loss(weights: Floats, design: Floats, outcomes: Floats, penalty: Floats) -> float:
    scores = design @ weights
    return float(
        np.sum(np.logaddexp(0.0, scores) - outcomes * scores) + weights @ penalty @ weights / 2.0
    )
