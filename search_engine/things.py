"""Decide which items are held out together, so that measurements hold for new photos.

Photos of one thing find each other, and a classifier that saw one of them recognises the others. So
photos of a product are held out together or, without product ids, those that look alike (clusters
by average linkage within a class). Photos taken later, elsewhere, are as unlike those of the
catalog as what is held out by that; by twins alone, which a photographer takes within a minute,
they are not (Roberts et al., "Cross-validation strategies for data with temporal, spatial,
hierarchical, or phylogenetic structure", Ecography 2017).

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
MOST_LINKED = 2_000
"""Items of a class that are compared with each other, at most; larger ones are parted before."""
ITERATIONS = 8
"""Of the power method, which finds a main direction well enough to part by."""
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

    A class that would be one group by the threshold of all classes is parted by its own.
    """
    found = np.arange(len(codes))
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    cells = [cell for members in np.split(order, ends) for cell in _cells(vectors, members)]
    trees = [(members, _tree(vectors[members])) for members in cells if len(members) > 1]
    if not trees:
        return found
    limit = _parting(np.concatenate([tree[:, 2] for _, tree in trees]))
    known = len(codes)
    for members, tree in trees:
        found[members] = known + _cut(tree, limit)
        known += len(members) + 1
    return found


def _cells(vectors: Vectors, members: Codes) -> list[Codes]:
    """Part a class that is too large to be linked at once by its main directions, in halves.

    What looks alike is mostly in one half (Boley, "Principal direction divisive partitioning", Data
    Mining and Knowledge Discovery 1998).
    """
    if len(members) <= MOST_LINKED:
        return [members]
    random = np.random.default_rng(SEED)
    sample = vectors[random.permutation(members)[:SAMPLE]]
    sample = sample - sample.mean(axis=0)
    direction = random.normal(size=sample.shape[1]).astype(np.float32)
    for _ in range(ITERATIONS):
        direction = (sample @ direction) @ sample
        direction /= max(float(np.linalg.norm(direction)), PARTED)  # 0 where all are the same
    order = members[np.argsort(vectors[members] @ direction, kind="stable")]
    half = len(order) // 2
    return [*_cells(vectors, order[:half]), *_cells(vectors, order[half:])]


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
