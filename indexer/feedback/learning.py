"""Learn an order from impressions: a weighted sum of features, by what was preferred to what.

The weights are those of a logistic regression on pairs of one impression, of which one item was
worth more than the other (Burges et al., "Learning to rank using gradient descent", ICML 2005,
without a network). People look at the first places first, and so choose them more often; the
logarithm of the position is one more feature, which takes that share and is left out of the order
(as in Zhao et al., "Recommending what video to watch next", RecSys 2019).

The metric is learned in closed form from the differences between a query and what was chosen for it
(relevant component analysis: Bar-Hillel et al., "Learning a Mahalanobis metric from equivalence
constraints", JMLR 2005). It would be too sure of the very impressions that it comes from. So their
weights are learned with metrics of the other half of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from zlib import crc32

import numpy as np

from indexer.feedback.impressions import Impression
from search_engine.records import Floats, Vectors
from search_engine.search.rerank.features import FEATURES, Metric, features

DIRECTIONS = 64
"""Of the metric; with simulated shoppers 128 were no better."""
SHRINKAGE = 0.3
LEAST_CHOSEN = 100
"""Choices that a metric is learned from at least."""
PENALTY = 0.01
"""Of squared weights; keeps what hardly varies from counting much."""
SHOWN_BEFORE = 2.0
"""So many views more, chosen as usual, does every item begin with: few say nothing yet."""
MOST_POPULAR = 20_000


@dataclass(frozen=True)
class Order:
    """What was learned; `weights` (F,) in the order of `FEATURES`, `bias` that of the logarithm of
    the position."""

    weights: Floats
    bias: float
    metric: Metric | None
    popularity: Mapping[int, float]

    def scores(self, impression: Impression) -> Floats:
        """Of the items of an impression, (C,)."""
        known = replace(impression.seen, popularity=self.popularity)
        found = features(impression.asked, known, impression.voters, self.metric)
        return found @ self.weights


def learn_order(seen: Sequence[Impression], background: Vectors) -> Order:
    """Learn from impressions.

    Args:
        seen: At least one.
        background: Embeddings (N, D) of items of the collection, for how they vary at all.
    """
    half = np.array([crc32(each.group.encode()) % 2 for each in seen])
    metrics = [
        learn_metric(
            [one for one, side in zip(seen, half, strict=True) if side != wanted], background
        )
        for wanted in (0, 1)
    ]
    counts = _Counts.of(seen)
    rows = []
    for one, side in zip(seen, half, strict=True):
        known = replace(one.seen, popularity=counts.without(one))
        metric = metrics[side] if None not in metrics else None
        rows.append(features(one.asked, known, one.voters, metric))
    weights, bias = fit_weights(seen, rows)
    metric = learn_metric(seen, background) if None not in metrics else None
    return Order(weights, bias, metric, counts.popularity())


def learn_metric(seen: Sequence[Impression], background: Vectors) -> Metric | None:
    """Learn a metric from what was chosen; None from too little."""
    from scipy import linalg

    apart = [
        one.seen.vectors[one.grades > 0] - one.asked.vector
        for one in seen
        if (one.grades > 0).any()
    ]
    if sum(map(len, apart)) < LEAST_CHOSEN:
        return None
    differences = np.concatenate(apart)
    mean = background.mean(axis=0)
    centred = background - mean
    within = differences.T @ differences / (2 * len(differences))
    shrunk = (1 - SHRINKAGE) * within
    shrunk[np.diag_indices_from(shrunk)] += SHRINKAGE * float(np.trace(within)) / len(within) + 1e-9
    count, dimension = min(DIRECTIONS, len(mean)), len(mean)
    _, matrix = linalg.eigh(
        centred.T @ centred / len(centred),
        shrunk,
        subset_by_index=[dimension - count, dimension - 1],
        check_finite=False,
    )
    return Metric(mean.astype(np.float32), np.ascontiguousarray(matrix, dtype=np.float32))


def fit_weights(seen: Sequence[Impression], rows: Sequence[Floats]) -> tuple[Floats, float]:
    """Fit the weights of features (F,), and that of the logarithm of the position.

    Args:
        seen: The impressions, which count the same each.
        rows: Their features, (C, F) each.
    """
    from scipy import optimize

    pairs = [_differences(one, row) for one, row in zip(seen, rows, strict=True)]
    apart = np.concatenate(pairs)
    shares = np.concatenate([np.full(len(each), 1 / len(each) / len(pairs)) for each in pairs])
    spread = np.sqrt((apart**2).mean(axis=0))
    varies = spread > 1e-9
    scaled = apart[:, varies] / spread[varies]

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = scaled @ weights
        wrong = shares / (1 + np.exp(np.clip(margins, -50, 50)))
        value = float(shares @ np.logaddexp(0, -margins) + PENALTY / 2 * weights @ weights)
        return value, PENALTY * weights - wrong @ scaled

    found = optimize.minimize(loss, np.zeros(scaled.shape[1]), jac=True, method="L-BFGS-B")
    weights = np.zeros(len(FEATURES) + 1)
    weights[varies] = found.x / spread[varies]
    return weights[:-1], float(weights[-1])


def _differences(one: Impression, rows: Floats) -> Floats:
    """What is worth more without what is worth less, (P, F + 1), for all pairs."""
    places = np.log(np.where(np.isnan(one.positions), 1.0, one.positions))
    both_known = ~np.isnan(one.positions)
    better, worse = np.nonzero(one.grades[:, None] > one.grades[None])
    apart = np.where(both_known[better] & both_known[worse], places[better] - places[worse], 0.0)
    return np.hstack([rows[better] - rows[worse], apart[:, None]])


class _Shown(NamedTuple):
    """An item in an impression: whether it was chosen, and how often what is there is chosen."""

    key: int
    chosen: float
    expected: float


@dataclass(frozen=True)
class _Counts:
    """How often items were chosen, and how often they would have been for their places alone."""

    rates: Mapping[float, float]
    chosen: Mapping[int, float]
    expected: Mapping[int, float]

    @classmethod
    def of(cls, seen: Sequence[Impression]) -> "_Counts":
        """Count."""
        views: defaultdict[float, list[bool]] = defaultdict(list)
        for one in seen:
            for place, grade in zip(_places(one), one.grades.tolist(), strict=True):
                views[place].append(grade > 0)
        rates = {place: float(np.mean(chosen)) for place, chosen in views.items()}
        chosen: defaultdict[int, float] = defaultdict(float)
        expected: defaultdict[int, float] = defaultdict(float)
        for one in seen:
            for each in _shown(one, rates):
                chosen[each.key] += each.chosen
                expected[each.key] += each.expected
        return cls(rates, chosen, expected)

    def popularity(self) -> dict[int, float]:
        """Of the items that were shown most."""
        most = sorted(self.expected, key=lambda key: -self.expected[key])[:MOST_POPULAR]
        return {key: self._of(key, 0.0, 0.0) for key in most}

    def without(self, one: Impression) -> dict[int, float]:
        """Of the items of an impression, by all other impressions."""
        return {
            each.key: self._of(each.key, each.chosen, each.expected)
            for each in _shown(one, self.rates)
        }

    def _of(self, key: int, chosen: float, expected: float) -> float:
        usual = self.chosen[key] - chosen + SHOWN_BEFORE
        return float(np.log(usual / (self.expected[key] - expected + SHOWN_BEFORE)))


def _shown(one: Impression, rates: Mapping[float, float]) -> Iterator[_Shown]:
    keys = one.seen.keys.tolist()
    for key, grade, place in zip(keys, one.grades.tolist(), _places(one), strict=True):
        yield _Shown(key, float(grade > 0), rates[place])


def _places(one: Impression) -> list[float]:
    """Positions; 0 for one that is unknown."""
    return [float(each) for each in np.nan_to_num(one.positions)]
