"""Count votes of neighbors for many queries at once. Pure functions on arrays.

A `VoteRule` determines voters and weights; `labels` and `calibration` turn the counts into answers
and confidences.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Codes, Floats

TINY = 1e-300
WEIGHT_DIGITS = 12
"""Round to so many decimals, so that neither rounding nor the order of summing breaks ties."""


@dataclass(frozen=True, slots=True)
class VoteRule:
    """How neighbors vote.

    The `k` nearest neighbors vote (None: all). With `per_product` only a product's nearest photo
    votes, so that ten photos of one product are one voter; photos without a product vote
    separately. Neighbors below `min_score` do not vote; a winner below `min_confidence` is an
    abstention. For label paths, the answer is the deepest level that the share `support` of the
    votes agree on; with None it is always the whole label of the winner.

    `weights` is one of

    - similarity: exp((score - best score) / temperature); equal shares go to the label whose best
    neighbor is closer, then to the first in the alphabet. Wu et al., "Unsupervised feature learning
    via non-parametric instance discrimination", CVPR 2018. - uniform, distance: 1, or 1 / the
    Euclidean distance of the unit vectors, as in scikit-learn's KNeighborsClassifier; equal shares
    go to the first in the alphabet.

    Of eight temperatures tried by leaving one out of 3,068 clothing photos, 0.05 and 0.06 are best
    and equal but for noise with k = 10 (0.842 and 0.843; plain counting 0.836; `python -m
    benchmarks.vote`). `calibrate` finds k and temperature of a collection by itself.
    """

    temperature: float = 0.05
    min_score: float = -1.0
    min_confidence: float = 0.0
    k: int | None = None
    weights: Literal["similarity", "uniform", "distance"] = "similarity"
    per_product: bool = False
    support: float | None = 0.5


WHOLE_LABEL = VoteRule(support=None)
"""Vote for whole labels; used to compare embeddings."""


@dataclass(frozen=True, slots=True)
class Ballots:
    """The neighbors of Q queries, best first, at most K each.

    `scores` (Q, K), float64, -inf after the last neighbor; `codes` (Q, K), int64, are positions in
    `labels`, which ascend; `products` (Q, K), int64, or None if not needed. -1 means none.
    """

    scores: Floats
    codes: Codes
    labels: tuple[str, ...]
    products: Codes | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """The labels that got votes, M at most, best first: `codes` and `shares`, (Q, M).

    After the last label of a query come -1 and 0. Shares of a query add up to 1 if there was a
    voter.
    """

    codes: Codes
    shares: Floats


def tally(ballots: Ballots, rule: VoteRule, class_weights: Floats | None = None) -> Tally:
    """Compute the share of the votes of each label.

    Args:
        ballots: The neighbors of each query.
        rule: Voters and weights; its `min_confidence` is ignored.
        class_weights: A factor for the votes of each label, (labels,).
    """
    ballots = _within_k(ballots, rule)
    weights = vote_weights(ballots, rule)
    rows, columns = np.nonzero((weights > 0) & (ballots.codes >= 0))
    codes = ballots.codes[rows, columns]
    cast = weights[rows, columns]
    if class_weights is not None:
        cast = cast * class_weights[codes]
    sums = group_sums(rows, codes, cast, ballots.scores[rows, columns])
    closer = -sums.best if rule.weights == "similarity" else np.zeros(len(sums.best))
    order = np.lexsort((sums.codes, closer, -sums.totals, sums.rows))
    return _as_table(sums, order, len(ballots.scores))


def vote_weights(ballots: Ballots, rule: VoteRule) -> Floats:
    """Compute the weight of each neighbor's vote, (Q, K), at most 1; 0 without a vote."""
    scores = ballots.scores
    voting = _asked(ballots, rule) & (ballots.codes >= 0) & (scores >= rule.min_score)
    if rule.weights == "uniform":
        return voting.astype(np.float64)
    if rule.weights == "distance":
        return _by_distance(scores, voting)
    best = np.where(voting, scores, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    gap = np.where(voting, scores - np.where(np.isfinite(best), best, 0.0), -np.inf)
    return np.asarray(np.exp(gap / rule.temperature))


def voter_counts(ballots: Ballots, rule: VoteRule) -> Codes:
    """Count the neighbors that have a vote, (Q,)."""
    return np.asarray(np.count_nonzero(vote_weights(ballots, rule) > 0, axis=1), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class GroupSums:
    """Sum of the weights and best score of each (row, code), ascending; (G,) each."""

    rows: Codes
    codes: Codes
    totals: Floats
    best: Floats


def group_sums(rows: Codes, codes: Codes, weights: Floats, scores: Floats) -> GroupSums:
    """Sum entries, given best first within each row, by row and code."""
    if len(rows) == 0:
        return GroupSums(rows, codes, np.empty(0), np.empty(0))
    order = np.argsort(rows * (int(codes.max()) + 1) + codes, kind="stable")
    rows, codes = rows[order], codes[order]
    new = np.r_[True, (rows[1:] != rows[:-1]) | (codes[1:] != codes[:-1])]
    starts = np.flatnonzero(new)
    totals: Floats = np.add.reduceat(weights[order], starts).round(WEIGHT_DIGITS)
    return GroupSums(rows[starts], codes[starts], totals, scores[order][starts])


def _within_k(ballots: Ballots, rule: VoteRule) -> Ballots:
    """Return the first k columns, if more are not needed."""
    if rule.k is None or rule.per_product:
        return ballots
    scores, codes = ballots.scores[:, : rule.k], ballots.codes[:, : rule.k]
    return Ballots(scores, codes, ballots.labels)


def _asked(ballots: Ballots, rule: VoteRule) -> NDArray[np.bool_]:
    """Return which neighbors are among the k, labelled or not; (Q, K)."""
    asked = np.isfinite(ballots.scores)
    if rule.per_product and ballots.products is not None:
        asked &= _first_of_each(ballots.products)
    if rule.k is not None:
        asked &= np.cumsum(asked, axis=1) <= rule.k
    return asked


def _first_of_each(products: Codes) -> NDArray[np.bool_]:
    """Return the first neighbor of each product in a row, and all without a product."""
    first = products < 0
    rows, columns = np.nonzero(products >= 0)
    pairs = rows * (int(products.max(initial=0)) + 1) + products[rows, columns]
    _, index = np.unique(pairs, return_index=True)
    first[rows[index], columns[index]] = True
    return first


def _by_distance(scores: Floats, voting: NDArray[np.bool_]) -> Floats:
    """Compute 1 / distance; if neighbors are at distance 0, only they vote."""
    distance = np.sqrt(np.maximum(2.0 - 2.0 * np.where(voting, scores, -1.0), 0.0))
    same = voting & (distance == 0.0)
    near = 1.0 / np.where(distance == 0.0, 1.0, distance)
    weights = np.where(same.any(axis=1, keepdims=True), same, np.where(voting, near, 0.0))
    return np.asarray(weights / np.maximum(weights.max(axis=1, initial=0.0, keepdims=True), TINY))


def _as_table(sums: GroupSums, order: Codes, queries: int) -> Tally:
    rows, totals = sums.rows[order], sums.totals[order]
    counts = np.bincount(rows, minlength=queries)
    whole = np.bincount(rows, totals, minlength=queries)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    codes = np.full((queries, int(counts.max(initial=0))), -1, dtype=np.int64)
    shares = np.zeros(codes.shape)
    codes[rows, place] = sums.codes[order]
    shares[rows, place] = totals / whole[rows]
    return Tally(codes, shares)
