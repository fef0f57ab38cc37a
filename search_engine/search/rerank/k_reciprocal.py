"""k-reciprocal re-ranking: near is what is near the same things, and thought near by them too.

Zhong et al., "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017; equation
numbers are theirs. Only the candidates take part, and the query as one among them: of C candidates
it costs products of matrices (C, C).

As in the code that its authors published, a place is among its own nearest, distances are squared
and each place's divided by its largest, and the weights of a place sum to 1.
"""

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Keys, Vectors
from search_engine.search.rerank.base import Candidates, by_score

K1 = 20
K2 = 6
ORIGINAL_SHARE = 0.3
"""Of the distance that stays the original one: lambda."""

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


def by_reciprocity(found: Candidates) -> Keys:
    """The candidates by the final distance to the query."""
    if len(found) < 2:
        return found.keys
    return by_score(found.keys, -distances(np.concatenate([found.query, found.vectors]))[1:])


def distances(
    vectors: Vectors, k1: int = K1, k2: int = K2, original_share: float = ORIGINAL_SHARE
) -> Floats:
    """Final distances (N,) of the first of N rows (N, D) to all of them, the less the nearer."""
    original = _original(vectors)
    order = _nearest_first(original)
    weights = np.where(_reciprocal(order, k1), np.exp(-original), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    weights = weights[order[:, :k2]].mean(axis=1)  # local query expansion, (11)
    common = np.minimum(weights[0], weights).sum(axis=1)
    either = np.maximum(weights[0], weights).sum(axis=1)
    jaccard = 1 - common / either  # (10)
    return np.asarray((1 - original_share) * jaccard + original_share * original[0])  # (12)


def _original(vectors: Vectors) -> Floats:
    """Squared distances of unit rows, each row divided by its largest; equal rows are equal."""
    wide = vectors.astype(np.float64)
    squares = np.maximum(2 - 2 * np.round(wide @ wide.T, 6), 0)
    np.fill_diagonal(squares, 0)
    largest = squares.max(axis=1, keepdims=True)
    return np.asarray(squares / np.where(largest > 0, largest, 1))


def _nearest_first(original: Floats) -> NDArray[np.int64]:
    """For each row its nearest, itself first, equal distances by place."""
    apart = original.copy()
    np.fill_diagonal(apart, -1)
    return np.argsort(apart, axis=1, kind="stable")


def _reciprocal(order: NDArray[np.int64], k1: int) -> Booleans:
    """R*(p, k1) of (5), as rows: the k-reciprocal nearest, and those of them that mostly agree."""
    whole, half = _mutual(order, k1), _mutual(order, round(k1 / 2))
    common = _counts(whole, half.T)
    agrees = whole & (3 * common >= 2 * half.sum(axis=1))
    return whole | (_counts(agrees, half) > 0)


def _mutual(order: NDArray[np.int64], k: int) -> Booleans:
    """R(p, k) of (3): q is among the k nearest of p, and p among those of q."""
    near = np.zeros(order.shape, dtype=np.bool_)
    np.put_along_axis(near, order[:, : k + 1], True, axis=1)
    return near & near.T


def _counts(one: Booleans, other: Booleans) -> NDArray[np.float32]:
    """How many are common to rows of one and columns of the other; exact below 2^24."""
    return one.astype(np.float32) @ other.astype(np.float32)
