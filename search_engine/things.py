"""Decide which items are held out together, so that measurements hold for new photos.

Photos of one thing find each other, and a classifier that saw one of them recognises the others. So
photos of a product are held out together or, without product ids, those that look alike: items of
one class that are in the mean more similar than the middle item is to any of another class
(clusters by average linkage). Photos taken later, elsewhere, are as unlike those of the catalog as
what is held out by that; by twins alone, which a photographer takes within a minute, they are not
(Roberts et al., "Cross-validation strategies for data with temporal, spatial, hierarchical, or
phylogenetic structure", Ecography 2017). Scenes are chains of twins.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Codes, Vectors

FOLDS = 5
"""Number of parts into which items are split to judge each part by the others."""
SEED = 0
TWIN_QUANTILE = 0.95
"""Share of the items whose best match in another class is less similar than twins are."""
ALIKE_QUANTILES = (0.4, 0.5, 0.65, 0.8, TWIN_QUANTILE)
"""The same share for items that look alike. The first is meant: it promises an accuracy of 0.81 on
groceries and 0.86 on clothing after tuning, where validation photos get 0.81 and 0.88, and single
items held out promise 0.96 and 0.88 (`python -m benchmarks.tune`). It was chosen among 0.25 to 0.95
with these validation figures in view, so their agreement is no test of it. The others are for
classes that are one group by it."""
MOST_LINKED = 4_000
"""Items of a class that are grouped by their looks, at most; those of larger ones by scenes."""
SAMPLE = 2_000
ROWS_A_BLOCK = 512


def fold_of(codes: Codes, things: NDArray[np.int64], folds: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold in which each item is held out, shape (N,); -1 for never.

    A class with a single thing is never held out, so that every fold leaves items of every class to
    learn from.

    Args:
        codes: The class of each item, (N,).
        things: What each item shows, (N,); see `things_of`.
        folds: Number of folds.
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
    """Number the things that items show, shape (N,): their group, else those that look alike.

    Args:
        vectors: Shape (N, D), unit rows.
        codes: The class of each item, (N,).
        groups: For example product ids; None is a thing of its own. They are used if at least one
            group has two items.
    """
    names = [f"#{row}" if name is None else f"={name}" for row, name in enumerate(groups)]
    if len(set(names)) < len(names):
        return np.unique(names, return_inverse=True)[1].astype(np.int64)
    return _alike(vectors, codes)


def _alike(vectors: Vectors, codes: Codes) -> NDArray[np.int64]:
    """Number the groups of items of a class that look alike, (N,)."""
    scores = _rival_scores(vectors, codes, ALIKE_QUANTILES)
    found = scenes_of(vectors, codes, scores[-1])
    known = int(found.max(initial=-1)) + 1
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        if 2 <= len(members) <= MOST_LINKED:
            groups = _groups(vectors[members], scores)
            if groups is not None:
                found[members] = known + groups
                known += len(members) + 1
    return found


def _groups(vectors: Vectors, scores: Sequence[float]) -> NDArray[np.int64] | None:
    """Return the groups by the first score that makes several of a class; None if none does."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.maximum(1.0 - vectors @ vectors.T, 0.0)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average")
    for score in scores:
        groups = fcluster(tree, 1.0 - score, "distance")
        if groups.max() > 1:
            return np.asarray(groups, dtype=np.int64)
    return None


def scenes_of(
    vectors: Vectors, codes: Codes, twin_score: float, rows: Codes | None = None
) -> NDArray[np.int64]:
    """Number the scenes of items, shape (N,).

    Args:
        vectors: Shape (N, D), unit rows.
        codes: The class of each item, (N,).
        twin_score: The cosine from which two items of a class are twins.
        rows: Items whose scenes are needed; None for all. Items that no chain connects to them get
            scenes of their own, at hardly any cost.
    """
    scenes = len(codes) + np.arange(len(codes))
    known = 0
    for code in np.unique(codes if rows is None else codes[rows]):
        members = np.flatnonzero(codes == code)
        asked = np.ones(len(members), bool) if rows is None else np.isin(members, rows)
        which = _chains(vectors[members], twin_score, np.flatnonzero(asked))
        scenes[members] = known + which
        known += len(members)
    return scenes


def _chains(vectors: Vectors, twin_score: float, first: Codes) -> NDArray[np.int64]:
    """Return the chain of twins of each item, for chains that start from the first ones, (N,).

    Chains are joined block by block: if a class is one chain, all its pairs would not fit into
    memory.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    every = np.arange(len(vectors))
    chains = every
    seen = np.isin(every, first)
    waiting = first
    while len(waiting):
        rows, waiting = waiting[:ROWS_A_BLOCK], waiting[ROWS_A_BLOCK:]
        which, twins = np.nonzero(vectors[rows] @ vectors.T >= twin_score)
        _, member = np.unique(chains, return_index=True)
        links = np.r_[rows[which], every], np.r_[twins, member[chains]]
        graph = coo_array((np.ones(len(links[0]), bool), links), (len(every), len(every)))
        _, chains = connected_components(graph, directed=False)
        new = np.setdiff1d(twins, np.flatnonzero(seen))
        seen[new] = True
        waiting = np.r_[waiting, new]
    return chains


def _rival_scores(vectors: Vectors, codes: Codes, quantiles: Sequence[float]) -> tuple[float, ...]:
    """Return scores that such shares of a sample do not reach with any item of another class."""
    random = np.random.default_rng(SEED)
    chosen = random.permutation(len(codes))[:SAMPLE]
    best = np.empty(len(chosen))
    for start in range(0, len(chosen), ROWS_A_BLOCK):
        rows = chosen[start : start + ROWS_A_BLOCK]
        cosines = vectors[rows] @ vectors.T
        cosines[codes[rows][:, None] == codes] = -1.0
        best[start : start + len(rows)] = cosines.max(axis=1)
    return tuple(np.quantile(best, quantiles).tolist())
