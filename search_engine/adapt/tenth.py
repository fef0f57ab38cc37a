"""Choose the items that a training does without, so that they are as hard as photos to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search_engine.adapt.gate import fared
from search_engine.collections.labelled import Labelled
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import SHRINKAGES, Learner
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import with_vectors
from search_engine.records import Codes, Floats, Vectors
from search_engine.things import FOLDS, fold_of, groupings, hardest

PARTS = 10
"""One in so many items is held out."""
DRAWS, TRIED = 200, 10
SHRINKAGE = SHRINKAGES[len(SHRINKAGES) // 2]


def draw_tenth(gallery: Labelled, codes: Codes, looks: Vectors, seed: int) -> Codes:
    """Draw about one in `PARTS` rows, in whole things, ascending.

    A tenth drawn by lot has few things and may be much easier or harder than all. So of the
    `TRIED` among `DRAWS` that are most like all by folds, that one is taken on which a projection
    learned without it is right as often as one learned without each fold is on all
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
    quick = _Quick(gallery, codes, looks)
    right = quick.right_by_folds(fold_of(codes, things))
    expected, random = np.nanmean(right), np.random.default_rng(seed)
    whole = np.setdiff1d(things, things[np.isnan(right)])
    members = [np.flatnonzero(things == thing) for thing in whole]
    draws = [held for _ in range(DRAWS) if len(held := _drawn(codes, members, random))]
    if not draws:
        raise ParameterError(
            "there are too few different products or pictures of a class to hold some out",
            fix="index more pictures first",
        )
    draws.sort(key=lambda held: abs(right[held].mean() - expected))
    return min(draws[:TRIED], key=lambda held: abs(quick.right(held).mean() - expected))


@dataclass(frozen=True)
class _Quick:
    """The quick way: a projection behind embeddings (N, D), learned from classes (N,)."""

    gallery: Labelled
    codes: Codes
    looks: Vectors

    @cached_property
    def learner(self) -> Learner:
        return Learner(self.looks)

    def right(self, away: Codes) -> NDArray[np.bool_]:
        """Return whether it is right on each of some rows if learned without them."""
        rest = np.setdiff1d(np.arange(len(self.codes)), away)
        ((mean, matrix),) = self.learner.learn(rest, self.codes[rest], (SHRINKAGE,))
        learned = with_vectors(self.gallery, project(self.looks, mean, matrix))
        return fared(learned, away, rest).answers.correct

    def right_by_folds(self, fold: Codes) -> Floats:
        """Return whether it is right on each row if learned without its fold, (N,), or NaN."""
        found = np.full(len(fold), np.nan)
        for number in range(FOLDS):
            if len(away := np.flatnonzero(fold == number)):
                found[away] = self.right(away)
        return found


def _drawn(codes: Codes, things: Sequence[Codes], random: Generator) -> Codes:
    """Draw things, each its rows, up to a tenth of all; each class keeps some to learn from."""
    left, room = np.bincount(codes), len(codes) // PARTS
    chosen = [np.empty(0, dtype=np.int64)]
    for place in random.permutation(len(things)):
        taken = np.bincount(codes[things[place]], minlength=len(left))
        if len(things[place]) <= room and ((taken == 0) | (taken < left)).all():
            chosen.append(things[place])
            room -= len(things[place])
            left = left - taken
    return np.sort(np.concatenate(chosen))
