"""Names of colours: which of fourteen a colour has, and which colours are called by a name."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search_engine.images.palette import (
    Lab,
    Samples,
    Swatch,
    distances,
    lab_of,
    packed_palettes,
    swatches,
)
from search_engine.images.shape import packed_shapes

NAMED: Mapping[str, str] = {
    "black": "000000 343837 1d1d22",
    "white": "ffffff f2f2ee e6e6e6",
    "grey": "929591 59656d c5c9c7 7d7f7c",
    "beige": "e6daa6 ffffc2 f5f5dc d1b26f c8aca9 e2d5c3 cdbba5 b5a28a",
    "brown": "653700 7b5a3c 964b00 341c02 ad8150 5b3a29 874c62 9c6d57",
    "red": "e50000 840000 be0119 650021 a83c09 c0453f",
    "pink": "ff81c0 ffb6c1 cb416b ff796c c87f89 e8a0b0 f504c9",
    "orange": "f97306 ff964f ffb07c c65102 e17b4a",
    "yellow": "ffff14 fffd74 dbb40c ceb301 e8c868",
    "green": "15b01a 96f97b 033500 6e750e 89fe05 8ab17d aaa662 9fd9b8 4b6b4f",
    "teal": "029386 06c2ac 00ffff 1e8a8c 13eac9 3a7a7d 2d5656 164a4a",
    "blue": "0343df 95d0fc 75bbfd 3b638c 2242c7 5170a0 8fa9c4",
    "navy": "01153e 00035b 24345f 2c3050",
    "purple": "7e1e9c bf77f6 c79fef 35063e 9a0eea 703a5c a58ccb 6b4a7d",
}
"""Colours that each name stands for. Most are where people put the name in the colour survey of
xkcd (Munroe, 2010, CC0); the others are the duller tones of fabrics and paint on photos."""

NAMES = tuple(NAMED)
LEAST_SHARE = 0.12
"""A picture has a colour if so much of it has; the most of it whatever that is."""


class PictureColors(NamedTuple):
    """The dominant colours of a picture as they are stored: packed, and by name, most first; and
    its shape, which is found in the same sample (`shape`)."""

    palette: bytes
    names: tuple[str, ...]
    shape: bytes = b""


def picture_colors(samples: Samples) -> list[PictureColors]:
    """The dominant colours and the shapes of pictures."""
    packed, shapes = packed_palettes(samples), packed_shapes(samples)
    found = [swatches(each) for each in packed]
    called = iter(nearest_names(np.array([each.rgb for palette in found for each in palette])))
    return [
        PictureColors(each, tuple(_enough(palette, [next(called) for _ in palette])), shape)
        for each, palette, shape in zip(packed, found, shapes, strict=True)
    ]


@cache
def examples(name: str) -> Lab:
    """The colours (N, 3) in CIELAB that a name stands for."""
    return lab_of(np.array([list(bytes.fromhex(each)) for each in NAMED[name].split()]))


def nearest_names(rgb: NDArray[np.generic]) -> list[str]:
    """The name of each colour (N, 3)."""
    every, names = _every_example()
    return [names[number] for number in distances(lab_of(rgb), every).argmin(axis=1)]


def nearest_name(rgb: tuple[int, int, int]) -> str:
    """The name of one colour."""
    return nearest_names(np.array([rgb]))[0]


def names_in(palette: Sequence[Swatch]) -> list[str]:
    """The names of the colours of which a picture has enough, most first."""
    return _enough(palette, nearest_names(np.array([each.rgb for each in palette])))


def _enough(palette: Sequence[Swatch], names: Sequence[str]) -> list[str]:
    shares: dict[str, float] = {}
    for name, swatch in zip(names, palette, strict=True):
        shares[name] = shares.get(name, 0.0) + swatch.share
    ordered = sorted(shares, key=lambda name: -shares[name])
    return [name for n, name in enumerate(ordered) if n == 0 or shares[name] >= LEAST_SHARE]


@cache
def _every_example() -> tuple[Lab, tuple[str, ...]]:
    names = [name for name in NAMES for _ in examples(name)]
    return np.concatenate([examples(name) for name in NAMES]), tuple(names)
