"""Whether a photo is of another world than a collection's pictures: nothing like it is there.

The embeddings of one collection lie near a flat of few directions; what is far from it is foreign
(the residual of Wang et al., "ViM: Out-of-distribution with virtual-logit matching", CVPR 2022).
Embeddings are those before a learned projection: that keeps what separates the collection's own
classes, and lets a photo of anything look like one of them.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from search_engine.records import Codes, Floats, Vectors
from search_engine.things import FOLDS, fold_of
from search_engine.vote.calibration.packed import pack, unpack

DIRECTIONS = 32
ROUNDS = 5
SAMPLE = 2_000
"""Pictures that it is learned from, at most."""
LEAST_ITEMS = 50
_TINY = 1e-30
LOST = 0.005
"""Share of the own pictures, left out of learning, that is far; of later photos more is."""
ALONE = 0.05
"""Share of them that has no near item: a photo that has one is not foreign, however far it is."""


class Familiar(BaseModel):
    """The flat: a point and directions, packed, (1 + n, D).

    `fingerprint` is that of the encoder of its embeddings, `limit` the distance from which on a
    photo is far, `nearest` the cosine from which on an item is near; None if it was fitted by an
    earlier version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    fingerprint: str
    flat: str
    dimension: int
    limit: float
    nearest: float | None = None

    @cached_property
    def _rows(self) -> NDArray[np.float32]:
        return unpack(self.flat, self.dimension)

    def is_far(self, vectors: Vectors) -> NDArray[np.bool_]:
        """Whether each photo is unlike the collection as a whole, (Q,); vectors (Q, D)."""
        return np.asarray(distances(vectors, self._rows) > self.limit)


def distances(vectors: Vectors, flat: NDArray[np.float32]) -> Floats:
    """Distances (Q,) of vectors (Q, D) from a flat (1 + n, D)."""
    centred = vectors - flat[0]
    along = centred @ flat[1:].T
    squares = (centred**2).sum(axis=1) - (along**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)), dtype=np.float64)


def fit_familiar(
    vectors: Vectors,
    codes: Codes,
    things: Codes,
    fingerprint: str,
    unseen: Codes | None = None,
    shown: Vectors | None = None,
) -> Familiar | None:
    """Learn the flat of a collection, and how far from it its own pictures are when left out.

    Args:
        vectors: Embeddings, (N, D), unit rows.
        codes: The label of each, (N,), -1 for none.
        things: What each item shows, (N,); see `things_of`.
        fingerprint: That of the encoder in use.
        unseen: Rows that a fine-tuned network did not learn from: only these tell how far new
            photos are.
        shown: Embeddings (N, D) by the encoder in use, if others judge.

    Returns:
        None if too few items can be left out.
    """
    rows = np.arange(len(vectors)) if unseen is None else unseen
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(0).choice(rows, SAMPLE, replace=False))
    own = vectors[rows]
    fold = fold_of(codes[rows], things[rows])
    if np.count_nonzero(fold >= 0) < LEAST_ITEMS:
        return None
    far, near = _left_out(own, fold)
    return Familiar(
        fingerprint=fingerprint,
        flat=pack(_flat(own if shown is None else shown[rows])),
        dimension=vectors.shape[1],
        limit=float(np.quantile(far, 1.0 - LOST)),
        nearest=float(np.quantile(near, ALONE)),
    )


def _left_out(vectors: Vectors, fold: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Of items whose fold is left out, distances from the flat of the others, and cosines to the
    nearest of these."""
    far: list[Floats] = []
    near: list[Floats] = []
    for number in range(FOLDS):
        asked, others = vectors[fold == number], vectors[fold != number]
        if len(asked):
            far.append(distances(asked, _flat(others)))
            near.append((asked @ others.T).max(axis=1).astype(np.float64))
    return np.concatenate(far), np.concatenate(near)


def _flat(vectors: Vectors) -> NDArray[np.float32]:
    """The mean and the directions in which embeddings vary most, (1 + n, D).

    By orthogonal iteration from random directions (Golub and Van Loan, "Matrix computations",
    section 7.3), as exact as is needed here and the fastest.
    """
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    count = min(DIRECTIONS, vectors.shape[1] - 1, max(1, len(vectors) // 4))
    found = np.random.default_rng(0).normal(size=(vectors.shape[1], count)).astype(np.float32)
    for _ in range(ROUNDS):
        found = _orthonormal(centred.T @ (centred @ found))
    return np.concatenate([mean[None], found.T]).astype(np.float32)


def _orthonormal(directions: Vectors) -> Vectors:
    """An orthonormal basis (D, n) of what directions (D, n) span.

    By their products (n, n), in float64: a QR of so narrow a matrix costs as much as all else.
    """
    wide = directions.astype(np.float64)
    sizes, turns = np.linalg.eigh(wide.T @ wide)
    lengths = np.sqrt(np.maximum(sizes, np.finfo(np.float64).eps * sizes[-1]))
    return np.asarray(wide @ (turns / np.maximum(lengths, _TINY)), dtype=np.float32)
