"""Decide whether an adapted encoder is better, by items that it did not learn from.

The items are split into folds of whole products, or of scenes where there are no product ids. The
items of a fold query all others, by embeddings learned from those others alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from search_engine.collections.labelled import Labelled
from search_engine.evaluate.paired import Change, changes_between, vote_results
from search_engine.evaluate.ranking import rank, same_label
from search_engine.evaluate.results import QueryResults, joined
from search_engine.evaluate.splits import folds_by_thing, take, with_vectors
from search_engine.records import Codes, Vectors
from search_engine.things import FOLDS

NEIGHBORS = 10
QUERIES = 5_000

Adapt = Callable[[Codes], Iterable[Vectors]]
"""Learns from some rows of the gallery; returns embeddings (N, d) of all rows by each candidate."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Measures before and after; `chosen` is the position of the best candidate."""

    chosen: int
    changes: dict[str, Change]
    queries: int
    folds: int

    @property
    def accepted(self) -> bool:
        """Whether accuracy or hit_rate@1 rises, and nothing falls, by more than chance explains.

        A rise of mAP alone does not count: training pulls the items of a class together, which
        raises mAP even with random labels.
        """
        better = any(self.changes[name].is_better for name in ("accuracy", "hit_rate@1"))
        return better and not any(change.is_worse for change in self.changes.values())


def judge(
    gallery: Labelled,
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
        adapt: The adaptation.
        seed: For the folds and the bootstrap.
        folds: Number of folds.
        advance: Called with 1 for each fold.

    Raises:
        ParameterError: There are fewer products or scenes than folds.
    """
    held = folds_by_thing(gallery, folds, seed).queries
    asked = _asked(held, seed)
    trials: list[Trial] = []
    for fold in range(folds):
        rest, away = np.flatnonzero(held != fold), asked[held[asked] == fold]
        trials.append(_trial(gallery, away, rest, adapt(rest)))
        advance(1)
    return _verdict(trials, seed)


def judge_held_out(
    gallery: Labelled, held: Codes, candidates: Iterable[Vectors], *, seed: int = 0
) -> Verdict:
    """Do the same as `judge` with one set of items that were held out of all learning.

    Args:
        gallery: Labelled items only, with the embeddings as they are.
        held: Rows that nothing was learned from.
        candidates: Embeddings (N, d) of all rows, by each candidate.
        seed: For the bootstrap.
    """
    rest = np.setdiff1d(np.arange(len(gallery.keys)), held)
    return _verdict([_trial(gallery, held, rest, candidates)], seed)


@dataclass(frozen=True, slots=True)
class Trial:
    """How held-out rows fared before the adaptation and by each candidate."""

    before: QueryResults
    after: list[QueryResults]


def _trial(gallery: Labelled, asked: Codes, rest: Codes, candidates: Iterable[Vectors]) -> Trial:
    def fared(labelled: Labelled) -> QueryResults:
        queries, others = take(labelled, asked), take(labelled, rest)
        ranking = rank(queries, others, same_label(queries, others), NEIGHBORS)
        return vote_results(queries, others, ranking, NEIGHBORS)

    after = [fared(with_vectors(gallery, vectors)) for vectors in candidates]
    return Trial(fared(gallery), after)


def _verdict(trials: Sequence[Trial], seed: int) -> Verdict:
    candidates = [joined(each) for each in zip(*(one.after for one in trials), strict=True)]
    chosen = max(range(len(candidates)), key=lambda place: _goodness(candidates[place]))
    before = joined([one.before for one in trials])
    changes = changes_between(before, candidates[chosen], seed)
    return Verdict(chosen, changes, len(before.names), len(trials))


def _goodness(results: QueryResults) -> float:
    """Score a candidate: accuracy and mAP weigh the same."""
    return results.mean("accuracy") + results.mean("map")


def _asked(held: Codes, seed: int) -> Codes:
    rows = np.flatnonzero(held >= 0)
    if len(rows) <= QUERIES:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, QUERIES, replace=False))
