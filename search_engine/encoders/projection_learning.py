"""Learn a projection from labelled embeddings in closed form: seconds on a CPU.

First the embeddings are whitened by the differences within classes, so that directions of such
differences count less. The directions that then vary most separate the classes, at every level of a
label path, as the means of coarse classes lie between those of their fine ones. This is linear
discriminant analysis (Fisher, "The use of multiple measurements in taxonomic problems", 1936;
Fukunaga, "Introduction to statistical pattern recognition", 1990, chapter 10), with the covariance
shrunk towards a multiple of the identity (Friedman, "Regularized discriminant analysis", 1989).

Discriminant analysis keeps one direction fewer than there are classes, and what makes items of one
class look alike is hardly in those. So the main directions of the differences within classes are
kept beside them, at a weight that leaves the classes apart: a red skirt is near to skirts, and to
red ones among them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.projection import project
from search_engine.records import Codes, Vectors

SHRINKAGES = (0.03, 0.1, 0.3)
"""On clothing and groceries 0.03 and 0.1 were best; beyond 0.3 results got worse."""
CLASS_DIRECTIONS = 256
"""Directions that separate classes, at most."""
LIKENESS_DIRECTIONS = 64
LIKENESS_SHARE = 0.05
"""Variance within classes that is kept, as a share of that between classes. With less of it, finer
classes than those learned from are told apart worse, with more of it those learned from are:
`python -m benchmarks.finer`."""
LIKENESS_POWER = 0.5
"""Directions within classes keep this power of their deviation: 1 as they are, 0 all alike. As they
are, few of them are all that counts."""
LEAST_VARIANCE = 1e-12
JUDGED_DIMENSIONS = 512
SPAN_SHARE = 0.75
"""Reduce to so many dimensions to judge by, unless that is more than this share of them."""

FEW_DIRECTIONS = 8
"""Fewer than one of so many are found by iterating a subspace: of features of several layers of
clothing and groceries, 3,504 dimensions, in a quarter of the time, and no worse to search in."""
SPARE_DIRECTIONS = 32
ITERATIONS = 4

WHITENED_DIRECTIONS = 256
WHITENING_SHRINKAGE = 0.3

Rows = NDArray[Any]
Learned = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean (D,) and matrix (D, d) of a projection."""


def learn(
    vectors: Vectors,
    codes: Codes,
    shrinkages: Sequence[float],
    likeness_share: float = LIKENESS_SHARE,
) -> Iterator[Learned]:
    """Yield mean and matrix for each shrinkage.

    Args:
        vectors: Shape (N, D), unit rows.
        codes: The class of each, (N,), -1 for none; two classes at least. A class with one item
            only contributes its position, not differences within classes.
        shrinkages: Above 0 (the measured covariance) up to 1 (equal in all directions).
        likeness_share: Variance within classes that is kept, as a share of that between classes;
            with 0 there are no directions but those that separate classes.
    """
    return _learn(vectors, codes, shrinkages, vectors.shape[1], likeness_share)


