"""Items of a gallery asked as if they were new photos: what their neighbors would have been.

Each item is asked in up to two ways. Without only itself (leave-one-out), if it then still has a
twin, another picture of the same thing. And without its whole group: all items of its product or,
where there are no product ids, of its scene (`things.scenes_of`).

Leaving out one item alone would promise too much: photos taken in one go find each other, and a
photo that comes later has hardly any such neighbor (Roberts et al., "Cross-validation strategies
for data with temporal, spatial, hierarchical, or phylogenetic structure", Ecography 2017). Photos
with a twin (near) and without (far) are kept apart from here on, as the same share of the votes
deserves more trust for one than for the other.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from search_engine.neighbors import Advance, nearest
from search_engine.records import Codes, Floats, Vectors
from search_engine.things import TWIN_QUANTILE, scenes_of
from search_engine.vote.tally import Ballots

NEIGHBORS = 200

LeaveOut = Literal["one", "product", "scene"]


@dataclass(frozen=True, slots=True)
class Voters:
    """A gallery with what it votes on: vectors (N, D), the rest (N,) with -1 for none.

    `labels` ascend, `codes` are places in it; `products` are numbers of products.
    """

    vectors: Vectors
    codes: Codes
    labels: tuple[str, ...]
    products: Codes

    @property
    def has_products(self) -> bool:
        """Whether some product has several items, so that products tell what belongs together."""
        known = self.products[self.products >= 0]
        return len(np.unique(known)) < len(known)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out items with their neighbors; an item may be there twice, near and far.

    `rows` (Q,) are places in the gallery, `truth` (Q,) their labels, `near` (Q,) which kind;
    `places` (Q, K) are those of the neighbors. `twin_score` is the score from which two items are
    twins. `is_sample` says that these are the only items not trained on.
    """

    ballots: Ballots
    places: Codes
    rows: Codes
    truth: Codes
    near: NDArray[np.bool_]
    twin_score: float
    left_out: LeaveOut
    is_sample: bool = False


def hold_out(
    voters: Voters,
    queries: int,
    leave_out: LeaveOut,
    seed: int = 0,
    advance: Advance = lambda count: None,
) -> HeldOut:
    """Find the neighbors of items of the gallery, with the items themselves left out.

    Items whose label no item has that is not left out could not be right: they are not asked.

    Args:
        voters: The whole gallery.
        queries: Ask at most so many, drawn without replacement from those with a label.
        leave_out: What is left out for a far photo.
        seed: Which items are drawn.
        advance: Called with the number of queries done.
    """
    rows = draw(voters.codes, queries, seed)
    scores, found = nearest(voters.vectors[rows], voters.vectors, NEIGHBORS, rows, advance)
    twin = twin_score(voters.codes, rows, scores, found)
    left = _left_out(voters, rows, found, twin, leave_out)
    without, places = _without(scores, found, left)
    alone, grouped = _asked(voters, rows, scores, without, left, found, twin)
    places = np.r_[found[alone], places[grouped]]
    ballots = ballots_at(voters, np.r_[scores[alone], without[grouped]], places)
    every = np.r_[rows[alone], rows[grouped]]
    near = np.asarray(_best(ballots.scores) >= twin)
    return HeldOut(ballots, places, every, voters.codes[every], near, twin, leave_out)


def _left_out(
    voters: Voters, rows: Codes, found: Codes, twin: float, leave_out: LeaveOut
) -> NDArray[np.bool_]:
    """Mark the neighbors that belong to the item's own product or scene, (Q, K)."""
    if leave_out == "product":
        own = voters.products[rows][:, None]
        return np.asarray((own >= 0) & (voters.products[found] == own))
    if leave_out == "scene":
        scenes = scenes_of(voters.vectors, voters.codes, twin, rows)
        return np.asarray(scenes[found] == scenes[rows][:, None])
    return np.zeros(found.shape, dtype=np.bool_)


def _without(scores: Floats, found: Codes, left: NDArray[np.bool_]) -> tuple[Floats, Codes]:
    """Scores and places of the neighbors that are not left out, best first."""
    kept = np.where(left, -np.inf, scores)
    order = np.argsort(-kept, axis=1, kind="stable")
    return np.take_along_axis(kept, order, 1), np.take_along_axis(found, order, 1)


def _asked(
    voters: Voters,
    rows: Codes,
    scores: Floats,
    without: Floats,
    left: NDArray[np.bool_],
    found: Codes,
    twin: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Choose the items to ask without only themselves, and those to ask without their group."""
    counts = np.bincount(voters.codes[voters.codes >= 0], minlength=len(voters.labels))
    others = counts[voters.codes[rows]] - 1
    lost = (left & (voters.codes[found] == voters.codes[rows][:, None])).sum(axis=1)
    best, left_best = _best(scores), _best(without)
    alone = (best >= twin) & (others >= 1)
    grouped = (left.any(axis=1) | (best < twin)) & (others - lost >= 1) & np.isfinite(left_best)
    return np.asarray(alone), np.asarray(grouped)


def _best(scores: Floats) -> Floats:
    """The largest score of each row; -inf in an empty one."""
    return np.asarray(scores.max(axis=1, initial=-np.inf))


def draw(codes: Codes, count: int, seed: int) -> Codes:
    """Draw rows that have a label, at most so many, ascending."""
    rows = np.flatnonzero(codes >= 0)
    if len(rows) <= count:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))


def ballots_at(voters: Voters, scores: Floats, places: Codes) -> Ballots:
    """The ballots of neighbors at some places of the gallery."""
    here = np.isfinite(scores)
    codes = np.where(here, voters.codes[places], -1)
    products = np.where(here, voters.products[places], -1)
    return Ballots(scores, codes, voters.labels, products)


def twin_score(codes: Codes, rows: Codes, scores: Floats, found: Codes) -> float:
    """What 95 % of the items do not reach with any item of another label.

    Items that are more alike than that show one thing, rather than two of a class. Where all
    neighbors of an item have its label, the score of the last one is used.
    """
    if scores.size == 0:
        return 1.0
    other = np.where(codes[found] != codes[rows][:, None], scores, -np.inf).max(axis=1)
    return float(np.quantile(np.where(np.isfinite(other), other, scores[:, -1]), TWIN_QUANTILE))
