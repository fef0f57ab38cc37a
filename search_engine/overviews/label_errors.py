"""Find items whose label their neighbors contradict. Pure functions on arrays.

Each item gets the probability of its label by the vote of its neighbors, itself and other photos of
its product left out. What is most suspicious is what has the least; which of them are errors is
decided by the confident joint: Northcutt, Jiang and Chuang, "Confident learning: estimating
uncertainty in dataset labels", JAIR 2021.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Codes, Floats
from search_engine.vote.tally import Ballots, Tally, VoteRule, tally

RULE = VoteRule(k=20, support=None, per_product=True)
"""With 5 % of the labels of clothing wrong, 20 voters rank them better than 10, and as 50
(`python -m benchmarks.mislabelled`)."""


@dataclass(frozen=True, slots=True)
class Suspicions:
    """What neighbors say of the labels of N items; (N,) each.

    `probability` is that of the item's own label, `suggested` the label with the largest share
    among the others, -1 for none, and `support` its share. `errors` marks labels that are probably
    wrong, `judged` the items of which anything can be said: they have a label that another product
    has too, and a labelled neighbor. The others have probability 1.
    """

    probability: Floats
    suggested: Codes
    support: Floats
    errors: NDArray[np.bool_]
    judged: NDArray[np.bool_]

    def ranked(self) -> Codes:
        """Rows of the judged items, the most suspicious first."""
        order = np.lexsort((np.arange(len(self.judged)), -self.support, self.probability))
        return np.asarray(order[self.judged[order]])


def judge(ballots: Ballots, own: Codes, things: Codes, rule: VoteRule = RULE) -> Suspicions:
    """Compare the label of each item with what its neighbors vote for.

    Args:
        ballots: The neighbors of N items, without themselves and photos of the same product; those
            of one number in `products` are one voter, such as equal files.
        own: The label of each item, (N,), positions in the labels of the ballots; -1 for none.
        things: The number of each item's product, (N,); an item without one has its own number.
        rule: How neighbors vote.
    """
    counted = tally(ballots, rule)
    probability = _shares_of(counted, own)
    others = np.where(counted.codes == own[:, None], 0.0, counted.shares)
    best = others.argmax(axis=1) if others.shape[1] else np.zeros(len(own), dtype=np.int64)
    support = others[np.arange(len(own)), best] if others.shape[1] else np.zeros(len(own))
    suggested = np.full(len(own), -1, dtype=np.int64)
    found = support > 0
    suggested[found] = counted.codes[found, best[found]]
    judged = (own >= 0) & _shared(own, things) & (counted.codes >= 0).any(axis=1)
    return Suspicions(
        np.where(judged, probability, 1.0),
        suggested,
        support,
        judged & _errors(counted, own, judged, len(ballots.labels)),
        judged,
    )


def _shares_of(counted: Tally, own: Codes) -> Floats:
    """Return the share of each item's own label, (N,)."""
    is_own = (counted.codes == own[:, None]) & (counted.codes >= 0)
    return np.asarray(np.where(is_own, counted.shares, 0.0).sum(axis=1))


def _shared(own: Codes, things: Codes) -> NDArray[np.bool_]:
    """Mark items with a label that another thing has, too."""
    pairs = np.unique(np.column_stack([own, things]), axis=0)
    labels, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(own, labels[counts > 1])


def _errors(
    counted: Tally, own: Codes, judged: NDArray[np.bool_], labels: int
) -> NDArray[np.bool_]:
    """Mark items that the confident joint counts under another label than their own.

    An item counts for the most probable of the labels that are as probable for it as for the items
    that have them, on average.
    """
    sums = np.bincount(own[judged], _shares_of(counted, own)[judged], labels)
    counts = np.bincount(own[judged], minlength=labels)
    typical = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = (counted.codes >= 0) & (counted.shares >= typical[counted.codes])
    shares = np.where(confident, counted.shares, -1.0)
    if not shares.shape[1]:
        return np.zeros(len(own), dtype=np.bool_)
    best = shares.argmax(axis=1)
    rows = np.arange(len(own))
    return np.asarray(confident[rows, best] & (counted.codes[rows, best] != own))
