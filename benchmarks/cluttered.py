"""Photos of one thing among clutter, drawn from photos of a catalog."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIDE_PX = 640
LEAST_SHARE, MOST_SHARE = 0.10, 0.30
"""Of the area that the picture of the thing takes."""
TILES = 4
"""Rows and columns of crops behind it."""


def cluttered(thing: Path, others: Sequence[Path], seed: int) -> Image.Image:
    """Paste a picture small and anywhere onto a mosaic of crops of other photos."""
    random = np.random.default_rng(seed)
    ground = Image.new("RGB", (SIDE_PX, SIDE_PX))
    tile = SIDE_PX // TILES
    for number in range(TILES * TILES):
        crop = _crop(others[int(random.integers(len(others)))], random)
        ground.paste(crop.resize((tile, tile)), (number % TILES * tile, number // TILES * tile))
    picture = _opened(thing)
    area = random.uniform(LEAST_SHARE, MOST_SHARE) * SIDE_PX**2
    scale = (area / (picture.width * picture.height)) ** 0.5
    width, height = (
        min(SIDE_PX, max(1, round(side * scale))) for side in (picture.width, picture.height)
    )
    place = int(random.integers(SIDE_PX - width + 1)), int(random.integers(SIDE_PX - height + 1))
    ground.paste(picture.resize((width, height), Image.Resampling.BICUBIC), place)
    return ground


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _crop(path: Path, random: np.random.Generator) -> Image.Image:
    """A third of a side of a photo, anywhere."""
    picture = _opened(path)
    side = max(1, min(picture.size) // 3)
    left = int(random.integers(picture.width - side + 1))
    top = int(random.integers(picture.height - side + 1))
    return picture.crop((left, top, left + side, top + side))
