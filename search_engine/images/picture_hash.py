"""Hashes by which copies of a picture are recognised: smaller, coded anew, turned or mirrored.

A hash has the signs of the picture's 256 lowest frequencies (`spectrum`; Zauner, "Implementation
and benchmarking of perceptual image hash functions", 2010), and its mean colours on a grid. Copies
differ in few signs, other pictures in about half of them; the colours tell things of one shape and
other colours apart. The signs are in four words of 64, by whether the frequencies along height and
width are even or odd: to mirror a picture flips whole words and never the first one, and a quarter
turn also swaps axes, so one hash of a picture serves for all eight poses.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_engine.images.spectrum import FREQUENCIES, SIDE_PX, spectra_of
from search_engine.records import Floats

WORDS = 4
WORD_BITS = 64
GRID = 4
STORED = np.dtype([("signs", "<u8", (WORDS,)), ("colours", "u1", (GRID, GRID, 3))])
"""A hash as it is stored; `colours` are RGB, rows along the height."""

Hashes = NDArray[np.void]
"""Of the type `STORED`, (N,)."""
Signs = NDArray[np.uint64]

SAME_SIGNS = 28
"""Copies differ in so many of 256 signs at most."""
SAME_COLOURS = 3.5
"""And so much, 0 to 255, in their colours, as root mean square. Of training photos, 95 of 100
copies of 64 pixels differ by 1.9 at most, and of 32 pixels by 2.9; drawings of one thing in two
colours by 3.8 and more."""

LEAST_SIZE = 1.0
"""A frequency below this size says nothing: to round pixels to whole numbers moves each by 0.3."""
LEAST_SHARE = 0.75
"""Share of the frequencies that must be larger, or else there is no hash: of plain grounds, and of
drawings that are their own mirror image, the signs are chance."""

_FLIPS = np.array([[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 1, 0]], dtype=np.uint64)
"""Words that change their signs by reflection: none, left to right, upside down, and both."""


def picture_hash(image: Image.Image) -> bytes:
    """The hash of a picture without its border, as `STORED` has it; empty if it has no details.

    Args:
        image: RGB; of what size hardly matters from 32 pixels a side on.
    """
    square = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=1.0)
    pixels = np.asarray(square)
    sizes = spectra_of(pixels[None])[0].ravel()[_cells()]
    if np.mean(np.abs(sizes) >= LEAST_SIZE) < LEAST_SHARE:
        return b""
    found = np.zeros((), dtype=STORED)
    found["signs"] = _packed(sizes > 0)
    found["colours"] = np.asarray(square.reduce(SIDE_PX // GRID))
    return found.tobytes()


def unpack_hashes(blobs: Sequence[bytes]) -> Hashes:
    """Stored hashes as an array, (N,)."""
    return np.frombuffer(b"".join(blobs), dtype=STORED)


def are_copies(one: np.void, others: Hashes) -> NDArray[np.bool_]:
    """Whether pictures are copies of one in any pose, (N,)."""
    changed = np.bitwise_count(poses(one["signs"])[:, None] ^ others["signs"]).sum(axis=-1)
    best = changed.argmin(axis=0)
    near = np.flatnonzero(changed[best, np.arange(len(others))] <= SAME_SIGNS)
    off = _in_all_poses(one["colours"])[best[near]] - others["colours"][near]
    same = np.zeros(len(others), dtype=np.bool_)
    same[near] = np.sqrt(np.square(off).mean(axis=(1, 2, 3))) <= SAME_COLOURS
    return same


def poses(signs: Signs) -> Signs:
    """The signs of a picture (4,) in all eight poses, (8, 4).

    As it is, mirrored, upside down and both, then these of the picture with its axes swapped. The
    first word is the same in each of both fours.
    """
    both = np.stack([signs, _packed(_unpacked(signs)[_swapped()])])
    flips = _FLIPS * np.uint64(2**WORD_BITS - 1)
    return np.asarray((both[:, None] ^ flips).reshape(-1, WORDS))


def _in_all_poses(colours: NDArray[np.uint8]) -> Floats:
    """Colours (GRID, GRID, 3) in the order of `poses`, (8, GRID, GRID, 3)."""
    both = (colours, colours.swapaxes(0, 1))
    found = [pose for one in both for half in (one, one[::-1]) for pose in (half, half[:, ::-1])]
    return np.stack(found).astype(np.float64)


def _packed(signs: NDArray[np.bool_] | NDArray[np.uint8]) -> Signs:
    return np.packbits(signs).view("<u8")


def _unpacked(signs: Signs) -> NDArray[np.uint8]:
    return np.unpackbits(np.ascontiguousarray(signs, dtype="<u8").view(np.uint8))


@lru_cache(1)
def _cells() -> NDArray[np.int64]:
    """Where in a spectrum the signs stand, (256,), word by word; each word by frequency."""
    down, across = np.indices((FREQUENCIES, FREQUENCIES)).reshape(2, -1)
    order = np.lexsort((across, down, np.hypot(down, across)))
    order = order[(down + across)[order] > 1]  # neither brightness nor slopes
    word = 2 * (down % 2) + across % 2
    return np.concatenate([order[word[order] == each][:WORD_BITS] for each in range(WORDS)])


@lru_cache(1)
def _swapped() -> NDArray[np.int64]:
    """For each sign the place of that of the swapped frequencies, (256,)."""
    down, across = np.divmod(_cells(), FREQUENCIES)
    place = {cell: number for number, cell in enumerate(_cells().tolist())}
    return np.array([place[cell] for cell in (across * FREQUENCIES + down).tolist()])
