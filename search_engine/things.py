"""Decide which items are held out together, so that measurements hold for new photos.

Photos of one thing find each other, and a classifier that saw one of them recognises the others. So
photos of a product are held out together or, without product ids, those that look alike (clusters
by average linkage within a class). Photos taken later, elsewhere, are as unlike those of the
catalog as what is held out by that; by twins alone, which a photographer takes within a minute,
they are not (Roberts et al., "Cross-validation strategies for data with temporal, spatial,
hierarchical, or phylogenetic structure", Ecography 2017). Scenes are chains of twins.

How alike is alike is not a constant: the heights at which clusters of all classes merge are parted
in two, takes of one thing and different things, so that the variance between the parts is largest
(Otsu, "A threshold selection method from gray-level histograms", 1979). Nothing but the catalog's
own pictures counts for that.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Codes, Vectors

FOLDS = 5
"""Number of parts into which items are split to judge each part by the others."""
SEED = 0
TWIN_QUANTILE = 0.95
"""Share of the items whose best match in another class is less similar than twins are."""
MOST_LINKED = 4_000
"""Items of a class that are grouped by their looks, at most; those of larger ones by scenes."""
SAMPLE = 2_000
PARTED = 1e-6
"""Heights that are all equal are merged by nothing: the limit is so much lower."""
ROWS_A_BLOCK = 512
ALONE = "one"
"""The grouping in which every item is a thing of its own."""
_DIGITS = re.compile(r"(\d+)")


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


def groupings(
    vectors: Vectors,
    codes: Codes,
    groups: Sequence[str | None] = (),
    names: Sequence[str] = (),
) -> dict[str, NDArray[np.int64]]:
    """Number the things that items show, (N,), in each sensible way, by a name for it.

    `things` are those of `things_of`, `order` stretches of the items of a class in the order of
    their ids, which is often that in which they came, and `one` is every item for itself.

    Args:
        vectors: Shape (N, D), unit rows.
        codes: The class of each item, (N,).
        groups: See `things_of`.
        names: Ids of the items; empty for no order.
    """
    found = {"things": things_of(vectors, codes, groups)}
    if names:
        found["order"] = _stretches(codes, names)
    return {**found, ALONE: np.arange(len(codes))}


def hardest(vectors: Vectors, codes: Codes, ways: Mapping[str, NDArray[np.int64]]) -> str:
    """Return the grouping whose folds leave the fewest items with a nearest one of their class.

    Args:
        vectors: Shape (N, D), unit rows; a sample of these asks for the others.
        codes: The class of each item, (N,).
        ways: See `groupings`; those that come first win where they are equally hard.
    """
    asked = np.random.default_rng(SEED).permutation(len(codes))[:SAMPLE]
    folds = {name: fold_of(codes, things) for name, things in ways.items()}
    right = dict.fromkeys(ways, 0)
    held = dict.fromkeys(ways, 0)
    for start in range(0, len(asked), ROWS_A_BLOCK):
        rows = asked[start : start + ROWS_A_BLOCK]
        cosines = vectors[rows] @ vectors.T
        for name, fold in folds.items():
            here = fold[rows] >= 0
            others = np.where(fold[rows][:, None] == fold, -np.inf, cosines)[here]
            right[name] += int((codes[others.argmax(axis=1)] == codes[rows[here]]).sum())
            held[name] += int(here.sum())
    sensible = [name for name in ways if 2 * held[name] >= max(held.values())]
    return min(sensible, key=lambda name: right[name] / max(held[name], 1))


def _stretches(codes: Codes, names: Sequence[str]) -> NDArray[np.int64]:
    """Number stretches of a class in the order of ids, in which numbers count as such, (N,)."""
    keys = [[(part.isdigit(), part.zfill(20)) for part in _DIGITS.split(name)] for name in names]
    order = np.array(sorted(range(len(names)), key=keys.__getitem__), dtype=np.int64)
    found = np.empty(len(codes), dtype=np.int64)
    for code in np.unique(codes):
        members = order[codes[order] == code]
        found[members] = FOLDS * code + np.arange(len(members)) * FOLDS // len(members)
    return found


def apart(things: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Join the numbers of things of several parts, none of which are in two of them, (N,)."""
    joined: list[NDArray[np.int64]] = []
    first = 0
    for part in things:
        joined.append(part + first)
        first += int(part.max(initial=-1)) + 1
    return np.concatenate(joined)


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
    """Number the groups of items of a class that look alike, (N,).

    Classes that are too large for it are parted into scenes, and one that would be one group by the
    threshold of all classes is parted by its own.
    """
    if not len(codes):
        return np.empty(0, dtype=np.int64)
    found = np.arange(len(codes))
    classes = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    large = [members for members in classes if len(members) > MOST_LINKED]
    if large:
        twin = _rival_score(vectors, codes)
        found = scenes_of(vectors, codes, twin, np.concatenate(large))
    known = int(found.max()) + 1
    linked = (members for members in classes if 2 <= len(members) <= MOST_LINKED)
    trees = [(members, _tree(vectors[members])) for members in linked]
    if not trees:
        return found
    limit = _parting(np.concatenate([tree[:, 2] for _, tree in trees]))
    for members, tree in trees:
        found[members] = known + _cut(tree, limit)
        known += len(members) + 1
    return found


def _tree(vectors: Vectors) -> NDArray[np.float64]:
    """Return the tree of average linkage by cosine distances, as scipy has it, (n - 1, 4)."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    distances = np.maximum(1.0 - vectors @ vectors.T, 0.0)
    np.fill_diagonal(distances, 0.0)
    return np.asarray(linkage(squareform(distances, checks=False), "average"), dtype=np.float64)


def _cut(tree: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    """Return the groups below a height, (n,), or below that which parts the tree's own heights."""
    from scipy.cluster.hierarchy import fcluster

    groups = fcluster(tree, limit, "distance")
    if groups.max() == 1:
        groups = fcluster(tree, _parting(tree[:, 2]), "distance")
    return np.asarray(groups, dtype=np.int64)


def _parting(heights: NDArray[np.float64]) -> float:
    """Return the height that parts heights, at least one, so that variance between is largest."""
    ordered = np.sort(heights)
    below = np.arange(1, len(ordered))
    if len(below) == 0 or ordered[0] == ordered[-1]:
        return float(ordered[0]) * (1.0 - PARTED)
    sums = np.cumsum(ordered)
    above = len(ordered) - below
    means = sums[:-1] / below, (sums[-1] - sums[:-1]) / above
    place = int((below * above * (means[0] - means[1]) ** 2).argmax())
    return float(ordered[place] + ordered[place + 1]) / 2.0


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


def _rival_score(vectors: Vectors, codes: Codes) -> float:
    """Return the score that `TWIN_QUANTILE` of a sample do not reach with another class."""
    random = np.random.default_rng(SEED)
    chosen = random.permutation(len(codes))[:SAMPLE]
    best = np.empty(len(chosen))
    for start in range(0, len(chosen), ROWS_A_BLOCK):
        rows = chosen[start : start + ROWS_A_BLOCK]
        cosines = vectors[rows] @ vectors.T
        cosines[codes[rows][:, None] == codes] = -1.0
        best[start : start + len(rows)] = cosines.max(axis=1)
    return float(np.quantile(best, TWIN_QUANTILE))
