"""Whether another way to search is a gain: the same queries before and after, one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search_engine.collections.labelled import Labelled
from search_engine.evaluate.bootstrap import Interval, interval, samples_of
from search_engine.evaluate.predictors import PlainVote, predict_labels
from search_engine.evaluate.ranking import Ranking
from search_engine.records import Codes, Floats

RESAMPLES = 1_000
LEAST_GAIN = 0.01
MEASURES = ("accuracy", "map", "hit_rate@1")


@dataclass(frozen=True, slots=True)
class Answers:
    """How queries fared: one number each, (Q,), by measure; NaN where undefined."""

    measures: dict[str, Floats]

    def mean(self, measure: str) -> float:
        """Over the queries for which it is defined; NaN where there are none."""
        values = self.measures[measure]
        defined = values[np.isfinite(values)]
        return float(defined.mean()) if len(defined) else float("nan")

    @property
    def goodness(self) -> float:
        """What candidates are chosen by: accuracy and mAP count the same."""
        return self.mean("accuracy") + self.mean("map")


@dataclass(frozen=True, slots=True)
class Change:
    """A measure before and after, and the 95 % interval of the difference."""

    before: float
    after: float
    difference: Interval

    @property
    def is_better(self) -> bool:
        """Whether it rose by more than chance explains, and by enough to be worth its price.

        The interval is of the queries alone; the least gain stands for that of the gallery.
        """
        return self.difference.low > 0 and self.after - self.before >= LEAST_GAIN

    @property
    def is_worse(self) -> bool:
        """Whether it fell by more than chance explains."""
        return self.difference.high < 0


def answers(queries: Labelled, gallery: Labelled, ranking: Ranking, k: int) -> Answers:
    """How labelled queries fare by a ranking of the gallery; classes are voted by k neighbors."""
    predicted = predict_labels(PlainVote(k), ranking, gallery)
    right = [one.label == truth for one, truth in zip(predicted, queries.labels, strict=True)]
    first = np.where(ranking.answerable, ranking.relevant[:, 0], np.nan)
    return Answers(
        {
            "accuracy": np.array(right, dtype=np.float64),
            "map": ranking.average_precision,
            "hit_rate@1": first,
        }
    )


def joined(parts: Sequence[Answers]) -> Answers:
    """Several sets of queries as one."""
    return Answers(
        {name: np.concatenate([part.measures[name] for part in parts]) for name in MEASURES}
    )


def changes_between(before: Answers, after: Answers, groups: Codes, seed: int) -> dict[str, Change]:
    """What changed for the same queries, by measure.

    Args:
        before: Q queries.
        after: The same, in the same order.
        groups: What is drawn together, (Q,); see `bootstrap.draws`.
        seed: Of the bootstrap.
    """
    differences = {name: after.measures[name] - before.measures[name] for name in MEASURES}
    samples = samples_of(
        {name: _weighted_mean(values) for name, values in differences.items()},
        groups,
        RESAMPLES,
        seed,
    )
    return {
        name: Change(
            before.mean(name),
            after.mean(name),
            interval(samples[name]) or Interval(0.0, 0.0),
        )
        for name in MEASURES
    }


def _weighted_mean(values: Floats) -> Callable[[Floats], Floats]:
    known = np.isfinite(values)

    def statistic(weights: Floats) -> Floats:
        chosen = weights[:, known]
        return np.asarray(chosen @ values[known] / np.maximum(chosen.sum(axis=1), 1.0))

    return statistic
