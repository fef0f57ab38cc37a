"""How long searches take, and how such figures are summed up."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

MIN_PASSES_S = 0.5
"""A batch is searched again and again for at least so long."""


def passes_per_second(run: Callable[[], object], seconds: float = MIN_PASSES_S) -> float:
    """How often a second something can be done, after once for warming up."""
    run()
    passes, started = 0, time.perf_counter()
    while (taken := time.perf_counter() - started) < seconds or passes == 0:
        run()
        passes += 1
    return passes / taken


def latencies_ms(
    asks: Iterable[Callable[[], T]], seconds: float = float("inf"), at_least: int = 1
) -> tuple[list[float], list[T]]:
    """How long each call takes, and its answer.

    Stops when the time is up, but not before `at_least` calls.
    """
    taken: list[float] = []
    answers: list[T] = []
    begin = time.perf_counter()
    for ask in asks:
        if len(taken) >= at_least and time.perf_counter() - begin > seconds:
            break
        started = time.perf_counter()
        answers.append(ask())
        taken.append((time.perf_counter() - started) * 1_000)
    return taken, answers


def summary(name: str, values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Median under the name itself, smallest and largest under `<name>_min` and `<name>_max`."""
    return {
        name: significant(statistics.median(values), digits),
        f"{name}_min": significant(min(values), digits),
        f"{name}_max": significant(max(values), digits),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of all lies."""
    return float(np.quantile(np.asarray(values), share))


def significant(value: float, digits: int = 4) -> float:
    """Rounded to so many digits that mean something."""
    return float(f"{value:.{digits}g}")
