"""Choose the items that trainings do without, so that they are as hard as photos to come."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search_engine.adapt.gate import fared
from search_engine.collections.labelled import Labelled
from search_engine.encoders.projection_learning import SHRINKAGES, Learner
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import with_vectors
from search_engine.records import Codes, Floats, Vectors
from search_engine.things import FOLDS, fold_of, groupings, hardest

PARTS = 10
"""One in so many items is held out at a time."""
HELD = 2
"""Half of the trainings do without one tenth, half without another: each judges by its own, and
twice as many items are asked."""
DRAWS, TRIED = 200, 10
SHRINKAGE = SHRINKAGES[len(SHRINKAGES) // 2]


def draw_tenths(gallery: Labelled, codes: Codes, looks: Vectors, seed: int) -> list[Codes]:
    """Draw up to `HELD` times about one in `PARTS` rows, in whole things, ascending.

    No row is in two of them, and each class keeps some that are in none. A tenth drawn by lot has
    few things and may be much easier or harder than all. So of the `TRIED` among `DRAWS` that are
    most like all by folds, that one is taken on which a projection learned without it is right as
    often as one learned without each fold is on all
    (balanced sampling: Deville and Tillé, "Efficient balanced sampling: the cube method",
    Biometrika 2004).

    Args:
        gallery: Labelled items only.
        codes: The class of each, (N,).
        looks: Embeddings (N, D) that tell what looks alike, and that the projection is behind.
        seed: For the draws.

    Raises:
        ParameterError: No thing is small enough, or no class has two.
    """
    ways = groupings(looks, codes, gallery.together, gallery.order)
    things = ways[hardest(looks, codes, ways)]
    learner = Learner(looks)

    def right_on(away: Codes) -> NDArray[np.bool_]:
        rest = np.setdiff1d(np.arange(len(codes)), away)
        (vectors,) = learner.relearned(rest, codes[rest], (SHRINKAGE,))
        return fared(with_vectors(gallery, vectors), away, rest).answers.correct

    right = _by_folds(fold_of(codes, things), right_on)
    whole = np.setdiff1d(things, things[np.isnan(right)])
    members = [np.flatnonzero(things == thing) for thing in whole]
    found, left = list[Codes](), np.bincount(codes)
    random = np.random.default_rng(seed)
    while len(found) < HELD and len(held := _tenth(codes, members, left, right, right_on, random)):
        found.append(held)
        left = left - np.bincount(codes[held], minlength=len(left))
        members = [rows for rows in members if not np.isin(rows, held).any()]
    if not found:
        raise ParameterError(
            "there are too few different products or pictures of a class to hold some out",
            fix="index more pictures first",
        )
    return found


def _tenth(
    codes: Codes,
    things: Sequence[Codes],
    left: Codes,
    right: Floats,
    right_on: Callable[[Codes], NDArray[np.bool_]],
    random: Generator,
) -> Codes:
    """Choose among draws; see `draw_tenths`. Empty where nothing is small enough."""
    draws = [held for _ in range(DRAWS) if len(held := _drawn(codes, things, left, random))]
    expected = np.nanmean(right)
    draws.sort(key=lambda held: abs(right[held].mean() - expected))
    return min(
        draws[:TRIED],
        key=lambda held: abs(right_on(held).mean() - expected),
        default=np.empty(0, dtype=np.int64),
    )


def _by_folds(fold: Codes, right_on: Callable[[Codes], NDArray[np.bool_]]) -> Floats:
    """Return whether each row is right without its fold, (N,); NaN for what is in none."""
    found = np.full(len(fold), np.nan)
    for number in range(FOLDS):
        if len(away := np.flatnonzero(fold == number)):
            found[away] = right_on(away)
    return found


def _drawn(codes: Codes, things: Sequence[Codes], left: Codes, random: Generator) -> Codes:
    """Draw things, each its rows, up to a tenth of all; of the rows left each class keeps some."""
    room = len(codes) // PARTS
    chosen = [np.empty(0, dtype=np.int64)]
    for place in random.permutation(len(things)):
        taken = np.bincount(codes[things[place]], minlength=len(left))
        if len(things[place]) <= room and ((taken == 0) | (taken < left)).all():
            chosen.append(things[place])
            room -= len(things[place])
            left = left - taken
    return np.sort(np.concatenate(chosen))
