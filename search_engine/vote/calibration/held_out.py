"""Query a gallery with its own items as if they were new photos, leaving out related items.

Each item is queried in up to two ways: leaving out only itself, if it then still has a twin,
another picture of the same thing; and leaving out its whole group, all items of its product or,
without product ids, of its scene (`things.things_of`).

Leaving out single items only would be too optimistic: photos of one session find each other, but a
later photo hardly has such neighbors (Roberts et al., "Cross-validation strategies for data with
temporal, spatial, hierarchical, or phylogenetic structure", Ecography 2017). Photos with a twin
(near) and without (far) are kept separate, as the same share of the votes is more reliable for near
ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search_engine.neighbors import Advance, nearest
from search_engine.records import Codes, Floats, Vectors
from search_engine.things import things_of
from search_engine.vote.calibration.record import is_near
from search_engine.vote.tally import Ballots

NEIGHBORS = 200
TWIN_QUANTILE = 0.95
"""Share of the items whose best match in another class is less similar than twins are."""
LEAST_HARD = 50

LeaveOut = Literal["one", "product", "scene", "group"]


@dataclass(frozen=True, slots=True)
class Voters:
    """A gallery with its labels and products: vectors (N, D), the rest (N,) with -1 for none.

    `labels` ascend, `codes` are positions in it; `products` are numbers of products, `groups` of
    what is held out together instead of these.
    """

    vectors: Vectors
    codes: Codes
    labels: tuple[str, ...]
    products: Codes
    groups: Codes | None = None

    @property
    def together(self) -> Codes:
        """What is held out together, if anything says so, (N,)."""
        return self.products if self.groups is None else self.groups

    @property
    def leave_out(self) -> LeaveOut:
        """What to leave out: groups, products if one has several items, else scenes."""
        if self.groups is not None:
            return "group"
        known = self.products[self.products >= 0]
        return "product" if len(np.unique(known)) < len(known) else "scene"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out items with their neighbors; an item may occur twice, near and far.

    `rows` (Q,) are positions in the gallery, `truth` (Q,) their labels; `places` (Q, K) are the
    positions of the neighbors. `things` (Q,) number what is left out together: items of one are not
    independent. `easy` (Q,) are those for which only the item itself was left out, as they have a
    twin; `one_by_one` has neighbors and labels of all items, if any is left out together with
    others. `twin_score` is the score from which two items are twins. `is_sample` tells that no
    other items were held out of a training.
    """

    ballots: Ballots
    places: Codes
    rows: Codes
    truth: Codes
    things: Codes
    easy: NDArray[np.bool_]
    twin_score: float
    left_out: LeaveOut
    is_sample: bool = False
    one_by_one: tuple[Ballots, Codes] | None = None

    @property
    def near(self) -> NDArray[np.bool_]:
        """Those that have a twin, (Q,), as answers tell it of photos to come."""
        return is_near(self.ballots, self.twin_score)

    @property
    def hard(self) -> NDArray[np.bool_]:
        """Those that are as unlike the gallery as photos to come, (Q,); all, if there are few."""
        hard = ~self.easy
        return hard if np.count_nonzero(hard) >= LEAST_HARD else np.ones_like(hard)


def joined(parts: Sequence[HeldOut]) -> HeldOut:
    """Join items that were held out of several spaces of one gallery, each item of one of them."""
    if len(parts) == 1:
        return parts[0]
    width = min(part.places.shape[1] for part in parts)
    flat: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("rows", "truth", "things", "easy")
    }
    wide: dict[str, Any] = {
        name: np.concatenate([getattr(part.ballots, name)[:, :width] for part in parts])
        for name in ("scores", "codes", "products")
    }
    return replace(
        parts[0],
        **flat,
        ballots=replace(parts[0].ballots, **wide),
        places=np.concatenate([part.places[:, :width] for part in parts]),
        twin_score=float(np.mean([part.twin_score for part in parts])),
    )


