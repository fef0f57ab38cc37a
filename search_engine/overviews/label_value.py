"""Which items to label next, and what a label would change. Pure functions on arrays.

Unlabelled items are chosen one after the other, each for what its label adds to those before it: an
item counts as far as a labelled one is near, and the more the fewer its neighbors agree. That is
facility location, whose greedy choice is within 1 - 1/e of the best: Wei, Iyer and Bilmes,
"Submodularity in data subset selection and active learning", ICML 2015.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Codes, Floats
from search_engine.vote.tally import Tally


@dataclass(frozen=True, slots=True)
class Choice:
    """Items to label, best first, (M,) each.

    `rows` are positions of the items; `reach` counts the unlabelled items, itself included, that
    have no labelled one as near once this one is labelled and those before it are.
    """

    rows: Codes
    reach: Codes


def doubt(counted: Tally) -> Floats:
    """1 minus the lead of the first label over the second, (N,); 1 where nobody voted.

    Margin sampling: Scheffer, Decomain and Wrobel, "Active hidden Markov models for information
    extraction", IDA 2001.
    """
    shares = np.pad(counted.shares, ((0, 0), (0, max(0, 2 - counted.shares.shape[1]))))
    return np.asarray(1.0 - (shares[:, 0] - shares[:, 1]))


def choose_next(
    scores: Floats, rows: Codes, labelled: NDArray[np.bool_], doubts: Floats, limit: int
) -> Choice:
    """Choose unlabelled items whose labels would tell most of the others.

    Args:
        scores: Cosines of the neighbors of N items, (N, K), best first; -inf after the last one.
        rows: Positions of these neighbors among the items, (N, K).
        labelled: Which items have a label, (N,).
        doubts: How little is known of each item, (N,), 0 to 1.
        limit: How many at most.
    """
    labels = _Labels(scores, rows, labelled, doubts)
    waiting = [(-labels.would_add(row)[0], row) for row in np.flatnonzero(~labelled).tolist()]
    heapq.heapify(waiting)
    chosen: list[tuple[int, int]] = []
    while waiting and len(chosen) < limit:
        row = waiting[0][1]
        gain, reach = labels.would_add(row)
        if len(waiting) > 1 and -gain > min(waiting[1:3])[0]:  # it promised more before the others
            heapq.heapreplace(waiting, (-gain, row))
            continue
        heapq.heappop(waiting)
        chosen.append((row, reach))
        labels.add(row)
    table = np.array(chosen, dtype=np.int64).reshape(-1, 2)
    return Choice(table[:, 0], table[:, 1])


class _Labels:
    """Labels that items have or are given, and how near each unlabelled item has one."""

    def __init__(
        self, scores: Floats, rows: Codes, labelled: NDArray[np.bool_], doubts: Floats
    ) -> None:
        self._doubts = doubts
        self._known = _nearest_labelled(scores, rows, labelled)
        asking, places = np.nonzero(np.isfinite(scores) & ~labelled[:, None])
        answering = rows[asking, places]
        useful = ~labelled[answering]
        order = np.argsort(answering[useful], kind="stable")
        self._asking, places = asking[useful][order], places[useful][order]
        self._scores = scores[self._asking, places]
        self._starts = np.searchsorted(answering[useful][order], np.arange(len(labelled) + 1))

    def would_add(self, row: int) -> tuple[float, int]:
        """What the label of an item would add now, and for how many items."""
        others, scores = self._neighbored(row)
        nearer = np.maximum(scores - self._known[others], 0.0)
        own = 1.0 - self._known[row]
        gain = float(self._doubts[row] * own + self._doubts[others] @ nearer)
        return gain, int((nearer > 0).sum()) + int(own > 0)

    def add(self, row: int) -> None:
        """Give an item its label."""
        others, scores = self._neighbored(row)
        self._known[others] = np.maximum(self._known[others], scores)
        self._known[row] = 1.0

    def _neighbored(self, row: int) -> tuple[Codes, Floats]:
        """The unlabelled items that have an item among their neighbors, and its scores there."""
        edges = slice(self._starts[row], self._starts[row + 1])
        return self._asking[edges], self._scores[edges]


def votes_of(scores: Floats, rows: Codes, labelled: NDArray[np.bool_]) -> Codes:
    """For how many items each one is the nearest that has a label, (N,)."""
    if not scores.shape[1]:
        return np.zeros(len(labelled), dtype=np.int64)
    usable = np.isfinite(scores) & labelled[rows]
    some = np.flatnonzero(usable.any(axis=1))
    nearest = rows[some, usable[some].argmax(axis=1)]
    return np.bincount(nearest, minlength=len(labelled))


def _nearest_labelled(scores: Floats, rows: Codes, labelled: NDArray[np.bool_]) -> Floats:
    """The cosine with the nearest labelled neighbor, (N,); where there is none, that of the
    furthest neighbor, which any labelled item is further than."""
    if not scores.shape[1]:
        return np.zeros(len(labelled))
    usable = np.isfinite(scores) & labelled[rows]
    best = np.where(usable, scores, -np.inf).max(axis=1)
    furthest = np.where(np.isfinite(scores), scores, np.inf).min(axis=1)
    nothing = np.where(np.isfinite(furthest), furthest, 0.0)
    return np.asarray(np.where(np.isfinite(best), best, nothing))
