"""Perceptual hashes: what stays of a picture when it is resized, re-coded, turned or mirrored.

The hash is the picture's spectrum: the lowest frequencies of a discrete cosine transform of its
brightness, scaled to a square and without its border (Zauner, "Implementation and benchmarking of
perceptual image hash functions", 2010). Quarter turns and mirroring only swap axes and signs of a
spectrum, so one of a picture serves for all eight. Low frequencies are large in every photo; they
are weighed down, so that details decide.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search_engine.images.geometry import Preprocessing
from search_engine.records import Floats, Pixels, Vectors

SIDE_PX = 64
"""Side of the square that is looked at; a picture of that size has all the details needed."""
FREQUENCIES = 24
"""Lowest frequencies of each axis that are kept."""
COARSE = 16
"""Frequencies of each axis by which pictures in any pose are looked up."""
DECODED_PX = 256
"""Short side at which JPEGs are decoded: less would blur where a border ends."""
PREPROCESSING = Preprocessing(SIDE_PX, DECODED_PX, "squash")
"""How pictures are decoded for their spectra."""

Spectra = NDArray[np.float32]
"""Shape (N, FREQUENCIES, FREQUENCIES); rows are the frequencies along the height."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_SIGNS = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
"""Of sums over even and odd frequencies of both axes, (4, 4), by reflection."""
_TINY = 1.0
"""Length of the details of a picture that has none but rounding; of photos it is thousands."""


def spectra_of(pixels: Pixels) -> Spectra:
    """The spectra of pictures as PREPROCESSING decodes them, (N, SIDE_PX, SIDE_PX, 3)."""
    grey = pixels.astype(np.float32) @ _LUMA
    basis = _basis()
    return np.asarray(basis @ grey @ basis.T, dtype=np.float32)


def details(spectra: Spectra) -> Vectors:
    """Unit rows (N, FREQUENCIES²) whose products say how much pictures agree in their details.

    A picture without any detail has a row of zeros: it is like nothing.
    """
    return unit((spectra * detail_weights()).reshape(len(spectra), -1))


def likeness(one: Vectors, other: Vectors) -> Floats:
    """How much pairs of pictures agree in the best of eight poses, from their `details`, (N,).

    1 is the same. To mirror a picture changes the signs of its odd frequencies, so sums over even
    and odd ones give all poses.
    """
    square = (len(one), FREQUENCIES, FREQUENCIES)
    first, second = one.reshape(square), other.reshape(square)
    poses = [_mirrored(first * second), _mirrored(first.swapaxes(1, 2) * second)]
    return np.asarray(np.concatenate(poses, axis=1).max(axis=1), dtype=np.float64)


def _mirrored(products: Spectra) -> Floats:
    """Sums of products of frequencies, (N, 4): as it is, mirrored, upside down, and both."""
    half = FREQUENCIES // 2
    by_parity = products.reshape(-1, half, 2, half, 2).sum(axis=(1, 3)).reshape(-1, 4)
    return np.asarray(by_parity @ _SIGNS)


def in_any_pose(spectra: Spectra) -> Vectors:
    """Rows (N, D) that are the same for a picture in all its poses, to look up candidates by."""
    sizes = np.abs(spectra * detail_weights())[:, :COARSE, :COARSE]
    upper = np.triu_indices(COARSE)
    return unit((sizes + sizes.swapaxes(-1, -2))[:, *upper])


def waves_at(places: Floats) -> NDArray[np.float32]:
    """The cosines of each frequency at places from 0 to 1 along an axis, (FREQUENCIES, P)."""
    lengths = np.full((FREQUENCIES, 1), np.sqrt(2 / SIDE_PX))
    lengths[0] = np.sqrt(1 / SIDE_PX)
    waves = np.cos(np.pi * np.outer(np.arange(FREQUENCIES), places))
    return np.asarray(lengths * waves, dtype=np.float32)


@lru_cache(1)
def detail_weights() -> NDArray[np.float32]:
    """In proportion to the frequency, as photos have less of the higher; none for the slopes."""
    along = np.arange(FREQUENCIES)
    weights = np.hypot(along[:, None], along).astype(np.float32)
    weights[along[:, None] + along < 2] = 0
    return weights


def unit(rows: Vectors) -> Vectors:
    """Rows of length 1; those that are next to nothing become zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > _TINY, lengths, np.float32(np.inf)))


@lru_cache(1)
def _basis() -> NDArray[np.float32]:
    return waves_at((np.arange(SIDE_PX) + 0.5) / SIDE_PX)
