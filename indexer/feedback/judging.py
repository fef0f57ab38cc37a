"""Judge an order that was learned from feedback, by impressions that it did not learn from.

Queries of one product are held out together. The measure is the standing of what was chosen: the
share of the other items of its impression that come behind it. What was chosen far down counts
more, as fewer people look there: the mean is then that over all that would have been chosen, had
everything been looked at (Joachims et al., "Unbiased learning-to-rank with biased feedback", WSDM
2017). Without that the order in which items were shown would always look best.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from indexer.feedback.impressions import Impression
from indexer.feedback.learning import learn_order
from search_engine.evaluate.bootstrap import Weights, interval, samples_of
from search_engine.evaluate.paired import RESAMPLES, Change
from search_engine.records import Codes, Floats, Vectors
from search_engine.things import FOLDS

LEAST_IMPRESSIONS = 100
MOST_WEIGHT = 20.0
"""What was chosen where hardly anybody looks counts so many times at most."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The standing in held-out impressions by cosine alone and by the learned order."""

    standing: Change
    impressions: int
    groups: int

    @property
    def accepted(self) -> bool:
        """Whether it rises by more than chance explains, and by enough to be worth it."""
        return self.standing.is_better


def judge_order(
    seen: Sequence[Impression],
    background: Vectors,
    seed: int = 0,
    advance: Callable[[int], None] = lambda count: None,
) -> Judged:
    """Learn without each fold in turn, and compare.

    Args:
        seen: The impressions, of at least as many groups as there are folds.
        background: See `learn_order`.
        seed: Of the folds and of the bootstrap.
        advance: Called with 1 for each fold.
    """
    names, groups = np.unique([each.group for each in seen], return_inverse=True)
    held = (np.random.default_rng(seed).permutation(len(names)) % FOLDS)[groups]
    before, after, weights = (np.zeros(len(seen)) for _ in range(3))
    for fold in range(FOLDS):
        rest = [one for one, out in zip(seen, held, strict=True) if out != fold]
        order = learn_order(rest, background)
        for place in np.flatnonzero(held == fold).tolist():
            one = seen[place]
            counts = counts_of(one, order.bias)
            before[place] = np.vdot(counts, standings(one.seen.scores))
            after[place] = np.vdot(counts, standings(order.scores(one)))
            weights[place] = counts.sum()
        advance(1)
    return Judged(_change(before, after, weights, groups, seed), len(seen), len(names))


def counts_of(one: Impression, bias: float) -> Floats:
    """How much each item of an impression counts, (C,): what it is worth, and more where fewer
    people look; 0 where it was not chosen."""
    places = np.where(np.isnan(one.positions), 1.0, one.positions)
    looked = np.maximum(places ** min(bias, 0.0), 1 / MOST_WEIGHT)
    return np.maximum(one.grades, 0.0) / looked


def standings(scores: ArrayLike) -> Floats:
    """The share of the others that come behind each item by some scores, (C,); two at least."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order))
    return (len(order) - 1 - ranks) / (len(order) - 1)


def _change(before: Floats, after: Floats, weights: Floats, groups: Codes, seed: int) -> Change:
    def mean(values: Floats) -> Callable[[Weights], Floats]:
        return lambda drawn: (drawn @ values) / (drawn @ weights)

    samples = samples_of({"gain": mean(after - before)}, groups, RESAMPLES, seed)["gain"]
    found = interval(samples)
    total = weights.sum()
    if found is None or not total:
        raise AssertionError("impressions without anything chosen")
    return Change(float(before.sum() / total), float(after.sum() / total), found)
