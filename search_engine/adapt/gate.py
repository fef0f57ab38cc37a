"""Decide whether an adapted encoder is better, by items that it did not learn from.

The items are split into folds of whole products, or of items that look alike where there are no
product ids, or of stretches in the order of ids, whichever is hardest without any learning. The
items of a fold query all others, by embeddings learned from those others alone. What comes out is
the promise for new photos; easier folds tell how much of the accuracy is due to photos that
resemble each other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from search_engine.collections.labelled import Labelled, take
from search_engine.errors import ParameterError
from search_engine.evaluate.paired import Change, changes_between, vote_results
from search_engine.evaluate.ranking import rank, same_label
from search_engine.evaluate.results import QueryResults, joined
from search_engine.evaluate.splits import with_vectors
from search_engine.records import Codes, Floats, Vectors
from search_engine.things import FOLDS, apart, fold_of, groupings, hardest, things_of
from search_engine.vote.calibration.reliability import accuracy_interval

NEIGHBORS = 10
QUERIES = 5_000

Adapt = Callable[[Codes], Iterable[Vectors]]
"""Learns from some rows of the gallery; returns embeddings (N, d) of all rows by each candidate."""
Choose = Callable[[Sequence[QueryResults], Codes], int]
Accuracies = tuple[float, float]
"""Before and after."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Measures before and after; `chosen` is the position of the best candidate.

    `held_by` names the grouping of the folds (`things.groupings`), `easier` has the accuracy by the
    others, if that was measured. `chance` is the accuracy of labels drawn by lot. `expected` is the
    95 % interval of the accuracy after, which counts pictures of one thing once; None where the
    other direction was judged.
    """

    chosen: int
    changes: dict[str, Change]
    queries: int
    folds: int
    chance: float
    held_by: str = "things"
    easier: Mapping[str, Accuracies] = field(default_factory=dict)
    expected: tuple[float, float] | None = None

    @property
    def accepted(self) -> bool:
        """Whether accuracy or hit_rate@1 rises, and nothing falls, by more than chance explains.

        A rise of mAP alone does not count: training pulls the items of a class together, which
        raises mAP even with random labels. Neither does one up to what chance gives: with such
        labels hard folds leave an item without those of its own, and all others are wrong.
        """
        if self.changes["accuracy"].after <= self.chance:
            return False
        better = any(self.changes[name].is_better for name in ("accuracy", "hit_rate@1"))
        return better and not any(change.is_worse for change in self.changes.values())


def judge(
    gallery: Labelled,
    adapt: Adapt,
    *,
    seed: int = 0,
    folds: int = FOLDS,
    easy: bool = False,
    looks: Vectors | None = None,
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
        looks: Embeddings (N, d) that tell what looks alike; None for those of the gallery. The ones
            that are learned from are right: a calibration holds out by the same.
        easy: Whether to measure the accuracy by easier folds too, which takes as long for each.
        advance: Called with 1 for each fold.

    Raises:
        ParameterError: There are fewer products, or groups of items that look alike, than folds.
    """
    codes = np.unique([label or "" for label in gallery.labels], return_inverse=True)[1]
    looks = gallery.vectors if looks is None else looks
    ways = groupings(looks, codes, gallery.together, gallery.order)
    held_by = hardest(looks, codes, ways)
    held = _folds(codes, ways[held_by], folds)
    trials = []
    for rest, away in _parts(held, folds, seed):
        trials.append(_trial(gallery, away, rest, adapt(rest)))
        advance(1)
    asked = np.concatenate([trial.asked for trial in trials])
    verdict = _verdict(trials, _best, ways[held_by][asked], _chance(gallery), seed)
    easier = {
        name: _accuracies(gallery, adapt, verdict.chosen, _parts(fold_of(codes, way), FOLDS, seed))
        for name, way in ways.items()
        if easy and name != held_by
    }
    return replace(verdict, held_by=held_by, easier=easier)


def _folds(codes: Codes, things: Codes, folds: int) -> Codes:
    held = fold_of(codes, things, folds)
    if len(np.unique(things[held >= 0])) < folds:
        raise ParameterError(
            "there are too few different products or pictures of a class to hold some out",
            fix="index more pictures first",
        )
    return held


def _accuracies(
    gallery: Labelled, adapt: Adapt, chosen: int, parts: Iterable[tuple[Codes, Codes]]
) -> Accuracies:
    trials = [
        _trial(gallery, away, rest, islice(adapt(rest), chosen, chosen + 1)) for rest, away in parts
    ]
    before, after = [one.before for one in trials], [one.after[0] for one in trials]
    return joined(before).mean("accuracy"), joined(after).mean("accuracy")


