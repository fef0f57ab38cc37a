"""Compare two ways to search on the same queries, one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search_engine.collections.labelled import Labelled
from search_engine.evaluate.bootstrap import Interval, interval, samples_of
from search_engine.evaluate.predictors import PlainVote, predict_labels
from search_engine.evaluate.ranking import Ranking
from search_engine.evaluate.results import QueryResults, answers_of, results_of, statistics
from search_engine.records import Floats

RESAMPLES = 1_000
LEAST_GAIN = 0.01
MEASURES = ("accuracy", "map", "hit_rate@1")


@dataclass(frozen=True, slots=True)
class Change:
    """A measure before and after, with the 95 % interval of the difference."""

    before: float
    after: float
    difference: Interval

    @property
    def is_better(self) -> bool:
        """Whether it rose by more than chance explains, and by enough to be worth the cost.

        The interval only covers the choice of queries; the least gain covers that of the gallery.
        """
        return self.difference.low > 0 and self.after - self.before >= LEAST_GAIN

    @property
    def is_worse(self) -> bool:
        """Whether it fell by more than chance explains."""
        return self.difference.high < 0


def vote_results(queries: Labelled, gallery: Labelled, ranking: Ranking, k: int) -> QueryResults:
    """Evaluate a ranking of the gallery for labelled queries; k neighbors vote for the class."""
    predicted = predict_labels(PlainVote(k), ranking, gallery)
    first = np.where(ranking.answerable, ranking.relevant[:, 0], np.nan)
    return results_of(
        queries,
        answers_of([str(label) for label in queries.labels], predicted),
        {"map": ranking.average_precision, "hit_rate@1": first},
    )


def changes_between(before: QueryResults, after: QueryResults, seed: int) -> dict[str, Change]:
    """Compare measures of the same queries, in the same order."""
    samples = sampled_differences(before, after, MEASURES, RESAMPLES, seed)
    return {
        name: Change(
            before.mean(name), after.mean(name), interval(samples[name]) or Interval(0.0, 0.0)
        )
        for name in MEASURES
    }


def sampled_differences(
    before: QueryResults, after: QueryResults, names: Sequence[str], resamples: int, seed: int
) -> dict[str, Floats]:
    """Return bootstrap samples (B,) of the gain of each measure for the same queries, by name."""
    first, second = (
        samples_of({name: known[name] for name in names}, after.groups, resamples, seed)
        for known in (statistics(before), statistics(after))
    )
    return {name: second[name] - first[name] for name in names}
