"""Choose the items that a training does without, so that they are as hard as photos to come."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

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
DRAWS = 200
SHRINKAGE = SHRINKAGES[len(SHRINKAGES) // 2]


def draw_tenth(gallery: Labelled, codes: Codes, looks: Vectors, seed: int) -> Codes:
    """Draw about one in `PARTS` rows, in whole things, ascending.

    A tenth drawn by lot has few things and may be much easier or harder than all: of groceries,
    the quick way is right on 0.82 of all, and in nine draws of ten on 0.70 to 0.92. So of `DRAWS`
    that one is taken on which a projection, learned without each fold, is right as often as on all
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
    right = _right(gallery, codes, looks, things)
    expected, random = np.nanmean(right), np.random.default_rng(seed)
    whole = np.setdiff1d(things, things[np.isnan(right)])
    members = [np.flatnonzero(things == thing) for thing in whole]
    draws = [held for _ in range(DRAWS) if len(held := _drawn(codes, members, random))]
    if not draws:
        raise ParameterError(
            "there are too few different products or pictures of a class to hold some out",
            fix="index more pictures first",
        )
    return min(draws, key=lambda held: abs(right[held].mean() - expected))


def _right(gallery: Labelled, codes: Codes, looks: Vectors, things: Codes) -> Floats:
    """Return whether a projection learned without its fold is right on each item, (N,), or NaN."""
    learner = Learner(looks)
    right = np.full(len(codes), np.nan)
    fold = fold_of(codes, things)
    for number in range(FOLDS):
        away, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        ((mean, matrix),) = learner.learn(rest, codes[rest], (SHRINKAGE,))
        learned = with_vectors(gallery, project(looks, mean, matrix))
        right[away] = fared(learned, away, rest).answers.correct
    return right


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