class Learner:
    """Embeddings to learn from several times, by different rows, as judging by folds needs.

    Those of many dimensions are first reduced to the span of random mixtures of them, found once
    and without labels (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM
    Review 2011). Learning takes a tenth of the time then, and tells nearly as much of accuracy: on
    clothing and groceries it differs by up to 0.024, while mAP is about 0.07 lower.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._dimension = vectors.shape[1]
        self._middle = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._narrow = vectors - self._middle
        self._axes = _span(self._narrow)
        if self._axes is not None:
            self._narrow = self._narrow @ self._axes

    def learn(self, rows: Codes, codes: Codes, shrinkages: Sequence[float]) -> Iterator[Learned]:
        """Yield mean and matrix by some rows alone, for each shrinkage.

        Args:
            rows: The rows to learn from.
            codes: The class of each of these rows; see `learn`.
            shrinkages: See `learn`.
        """
        for mean, matrix in _learn(self._narrow[rows], codes, shrinkages, self._dimension):
            if self._axes is None:
                yield self._middle + mean, matrix
            else:
                yield self._middle + self._axes @ mean, self._axes @ matrix

    def relearned(
        self, rows: Codes, codes: Codes, shrinkages: Sequence[float]
    ) -> Iterator[Vectors]:
        """Yield all embeddings (N, d) behind what `learn` gives, without leaving the span."""
        for mean, matrix in _learn(self._narrow[rows], codes, shrinkages, self._dimension):
            yield project(self._narrow, mean, matrix)


def _learn(
    vectors: Vectors,
    codes: Codes,
    shrinkages: Sequence[float],
    dimension: int,
    likeness_share: float = LIKENESS_SHARE,
) -> Iterator[Learned]:
    """Do the same as `learn` for embeddings that are said to have another dimension."""
    from scipy import linalg

    known = vectors[codes >= 0]
    _, members = np.unique(codes[codes >= 0], return_inverse=True)
    mean = known.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = known - mean
    apart = _apart(centred, members)
    within = within_classes(centred, members)
    middle = float(np.trace(within)) / dimension
    most = min(len(centred) - 1, centred.shape[1])
    telling = min(int(members.max()), CLASS_DIRECTIONS, most)
    kept = min(LIKENESS_DIRECTIONS, most - telling) if likeness_share else 0
    likeness = _likeness(apart if len(apart) else centred, kept)
    for shrinkage in shrinkages:
        shrunk = (1.0 - shrinkage) * within
        shrunk[np.diag_indices_from(shrunk)] += shrinkage * middle + LEAST_VARIANCE
        root = linalg.cholesky(shrunk, lower=True, overwrite_a=True, check_finite=False)
        white = linalg.solve_triangular(root, centred.T, lower=True, check_finite=False).T
        directions = _largest(white, telling)
        classes = linalg.solve_triangular(root.T, directions, check_finite=False)
        between = np.square(centred @ classes).sum() - np.square(apart @ classes).sum()
        weight = np.sqrt(likeness_share * max(0.0, between) / len(centred))
        yield mean, np.concatenate([classes, weight * likeness], axis=1, dtype=np.float32)


def _span(centred: Vectors) -> NDArray[np.float32] | None:
    """Return axes (D, d) of the span of random mixtures of rows; None if that hardly helps."""
    from scipy import linalg

    count = min(JUDGED_DIMENSIONS, len(centred) - 1)
    if count > SPAN_SHARE * centred.shape[1]:
        return None
    mixed = np.random.default_rng(0).standard_normal((len(centred), count), dtype=np.float32)
    axes, _ = linalg.qr(centred.T @ mixed, mode="economic", overwrite_a=True, check_finite=False)
    return np.ascontiguousarray(axes, dtype=np.float32)


def whiten(vectors: Vectors) -> Learned:
    """Return mean and matrix that equalise the variance of embeddings in their main directions.

    It needs no labels: what all items have in common counts less. Jégou and Chum, "Negative
    evidences and co-occurrences in image retrieval: the benefit of PCA and whitening", ECCV 2012.

    Args:
        vectors: Shape (N, D), unit rows.
    """
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = vectors - mean
    count = min(WHITENED_DIRECTIONS, len(vectors) - 1, vectors.shape[1])
    axes = _largest(centred, count)
    variances = (centred @ axes).var(axis=0)
    middle = float(centred.var(axis=0).sum()) / count
    shrunk = (1.0 - WHITENING_SHRINKAGE) * variances + WHITENING_SHRINKAGE * middle
    return mean, np.ascontiguousarray(axes / np.sqrt(shrunk + LEAST_VARIANCE))


def within_classes(vectors: Rows, members: Codes) -> Rows:
    """Covariance (D, D) of items around their class mean; the identity if no class has two.

    Args:
        vectors: Shape (N, D).
        members: The class of each, 0 to C - 1, (N,).
    """
    apart = _apart(vectors, members)
    freedom = len(apart) - int(np.count_nonzero(np.bincount(members) > 1))
    if freedom <= 0:  # no class has two items: whiten nothing
        return np.eye(vectors.shape[1], dtype=vectors.dtype)
    return np.asarray(apart.T @ apart / freedom)


def _apart(vectors: Rows, members: Codes) -> Rows:
    """Differences (M, D) of items from the mean of their class, of classes that have two."""
    counts = np.bincount(members)
    middles = np.zeros((len(counts), vectors.shape[1]), dtype=vectors.dtype)
    np.add.at(middles, members, vectors)
    middles /= counts[:, None]
    return np.asarray((vectors - middles[members])[counts[members] > 1])


def _likeness(apart: Vectors, count: int) -> Vectors:
    """Return the directions (D, count) in which items of a class differ most, in order, scaled so
    that the variance along all of them together is 1."""
    if not count:
        return np.empty((apart.shape[1], 0), dtype=np.float32)
    axes = _largest(apart, count)
    variances = np.square(apart @ axes).mean(axis=0) + LEAST_VARIANCE
    axes *= variances ** ((LIKENESS_POWER - 1) / 2)
    return np.asarray(axes / np.sqrt(np.sum(variances**LIKENESS_POWER)))


def _largest(white: Vectors, count: int) -> Vectors:
    """Return the directions (D, count) in which whitened embeddings (N, D) vary most, in order.

    A few of many are found by iterating a random subspace, in a quarter of the time.
    """
    from scipy import linalg

    width = white.shape[1]
    if count * FEW_DIRECTIONS < width:
        inside = _iterated(white, count + SPARE_DIRECTIONS)
        _, axes = linalg.eigh(_products(white @ inside), overwrite_a=True, check_finite=False)
        return np.ascontiguousarray((inside @ axes[:, ::-1])[:, :count])
    _, axes = linalg.eigh(
        _products(white),
        subset_by_index=(width - count, width - 1),
        overwrite_a=True,
        check_finite=False,
    )
    return np.ascontiguousarray(axes[:, ::-1])


def _iterated(rows: Vectors, count: int) -> Vectors:
    """Axes (D, count) of nearly the subspace in which rows (N, D) vary most, by algorithm 4.4 of
    Halko, Martinsson and Tropp (see `Learner`)."""
    from scipy import linalg

    count = min(count, *rows.shape)
    axes = np.random.default_rng(0).standard_normal((rows.shape[1], count), dtype=np.float32)
    for _ in range(ITERATIONS):
        axes, _ = linalg.qr(
            rows.T @ (rows @ axes), mode="economic", overwrite_a=True, check_finite=False
        )
    return axes


def _products(rows: Vectors) -> Vectors:
    return np.asarray(rows.T @ rows)
