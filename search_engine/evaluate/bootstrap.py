"""Bootstrap intervals: how much a measure depends on which queries were drawn.

Queries are resampled with replacement many times; a statistic is computed from how often each was
drawn. Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile
intervals). Pictures of one product are drawn together, as they are alike.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
LEVEL = 0.95
RESAMPLES_A_BLOCK = 100

Weights = NDArray[np.float64]
"""How often each query was drawn, (B, Q)."""

Statistic = Callable[[Weights], NDArray[np.float64]]
"""Computes a measure of each of B samples, (B,); NaN where it is undefined."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def draws(groups: NDArray[np.int64], resamples: int, seed: int) -> Iterator[Weights]:
    """Yield weights of the queries in blocks of samples; equal seeds give equal weights.

    Args:
        groups: The group of each query, 0 to G - 1, (Q,); groups are drawn together.
        resamples: Number of samples.
        seed: Seed of the generator.
    """
    rng = np.random.default_rng(seed)
    count = int(groups.max(initial=-1)) + 1
    even = np.full(count, 1 / max(count, 1))
    for start in range(0, resamples, RESAMPLES_A_BLOCK):
        size = min(RESAMPLES_A_BLOCK, resamples - start)
        yield rng.multinomial(count, even, size=size)[:, groups].astype(np.float64)


def samples_of(
    statistics: Mapping[str, Statistic], groups: NDArray[np.int64], resamples: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Compute every statistic of every sample, (B,); all of them share the samples."""
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics}
    for weights in draws(groups, resamples, seed):
        for name, statistic in statistics.items():
            found[name].append(statistic(weights))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def interval(samples: NDArray[np.float64], level: float = LEVEL) -> Interval | None:
    """Return the middle 95 % of the samples; None if all are undefined."""
    defined = samples[np.isfinite(samples)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def p_value(differences: NDArray[np.float64]) -> float | None:
    """Two-sided p-value of samples of a difference: how rarely they have the opposite sign.

    Never below 1 / B, the resolution of B samples.
    """
    defined = differences[np.isfinite(differences)]
    if not len(defined):
        return None
    either = 2 * min(float((defined <= 0).mean()), float((defined >= 0).mean()))
    return float(np.clip(either, 1 / len(defined), 1.0))
