"""Which items are held out together, so that what is measured on them holds for new photos.

Photos of one thing find each other, and a classifier that saw one of them knows the others by
heart. So photos of a product are held out together, and where product ids do not tell, those of a
scene: a chain of items of one class, each a twin of the next (Roberts et al., "Cross-validation
strategies for data with temporal, spatial, hierarchical, or phylogenetic structure", Ecography
2017).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Codes, Vectors

FOLDS = 5
"""Into so many parts items are divided where each part is judged by the others."""
SEED = 0
TWIN_QUANTILE = 0.95
"""Twins are more alike than this share of the items is to its most alike of another class."""
SAMPLE = 2_000
ROWS_A_BLOCK = 512


def fold_of(codes: Codes, things: NDArray[np.int64], folds: int = FOLDS) -> NDArray[np.int64]:
    """The fold in which each item is held out, shape (N,); -1 where it never is.

    A class that is of one thing only is never held out, so that each fold leaves items of every
    class to learn from.

    Args:
        codes: The class of each item, (N,).
        things: What each item shows, (N,); see `things_of`.
        folds: How many.
    """
    random = np.random.default_rng(SEED)
    fold = np.full(len(codes), -1, dtype=np.int64)
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        shown, which = np.unique(things[members], return_inverse=True)
        if len(shown) > 1:
            fold[members] = (random.permutation(len(shown)) % folds)[which]
    return fold


def things_of(
    vectors: Vectors, codes: Codes, groups: Sequence[str | None] = ()
) -> NDArray[np.int64]:
    """A number for the thing that each item shows, shape (N,): its group, else its scene.

    Args:
        vectors: Shape (N, D), unit rows.
        codes: The class of each item, (N,).
        groups: Product ids, for instance; items of None stand alone. They count as soon as one
            group has two items.
    """
    names = [f"#{row}" if name is None else f"={name}" for row, name in enumerate(groups)]
    if len(set(names)) < len(names):
        return np.unique(names, return_inverse=True)[1].astype(np.int64)
    return _scenes(vectors, codes)


def _scenes(vectors: Vectors, codes: Codes) -> NDArray[np.int64]:
    from scipy.sparse.csgraph import connected_components

    twin = _twin_score(vectors, codes)
    scenes = np.empty(len(codes), dtype=np.int64)
    known = 0
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        count, which = connected_components(_alike(vectors[members], twin), directed=False)
        scenes[members] = known + which
        known += count
    return scenes


def _twin_score(vectors: Vectors, codes: Codes) -> float:
    """What all but few items do not reach with any item of another class; by a sample of them."""
    random = np.random.default_rng(SEED)
    chosen = random.permutation(len(codes))[:SAMPLE]
    best = np.empty(len(chosen))
    for start in range(0, len(chosen), ROWS_A_BLOCK):
        rows = chosen[start : start + ROWS_A_BLOCK]
        cosines = vectors[rows] @ vectors.T
        cosines[codes[rows][:, None] == codes] = -1.0
        best[start : start + len(rows)] = cosines.max(axis=1)
    return float(np.quantile(best, TWIN_QUANTILE))


def _alike(vectors: Vectors, score: float) -> object:
    """Which items have at least this cosine, as a sparse matrix (N, N)."""
    from scipy.sparse import csr_matrix, vstack

    blocks = range(0, len(vectors), ROWS_A_BLOCK)
    return vstack(
        [csr_matrix(vectors[start : start + ROWS_A_BLOCK] @ vectors.T >= score) for start in blocks]
    )
