"""Regions of a photo: where its main objects may be, and searching with parts of it.

What stands out is found by the energy of the network's last layer, without a detector: Babenko and
Lempitsky (ICCV 2015) weigh positions alike. `auto` searches with a lattice of windows beside the
whole photo (`encoders.patches`): things on a tenth to a third of a photo full of others are found
by these far more often than by what `propose` tells (`benchmarks.regions`).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.images import Box, Preprocessing
from search_engine.records import Keys, Neighbor, Region, Vectors
from search_engine.search.options import SearchOptions, check_choice
from search_engine.search.rerank.base import Scores

PROPOSE, AUTO = "propose", "auto"
OPTION = "regions"

COST = 0.1
"""What a window's cosine counts less than the whole photo's: the best of nine is higher by chance.
Without it photos of one thing lose precision: `benchmarks.regions` compares."""

MOST_PROPOSED = 4
LEVELS = (0.5, 0.75, 0.9)
"""Shares of positions that are below a threshold; what is above and connected is an object."""
LEAST_POSITIONS = 2
SAME = 0.6
"""Boxes that overlap by more of what they cover together are one proposal."""


def check_regions(
    regions: str | None, has_box: bool, has_examples: bool, options: SearchOptions
) -> None:
    """Refuse options that regions do not go with.

    Raises:
        ParameterError: It names the option.
    """
    if regions is None:
        return
    check_choice(regions, OPTION)
    if has_box:
        raise ParameterError(
            "a box is a region already", where=OPTION, fix=f"leave out `box`, or `{OPTION}`"
        )
    if has_examples:
        raise ParameterError(
            "regions are of one photo, not of a mix",
            where=OPTION,
            fix=f"leave out `{OPTION}`, or the examples",
        )
    name = options.about_the_whole
    if regions == AUTO and name is not None:
        raise ParameterError(
            f"`{name}` is about the whole photo, and `{OPTION}` {AUTO} asks with parts of it",
            where=name,
            fix=f"leave it out, or ask with one region by `box`, which `{OPTION}` {PROPOSE} tells",
        )


def whole_photo(preprocessing: Preprocessing) -> Preprocessing:
    """Preprocessing that shows a network the whole photo, squashed to its square."""
    return replace(preprocessing, fit="squash", resize_px=preprocessing.size_px, edition=1)


def propose(energy: NDArray[np.float32]) -> tuple[Region, ...]:
    """Boxes around what has most energy, best first, at most `MOST_PROPOSED`.

    Args:
        energy: Of each position of the whole photo, (rows, columns), at least 0.

    Returns:
        Regions with the share of the photo's energy above its median that lies within.
    """
    from scipy import ndimage

    above = np.maximum(energy - np.median(energy), 0)
    total = float(above.sum())
    found: list[Region] = []
    if total == 0:
        return ()
    for level in LEVELS:
        labels, _ = ndimage.label(energy > np.quantile(energy, level))
        for number, place in enumerate(ndimage.find_objects(labels), 1):
            if (labels[place] == number).sum() >= LEAST_POSITIONS:
                found.append(Region(_box(place, energy.shape), float(above[place].sum()) / total))
    best: list[Region] = []
    for one in sorted(found, key=_density, reverse=True):
        if all(overlap(one.box, other.box) <= SAME for other in best):
            best.append(one)
    return tuple(sorted(best[:MOST_PROPOSED], key=lambda one: -one.score))


def overlap(one: Box, other: Box) -> float:
    """The area that two boxes share, relative to what they cover together."""
    sides = [
        max(0.0, min(one[n] + one[n + 2], other[n] + other[n + 2]) - max(one[n], other[n]))
        for n in (0, 1)
    ]
    common = sides[0] * sides[1]
    return common / (one[2] * one[3] + other[2] * other[3] - common)


def best_of(hits: Sequence[tuple[Keys, Scores]], count: int) -> tuple[Keys, Scores]:
    """The best `count` of several lists of hits; an item has the best of its scores."""
    keys = np.concatenate([keys for keys, _ in hits])
    scores = np.concatenate([scores for _, scores in hits])
    order = np.lexsort((keys, -scores))
    _, firsts = np.unique(keys[order], return_index=True)
    kept = order[np.sort(firsts)][:count]
    return keys[kept], scores[kept]


def matched(
    neighbors: Sequence[Neighbor], stored: Vectors, query: Vectors, windows: Vectors
) -> list[int | None]:
    """Which window each neighbor matches; None where the whole photo does.

    Args:
        neighbors: What was found, N of it.
        stored: The stored embeddings of the neighbors, (N, D).
        query: The embedding of the whole photo, (1, D).
        windows: Those of its windows, (W, D).
    """
    if not neighbors:
        return []
    whole, parts = (stored @ query.T)[:, 0], stored @ windows.T - COST
    best = parts.argmax(axis=1).tolist()
    return [window if parts[row, window] > whole[row] else None for row, window in enumerate(best)]


def _box(place: tuple[slice, ...], shape: tuple[int, ...]) -> Box:
    rows, columns = place
    return (
        columns.start / shape[1],
        rows.start / shape[0],
        (columns.stop - columns.start) / shape[1],
        (rows.stop - rows.start) / shape[0],
    )


def _density(region: Region) -> float:
    """Energy for its size: neither a speck nor everything."""
    return region.score / math.sqrt(region.box[2] * region.box[3])