def _parts(held: Codes, folds: int, seed: int) -> Iterator[tuple[Codes, Codes]]:
    """Yield the rows to learn from and those to ask with, for each fold."""
    asked = _asked(held, seed)
    for fold in range(folds):
        yield np.flatnonzero(held != fold), asked[held[asked] == fold]


@dataclass(frozen=True, slots=True)
class HeldPart:
    """Rows of a gallery that something did not learn from, and its embeddings of all rows.

    `gallery` has labelled items only, with the embeddings as they are; `candidates` yields those,
    (N, d), by each candidate.
    """

    gallery: Labelled
    held: Codes
    candidates: Iterable[Vectors]

    def trial(self) -> "Trial":
        """Ask the other rows with these."""
        rest = np.setdiff1d(np.arange(len(self.gallery.keys)), self.held)
        return _trial(self.gallery, self.held, rest, self.candidates)

    def things(self) -> Codes:
        """Number what the rows show, (Q,)."""
        asked = take(self.gallery, self.held)
        codes = np.unique([label or "" for label in asked.labels], return_inverse=True)[1]
        return things_of(asked.vectors, codes, asked.together)


def judge_held_out(parts: Sequence[HeldPart], *, seed: int = 0) -> Verdict:
    """Do the same as `judge` with items that were held out of all learning, part by part.

    They are few. So of the candidates that are worse than the best by chance at most, the last is
    chosen (`_cautious`).

    Args:
        parts: Items of which no two are in the same, nor show the same thing; with candidates from
            the one that fits closest to what it learned from, to the most cautious.
        seed: For the bootstrap.
    """
    trials = [part.trial() for part in parts]
    things = apart([part.things() for part in parts])
    return _verdict(trials, _cautious, things, _chance(parts[0].gallery), seed)


@dataclass(frozen=True, slots=True)
class Trial:
    """How the rows that were asked fared before the adaptation and by each candidate."""

    asked: Codes
    before: QueryResults
    after: list[QueryResults]


def _trial(gallery: Labelled, asked: Codes, rest: Codes, candidates: Iterable[Vectors]) -> Trial:
    after = [fared(with_vectors(gallery, vectors), asked, rest) for vectors in candidates]
    return Trial(asked, fared(gallery, asked, rest), after)


def fared(gallery: Labelled, asked: Codes, rest: Codes) -> QueryResults:
    """Ask some rows of a gallery with others."""
    queries, others = take(gallery, asked), take(gallery, rest)
    ranking = rank(queries, others, same_label(queries, others), NEIGHBORS)
    return vote_results(queries, others, ranking, NEIGHBORS)


def _chance(gallery: Labelled) -> float:
    """Return how often two labels drawn from the gallery are the same."""
    counts = np.unique([label or "" for label in gallery.labels], return_counts=True)[1]
    return float(((counts / counts.sum()) ** 2).sum())


def _verdict(
    trials: Sequence[Trial], choose: Choose, things: Codes, chance: float, seed: int
) -> Verdict:
    candidates = [joined(each) for each in zip(*(one.after for one in trials), strict=True)]
    chosen = choose(candidates, things)
    before = joined([one.before for one in trials])
    changes = changes_between(before, candidates[chosen], seed)
    expected = accuracy_interval(candidates[chosen].answers.correct, things)
    return Verdict(chosen, changes, len(before.names), len(trials), chance, expected=expected)


def _best(candidates: Sequence[QueryResults], things: Codes) -> int:
    """Return the position of the best candidate; the things (Q,) that were shown do not matter."""
    return max(range(len(candidates)), key=lambda place: _goodness(candidates[place]).mean())


def _cautious(candidates: Sequence[QueryResults], things: Codes) -> int:
    """Return the last position that is not worse than the best by more than a standard error.

    Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984, section 3.4.3,
    with the error of the difference, in which queries that show one thing (Q,) count once.
    """
    best = _goodness(candidates[_best(candidates, things)])
    things = np.unique(things, return_inverse=True)[1]

    def is_close(candidate: QueryResults) -> bool:
        lost = best - _goodness(candidate)
        error = np.linalg.norm(np.bincount(things, lost - lost.mean())) / len(lost)
        return bool(lost.mean() <= error)

    return max(place for place, each in enumerate(candidates) if is_close(each))


def _goodness(results: QueryResults) -> Floats:
    """Score the answer to each query, (Q,): accuracy and mAP weigh the same."""
    return results.column("accuracy") + np.nan_to_num(results.column("map"))


def _asked(held: Codes, seed: int) -> Codes:
    rows = np.flatnonzero(held >= 0)
    if len(rows) <= QUERIES:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, QUERIES, replace=False))
