"""Votes on labels that are paths (`Fruit/Apple/Granny-Smith`), level by level. Pure functions.

A label stands for itself and everything above it, so the share of `Fruit` is the sum of the shares
of all labels below it. A flat label is a path of one level. Catalogs of earlier versions may have
longer paths than are accepted now: the rest is part of the last level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.names import SEPARATOR, prefixes
from search_engine.records import Codes, Floats, Level, Vote
from search_engine.vote.tally import Tally

DIGITS = 12
ROUNDING = 1e-12
"""Sums of shares that differ by less are equal."""


def node_shares(votes: Sequence[Vote]) -> dict[str, float]:
    """Return the share of every node that got votes: of a parent, the sum of its children.

    A label that is also a parent is a child of itself.
    """
    shares: dict[str, float] = {}
    for vote in votes:
        for path in prefixes(vote.label):
            shares[path] = shares.get(path, 0.0) + vote.share
    return {path: min(1.0, share) for path, share in shares.items()}


def levels_of(votes: Sequence[Vote]) -> tuple[Level, ...]:
    """Return the path of the winner with the share at each level; empty without votes."""
    return _levels(votes[0].label, node_shares(votes)) if votes else ()


def supported_level(votes: Sequence[Vote], support: float) -> tuple[Level, tuple[Level, ...]]:
    """Return the deepest level that enough votes agree on, and the levels of the path through it.

    If there is none, for example with votes split among many flat labels, it is the first part with
    most votes. The path continues below it to the label with most votes there. Ties go to what
    comes first in the votes.

    Args:
        votes: Best first, at least one.
        support: The share of the votes that is enough, more than 0.
    """
    shares = node_shares(votes)
    agreed = [path for path, share in shares.items() if share >= support - ROUNDING]
    if agreed:
        best = max(agreed, key=lambda path: (path.count(SEPARATOR), round(shares[path], DIGITS)))
    else:
        first = (path for path in shares if SEPARATOR not in path)
        best = max(first, key=lambda path: round(shares[path], DIGITS))
    leaf = next(vote.label for vote in votes if f"{vote.label}/".startswith(f"{best}/"))
    return Level(best, shares[best]), _levels(leaf, shares)


def _levels(label: str, shares: Mapping[str, float]) -> tuple[Level, ...]:
    return tuple(Level(path, shares[path]) for path in prefixes(label))


@dataclass(frozen=True, slots=True)
class PathTable:
    """The nodes of each label: `nodes` (labels, D), int64, numbers of nodes; -1 below the label."""

    nodes: Codes

    @property
    def depth(self) -> int:
        """Number of levels of the longest path."""
        return int(self.nodes.shape[1])

    def agree(self, one: Codes, other: Codes) -> NDArray[np.bool_]:
        """Return whether two labels have the same node at each level, (Q, D); -1 equals nothing."""
        mine = np.where(one[:, None] >= 0, self.nodes[one], -1)
        yours = np.where(other[:, None] >= 0, self.nodes[other], -1)
        return np.asarray((mine >= 0) & (mine == yours))


def path_table(labels: Sequence[str]) -> PathTable:
    """Make the table of some labels."""
    paths = [prefixes(label) for label in labels]
    number: dict[str, int] = {}
    nodes = np.full((len(labels), max(map(len, paths), default=1)), -1, dtype=np.int64)
    for row, path in enumerate(paths):
        for depth, node in enumerate(path):
            nodes[row, depth] = number.setdefault(node, len(number))
    return PathTable(nodes)


@dataclass(frozen=True, slots=True)
class LevelShares:
    """Shares of each winner at each level of its path, given that the level above is right; (Q, D).

    `share` is relative to the votes below the level above, `rival` the largest share of another
    child there. Both are NaN below the winner's label, and without votes.
    """

    share: Floats
    rival: Floats


def level_shares(counted: Tally, table: PathTable) -> LevelShares:
    """Compute how votes split at each level along the path of the winner."""
    queries, depth = len(counted.codes), table.depth
    share, rival = np.full((queries, depth), np.nan), np.full((queries, depth), np.nan)
    if counted.codes.shape[1] == 0:
        return LevelShares(share, rival)
    voted = counted.codes >= 0
    nodes = np.where(voted[:, :, None], table.nodes[counted.codes], -1)
    inside = counted.shares * voted
    for level in range(depth):
        here = nodes[:, :, level]
        winner = here[:, :1]
        whole = inside.sum(axis=1)
        known = (winner[:, 0] >= 0) & (whole > 0)
        own = np.where(here == winner, inside, 0.0)
        # a label that ends at the level above is a child of itself: -1 is its own node
        share[known, level] = (own.sum(axis=1) / np.maximum(whole, 1e-300))[known]
        best_other = _largest_sum(here, np.where(here == winner, 0.0, inside))
        rival[known, level] = (best_other / np.maximum(whole, 1e-300))[known]
        inside = own
    return LevelShares(np.minimum(share, 1.0), np.minimum(rival, 1.0))


def _largest_sum(nodes: Codes, shares: Floats) -> Floats:
    """Return the largest sum of the shares of one node, for each row."""
    order = np.argsort(nodes, axis=1, kind="stable")
    nodes, shares = np.take_along_axis(nodes, order, 1), np.take_along_axis(shares, order, 1)
    running = np.cumsum(shares, axis=1)
    last = np.ones(nodes.shape, dtype=np.bool_)
    last[:, :-1] = nodes[:, 1:] != nodes[:, :-1]
    before = np.zeros(len(nodes))
    largest = np.zeros(len(nodes))
    for column in range(nodes.shape[1]):
        ends = last[:, column]
        largest = np.where(ends, np.maximum(largest, running[:, column] - before), largest)
        before = np.where(ends, running[:, column], before)
    return largest
