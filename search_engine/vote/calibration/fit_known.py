"""Find how much photos look known (`known.Known`), by taking classes out of a catalog's items."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import Learner
from search_engine.metrics import auroc
from search_engine.records import Codes, Floats, Vectors
from search_engine.things import FOLDS, fold_of
from search_engine.vote.calibration.known import UNLIKELY, Known, cosines_to, ranked
from search_engine.vote.calibration.logistic import fit_logistic
from search_engine.vote.calibration.packed import pack

LEAST_CLASSES, LEAST_ITEMS = 5, 50
QUERIES = 1_000
QUANTILES = 201
SHRINKAGE = 0.1
"""The middle one of those that `tune` chooses from."""


def class_means(vectors: Vectors, codes: Codes) -> Vectors:
    """The means of classes, unit rows (C, D); items with -1 are left out."""
    found, members = np.unique(codes[codes >= 0], return_inverse=True)
    sums = np.zeros((len(found), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, members, vectors[codes >= 0])
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))


def fit_known(
    plain: Vectors,
    vectors: Vectors,
    codes: Codes,
    things: NDArray[np.int64],
    shrinkage: float,
    unseen: Codes | None = None,
    learner: Learner | None = None,
    shown: Vectors | None = None,
) -> Known | None:
    """Fit it to the items of a collection.

    Args:
        plain: Embeddings before the projection, (N, D), unit rows.
        vectors: Those in use behind it, (N, d).
        codes: The class of each, (N,), -1 for none; the projection learned from them.
        things: What each item shows, (N,).
        shrinkage: What the projection learned with.
        unseen: Rows that a fine-tuned network did not learn from: only these are asked with.
        learner: Learns from the embeddings before the projection, if there is one.
        shown: Those in use before it, (N, D), if others judge.

    Returns:
        None if there are too few classes or items to take some out.
    """
    if len(np.unique(codes[codes >= 0])) < LEAST_CLASSES:
        return None
    fold = fold_of(codes, things)
    parts = list(_rounds(plain, codes, fold, shrinkage, unseen, learner or Learner(plain)))
    features = np.concatenate([part[0] for part in parts])
    is_known = np.concatenate([part[1] for part in parts])
    if min(np.count_nonzero(is_known), np.count_nonzero(~is_known)) < LEAST_ITEMS:
        return None
    pair = (vectors, plain if shown is None else shown)
    return _fitted(features, is_known, [class_means(each, codes) for each in pair])


def _fitted(features: Floats, is_known: NDArray[np.bool_], means: Sequence[Vectors]) -> Known:
    """Weigh cosines (Q, 2) so that they tell what is known, with class means behind and before."""
    fitted = fit_logistic(features, is_known)
    weights = np.maximum([fitted.share, fitted.lead], 0.0)  # being nearer never counts against it
    evidence = features @ weights
    quantiles = np.quantile(evidence[is_known], np.linspace(0.0, 1.0, QUANTILES))
    behind, before = means
    return Known(
        means=pack(behind),
        plain_means=pack(before),
        dimensions=(behind.shape[1], before.shape[1]),
        weights=(float(weights[0]), float(weights[1])),
        quantiles=tuple(quantiles.tolist()),
        auroc=auroc(is_known, evidence),
        caught=float((ranked(evidence[~is_known], quantiles) < UNLIKELY).mean()),
    )


def fit_known_apart(plain: Vectors, codes: Codes, things: NDArray[np.int64]) -> Known | None:
    """As `fit_known`, for a collection that is not tuned: with a projection for this alone."""
    rows = np.flatnonzero(codes >= 0)
    if len(np.unique(codes[rows])) < LEAST_CLASSES:
        return None
    learner = Learner(plain)
    ((mean, matrix),) = learner.learn(rows, codes[rows], (SHRINKAGE,))
    matrix = matrix / np.abs(matrix).max()  # what is packed is float16, and lengths do not count
    vectors = project(plain, mean, matrix)
    found = fit_known(plain, vectors, codes, things, SHRINKAGE, learner=learner)
    if found is None:
        return None
    return found.model_copy(update={"mean": pack(mean), "matrix": pack(matrix)})


def _rounds(
    plain: Vectors,
    codes: Codes,
    fold: NDArray[np.int64],
    shrinkage: float,
    unseen: Codes | None,
    learner: Learner,
) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """Yield, for each round, the cosines of items that are asked with, and which are known.

    Each class is taken out once, and each item held out at most once beside.
    """
    random = np.random.default_rng(0)
    may_ask = np.ones(len(codes), dtype=np.bool_)
    if unseen is not None:
        may_ask[:] = False
        may_ask[unseen] = True
    classes = np.unique(codes[codes >= 0])
    away = random.permutation(len(classes)) % FOLDS
    for number in range(FOLDS):
        unknown = np.isin(codes, classes[away == number])
        asked = may_ask & ((fold == number) | unknown)
        left = ~unknown & (fold != number) & (codes >= 0)
        rows = np.concatenate(
            [_some(np.flatnonzero(asked & kind), random) for kind in (unknown, ~unknown)]
        )
        (behind,) = learner.relearned(np.flatnonzero(left), codes[left], (shrinkage,))
        pair = (behind, plain)
        means = [class_means(vectors[left], codes[left]) for vectors in pair]
        photos = [vectors[rows] for vectors in pair]
        yield cosines_to(means, photos), ~unknown[rows]


def _some(rows: Codes, random: np.random.Generator) -> Codes:
    return rows if len(rows) <= QUERIES else random.choice(rows, QUERIES, replace=False)
