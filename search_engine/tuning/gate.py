"""Whether an adapted encoder is better: measured on items that it did not learn from.

Folds of whole products, or scenes where product ids do not tell. The items of a fold ask the items
of all others, by embeddings that were learned from those others alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search_engine.evaluation.bootstrap import Interval, interval, samples_of
from search_engine.evaluation.metrics import Floats
from search_engine.evaluation.predictors import PlainVote, predict_labels
from search_engine.evaluation.ranking import rank, same_label
from search_engine.evaluation.splits import folds_by_thing, product_groups, take, with_vectors
from search_engine.gallery import Labelled
from search_engine.records import Vectors
from search_engine.tally import Codes

FOLDS = 5
NEIGHBORS = 10
QUERIES = 5_000
RESAMPLES = 1_000
LEAST_GAIN = 0.01
MEASURES = ("accuracy", "map", "hit_rate@1")

Adapt = Callable[[Vectors, Codes], Sequence[Callable[[Vectors], Vectors]]]
"""Learns from embeddings (N, D) and codes (N,); gives candidates, each a map of embeddings."""


@dataclass(frozen=True, slots=True)
class Answers:
    """How held-out queries fared: one number each, (Q,), by measure; NaN where undefined."""

    measures: dict[str, Floats]

    def mean(self, measure: str) -> float:
        """Over the queries for which it is defined."""
        return float(np.nanmean(self.measures[measure]))

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
        """Whether it rose by more than chance explains, and by enough to be worth another encoder.

        The interval is of the queries alone; the least gain stands for that of the gallery.
        """
        return self.difference.low > 0 and self.after - self.before >= LEAST_GAIN

    @property
    def is_worse(self) -> bool:
        """Whether it fell by more than chance explains."""
        return self.difference.high < 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The table of the gate; `chosen` is the place of the best candidate."""

    chosen: int
    changes: dict[str, Change]
    queries: int
    folds: int

    @property
    def accepted(self) -> bool:
        """Accuracy or hit_rate@1 is better beyond chance, and no measure is worse beyond it.

        mAP alone does not count: items that were learned from stand together by class, and whole
        classes in one piece raise it even where labels were drawn by lot.
        """
        better = any(self.changes[name].is_better for name in ("accuracy", "hit_rate@1"))
        return better and not any(change.is_worse for change in self.changes.values())


def judge(
    gallery: Labelled,
    codes: Codes,
    adapt: Adapt,
    *,
    seed: int = 0,
    folds: int = FOLDS,
    advance: Callable[[int], None] = lambda count: None,
) -> Verdict:
    """Try an adaptation on held-out folds and compare it with the embeddings as they are.

    The best candidate is chosen on the same folds that its figures come from: among few, that
    flatters it by much less than the intervals are wide.

    Args:
        gallery: Labelled items only, with the embeddings as they are.
        codes: The class of each item, (N,).
        adapt: What learns.
        seed: Of the folds and of the bootstrap.
        folds: How many.
        advance: Called with 1 for each fold.

    Raises:
        ParameterError: There are fewer products or scenes than folds.
    """
    held = folds_by_thing(gallery, folds, seed).queries
    asked = _asked(held, seed)
    before: list[Answers] = []
    after: list[list[Answers]] = []
    for fold in range(folds):
        rest, away = np.flatnonzero(held != fold), asked[held[asked] == fold]
        queries, known = take(gallery, away), take(gallery, rest)
        before.append(_answers(queries, known))
        maps = adapt(known.vectors, codes[rest])
        after.append([_answers(_mapped(queries, one), _mapped(known, one)) for one in maps])
        advance(1)
    candidates = [_joined(each) for each in zip(*after, strict=True)]
    chosen = max(range(len(candidates)), key=lambda place: candidates[place].goodness)
    order = np.concatenate([asked[held[asked] == fold] for fold in range(folds)])
    groups = product_groups(take(gallery, order))
    changes = _changes(_joined(before), candidates[chosen], groups, seed)
    return Verdict(chosen, changes, len(order), folds)


def _asked(held: Codes, seed: int) -> Codes:
    rows = np.flatnonzero(held >= 0)
    if len(rows) <= QUERIES:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, QUERIES, replace=False))


def _mapped(labelled: Labelled, one: Callable[[Vectors], Vectors]) -> Labelled:
    return with_vectors(labelled, one(labelled.vectors))


def _answers(queries: Labelled, gallery: Labelled) -> Answers:
    ranking = rank(queries, gallery, same_label(queries, gallery), NEIGHBORS)
    predicted = predict_labels(PlainVote(NEIGHBORS), ranking, gallery)
    right = [one.label == truth for one, truth in zip(predicted, queries.labels, strict=True)]
    first = np.where(ranking.answerable, ranking.relevant[:, 0], np.nan)
    return Answers(
        {
            "accuracy": np.array(right, dtype=np.float64),
            "map": ranking.average_precision,
            "hit_rate@1": first,
        }
    )


def _joined(parts: Sequence[Answers]) -> Answers:
    return Answers(
        {name: np.concatenate([part.measures[name] for part in parts]) for name in MEASURES}
    )


def _changes(before: Answers, after: Answers, groups: Codes, seed: int) -> dict[str, Change]:
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
