"""Pairs of pictures that are the same in another form, or look alike.

Not all pairs are compared: candidates are the nearest by embedding, and the nearest by a hash that
a picture keeps when it is turned or mirrored, which embeddings do not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from search_engine.images.crops import part_likeness
from search_engine.images.spectrum import Spectra, details, in_any_pose, likeness
from search_engine.indexes.choice import choose_index
from search_engine.indexes.live import Snapshot
from search_engine.indexes.registry import backend_of
from search_engine.indexes.selection import KeySet
from search_engine.neighbors import Advance
from search_engine.records import Codes, Floats, Hits, Keys, Vectors

NEIGHBORS = 10
"""Candidates of each picture by either way."""
BLOCK = 256

SAME = 0.88
"""Two pictures whose details agree so much, in some pose, are the same. Shirts with other prints,
laid out alike, reach 0.81, and the second photo of one scene 0.85."""
PART = 0.96
"""A picture that agrees so much with a part of another is cut out of it. Cuts of 40 photos of
clothes reach 0.967 and more."""
PART_COSINE = 0.75
"""Embeddings of pictures and of their parts agree so much at least."""

RECALL = 0.95
MEMORY_BYTES = 2**31

Pairs = NDArray[np.int64]
"""Rows of pictures, (P, 2), the lower first."""
Read = Callable[[Keys], Vectors]


@dataclass(frozen=True, slots=True)
class Compared:
    """Pairs that may be the same, (P, 2), with their cosines and whether they are, (P,) each."""

    pairs: Pairs
    cosines: Floats
    same: NDArray[np.bool_]


def compared(
    snapshot: Snapshot, read: Read, keys: Keys, spectra: Spectra, advance: Advance
) -> Compared:
    """Compare the candidates among pictures.

    Args:
        snapshot: Finds the candidates by embedding.
        read: Returns the embeddings (N, D) to compare of items by their keys (N,); zeros where
            there is none.
        keys: Of the items that have the pictures, (N,), ascending.
        spectra: Of the pictures, (N, F, F); zeros where there is none.
        advance: Counts the pictures for which candidates were looked for, twice each.
    """
    found = [_by_looks(snapshot, keys, advance), _in_other_poses(spectra, advance)]
    pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    rows = details(spectra)
    cosines, agreement = np.empty(len(pairs)), np.empty(len(pairs))
    for start in range(0, len(pairs), BLOCK):
        block = slice(start, start + BLOCK)
        one, other = pairs[block].T
        cosines[block] = np.vecdot(read(keys[one]), read(keys[other]))
        agreement[block] = likeness(rows[one], rows[other])
    same = agreement >= SAME
    others = np.flatnonzero(~same & (cosines >= PART_COSINE))
    same[others] = _are_parts(pairs[others], spectra)
    return Compared(pairs, cosines, same)


def _by_looks(snapshot: Snapshot, keys: Keys, advance: Advance) -> Pairs:
    within = None if len(keys) == len(snapshot) else KeySet(keys)

    def search(rows: Codes) -> Hits:
        return snapshot.search(snapshot.vectors(keys[rows]), NEIGHBORS + 1, within)

    pairs = _pairs_of(search, np.arange(len(keys)), advance)
    pairs[:, 1] = np.searchsorted(keys, pairs[:, 1])
    return _of_two(pairs)


def _in_other_poses(spectra: Spectra, advance: Advance) -> Pairs:
    """Candidates by the hash that does not change with the pose."""
    hashes = in_any_pose(spectra)
    known = np.flatnonzero(hashes.any(axis=1))
    advance(len(spectra) - len(known))
    if len(known) < 2:
        return np.empty((0, 2), dtype=np.int64)
    plan = choose_index(len(known), hashes.shape[1], MEMORY_BYTES)
    index = backend_of(plan.factory).build(plan.factory, known, hashes[known], RECALL)
    pairs = _pairs_of(lambda rows: index.search(hashes[rows], NEIGHBORS + 1), known, advance)
    return _of_two(pairs)


def _of_two(pairs: Pairs) -> Pairs:
    """Without those of a picture and itself."""
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]])


def _pairs_of(search: Callable[[Codes], Hits], rows: Codes, advance: Advance) -> Pairs:
    """Rows with the keys that are found for each."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        hits = search(block)
        there = np.arange(hits.keys.shape[1]) < hits.counts[:, None]
        found.append(np.column_stack([np.repeat(block, hits.counts), hits.keys[there]]))
        advance(len(block))
    return np.concatenate(found)


def _are_parts(pairs: Pairs, spectra: Spectra) -> NDArray[np.bool_]:
    """Whether one of each pair is a part of the other."""
    best = np.zeros(len(pairs))
    with threadpool_limits(1):  # the matrices are so small that threads only wait for each other
        for whole, part in ((0, 1), (1, 0)):
            for row in np.unique(pairs[:, whole]):
                mine = np.flatnonzero(pairs[:, whole] == row)
                found = part_likeness(spectra[row], spectra[pairs[mine, part]])
                best[mine] = np.maximum(best[mine], found)
    return best >= PART