def hold_out(
    voters: Voters,
    queries: int,
    leave_out: LeaveOut,
    seed: int = 0,
    advance: Advance = lambda count: None,
) -> HeldOut:
    """Find the neighbors of items of the gallery, leaving out the items themselves.

    Items whose label only occurs among left-out items cannot be answered right, and are skipped.

    Args:
        voters: The whole gallery.
        queries: Items to query, at most, drawn without replacement from labelled ones.
        leave_out: The group to leave out for far photos.
        seed: Selects the items.
        advance: Called with the number of queries done since the last call.
    """
    rows = draw(voters.codes, queries, seed)
    scores, found = nearest(voters.vectors[rows], voters.vectors, NEIGHBORS, rows, advance)
    twin = twin_score(voters.codes, rows, scores, found)
    things = _things(voters, leave_out)
    left = np.asarray(things[found] == things[rows][:, None])
    without, places = _without(scores, found, left)
    alone, grouped = _asked(voters, rows, scores, without, left, found, twin)
    places = np.r_[found[alone], places[grouped]]
    ballots = ballots_at(voters, np.r_[scores[alone], without[grouped]], places)
    every = np.r_[rows[alone], rows[grouped]]
    easy = (np.arange(len(every)) < np.count_nonzero(alone)) & (leave_out != "one")
    return HeldOut(
        ballots,
        places,
        every,
        voters.codes[every],
        things[every],
        easy,
        twin,
        leave_out,
        one_by_one=_one_by_one(voters, rows, scores, found) if left.any() else None,
    )


def _one_by_one(voters: Voters, rows: Codes, scores: Floats, found: Codes) -> tuple[Ballots, Codes]:
    """Return the neighbors and the label of all rows whose label another item has."""
    truth = voters.codes[rows]
    several = np.bincount(voters.codes[voters.codes >= 0])[truth] > 1
    return ballots_at(voters, scores[several], found[several]), truth[several]


def _things(voters: Voters, leave_out: LeaveOut) -> Codes:
    """Number what is left out together with each item, (N,)."""
    alone = np.arange(len(voters.codes))
    if leave_out == "one":
        return alone
    if leave_out == "scene":
        return _scenes(voters)
    own = voters.together
    return np.asarray(np.where(own >= 0, own, own.max(initial=-1) + 1 + alone))


def _scenes(voters: Voters) -> Codes:
    """Number what looks alike, (N,)."""
    known = np.flatnonzero(voters.codes >= 0)
    found = len(voters.codes) + np.arange(len(voters.codes))  # what has no label stands alone
    found[known] = _numbered(things_of(voters.vectors[known], voters.codes[known]))
    return found


def _numbered(things: Codes) -> Codes:
    return np.unique(things, return_inverse=True)[1].astype(np.int64)


def _without(scores: Floats, found: Codes, left: NDArray[np.bool_]) -> tuple[Floats, Codes]:
    """Return scores and positions of the remaining neighbors, best first."""
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
    """Choose the items to query leaving out only themselves, and those leaving out their group."""
    counts = np.bincount(voters.codes[voters.codes >= 0], minlength=len(voters.labels))
    others = counts[voters.codes[rows]] - 1
    lost = (left & (voters.codes[found] == voters.codes[rows][:, None])).sum(axis=1)
    best, left_best = _best(scores), _best(without)
    alone = (best >= twin) & (others >= 1)
    grouped = (left.any(axis=1) | (best < twin)) & (others - lost >= 1) & np.isfinite(left_best)
    return np.asarray(alone), np.asarray(grouped)


def _best(scores: Floats) -> Floats:
    """Return the largest score of each row; -inf for an empty one."""
    return np.asarray(scores.max(axis=1, initial=-np.inf))


def draw(codes: Codes, count: int, seed: int) -> Codes:
    """Draw at most so many rows that have a label, ascending."""
    rows = np.flatnonzero(codes >= 0)
    if len(rows) <= count:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))


def ballots_at(voters: Voters, scores: Floats, places: Codes) -> Ballots:
    """Make ballots of neighbors by their positions in the gallery."""
    here = np.isfinite(scores)
    codes = np.where(here, voters.codes[places], -1)
    products = np.where(here, voters.products[places], -1)
    return Ballots(scores, codes, voters.labels, products)


def twin_score(codes: Codes, rows: Codes, scores: Floats, found: Codes) -> float:
    """Return the score that 95 % of the items do not reach with any item of another label.

    More similar items show one thing, rather than two of a class. If all neighbors of an item have
    its label, the score of the last one is used.
    """
    if scores.size == 0:
        return 1.0
    other = np.where(codes[found] != codes[rows][:, None], scores, -np.inf).max(axis=1)
    return float(np.quantile(np.where(np.isfinite(other), other, scores[:, -1]), TWIN_QUANTILE))
