"""The nearest neighbors of every item of a collection, through its index."""

from dataclasses import dataclass

import numpy as np

from search_engine.indexes.live import Snapshot
from search_engine.indexes.selection import KeySet
from search_engine.neighbors import Advance
from search_engine.records import Codes, Floats, Keys

NEIGHBORS = 50
"""A group of foreign pictures hides from fewer: `python -m benchmarks.mislabelled`."""
BLOCK = 256


@dataclass(frozen=True, slots=True)
class Graph:
    """The neighbors of N items, best first, never themselves.

    `keys` (N,) ascend; `scores` (N, K), float64, are cosines, -inf after the last neighbor; `rows`
    (N, K) are positions in `keys`.
    """

    keys: Keys
    scores: Floats
    rows: Codes

    def replaced(self, places: Codes, scores: Floats, rows: Codes) -> "Graph":
        """The same with other neighbors, (M, at most K), of the items at some places, (M,)."""
        every_score, every_row = self.scores.copy(), self.rows.copy()
        every_score[places], every_row[places] = -np.inf, 0
        width = slice(scores.shape[1])
        every_score[places, width], every_row[places, width] = scores, rows
        return Graph(self.keys, every_score, every_row)


def neighbors_of(snapshot: Snapshot, keys: Keys, advance: Advance, k: int = NEIGHBORS) -> Graph:
    """Find the nearest of some items of an index for each of them.

    Args:
        snapshot: Has them all.
        keys: Of the items, (N,), ascending.
        advance: Counts the items.
        k: Neighbors wanted; fewer if there are fewer items.
    """
    within = None if len(keys) == len(snapshot) else KeySet(keys)
    width = max(0, min(k, len(keys) - 1))
    scores = np.full((len(keys), width), -np.inf)
    rows = np.zeros((len(keys), width), dtype=np.int64)
    for start in range(0, len(keys), BLOCK):
        block = slice(start, start + BLOCK)
        own = keys[block]
        hits = snapshot.search(snapshot.vectors(own), width + 1, within)
        there = np.arange(hits.keys.shape[1]) < hits.counts[:, None]
        found = np.where(there & (hits.keys != own[:, None]), hits.scores, -np.inf)
        order = np.argsort(-found, axis=1, kind="stable")[:, :width]
        kept = np.take_along_axis(found, order, 1)
        scores[block, : kept.shape[1]] = kept
        places = np.searchsorted(keys, np.take_along_axis(hits.keys, order, 1))
        rows[block, : kept.shape[1]] = np.where(np.isfinite(kept), places, 0)
        advance(len(own))
    return Graph(keys, scores, rows)
