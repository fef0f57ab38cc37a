"""Busy backgrounds for shopper photos: tables, rooms, walls, cloth, leaves.

Each maker takes its own random source and a (width, height) and returns a fresh RGB image.
"""

import random
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from data.sample_catalog.palette import PALETTE, WOODS, Color, darker, lighter, mix
from data.sample_catalog.patterns import PATTERNS

Size = tuple[int, int]
Maker = Callable[[random.Random, Size], Image.Image]

WALLS: Final[tuple[Color, ...]] = (
    (206, 196, 180),
    (176, 190, 196),
    (190, 178, 160),
    (160, 172, 150),
    (214, 206, 200),
    (150, 140, 146),
)


def _image(rgb: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.clip(rgb + 0.5, 0, 255).astype(np.uint8))


def _noise(rng: random.Random, size: Size, cells: int) -> NDArray[np.float64]:
    """Smooth noise between -1 and 1, with about that many bumps across."""
    source = np.random.default_rng(rng.getrandbits(64))
    high = max(2, round(cells * size[1] / size[0]))
    grid = source.integers(0, 256, (high, cells), dtype=np.uint8)
    smooth = Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float64) / 127.5 - 1.0


def wooden_table(rng: random.Random, size: Size) -> Image.Image:
    """Planks with grain, seen from above."""
    high = size[1]
    color = np.array(rng.choice((WOODS["oak"], WOODS["walnut"], WOODS["ash"], WOODS["cherry"])))
    y = np.arange(high, dtype=np.float64)[:, None]
    plank_px = rng.uniform(0.18, 0.3) * high
    plank = np.floor(y / plank_px)
    drift = 9 * _noise(rng, size, 4)
    grain = np.sin((y + drift) * 0.9 + plank * 2.1) + np.sin((y + 2 * drift) * 0.31 + plank)
    shade = 1 + 0.045 * grain + 0.07 * np.sin(plank * 5.3)
    shade -= 0.35 * (np.abs(y / plank_px - plank - 0.5) > 0.488)
    return _image(color * shade[..., None])


def concrete(rng: random.Random, size: Size) -> Image.Image:
    """A mottled stone or concrete ground."""
    color = np.array(rng.choice(((168, 164, 158), (186, 178, 168), (140, 142, 146))))
    shade = 1 + 0.09 * _noise(rng, size, 5) + 0.05 * _noise(rng, size, 22)
    shade += 0.05 * _noise(rng, size, 110)
    return _image(color * shade[..., None])


def tablecloth(rng: random.Random, size: Size) -> Image.Image:
    """Patterned cloth with soft folds."""
    wide, high = size
    base = np.array(rng.choice(((226, 214, 196), (196, 206, 212), (214, 200, 204))))
    accent = np.array(mix(rng.choice(sorted(PALETTE.values())), (200, 190, 180), 0.45))
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32) / np.float32(wide * 1.3)
    turn = rng.uniform(-0.5, 0.5)
    pattern = PATTERNS[rng.choice(("checks", "stripes", "dots", "pinstripes"))]
    weight = pattern((x + y * turn).astype(np.float32), (y - x * turn).astype(np.float32))
    folds = 1 + 0.16 * _noise(rng, size, 3)
    return _image((base + (accent - base) * weight[..., None]) * folds[..., None])


def brick_wall(rng: random.Random, size: Size) -> Image.Image:
    """Courses of brick."""
    wide, high = size
    base = np.array(rng.choice(((172, 98, 76), (206, 196, 186), (150, 120, 104))))
    y, x = np.mgrid[0:high, 0:wide].astype(np.float64)
    course_px = wide / rng.uniform(9, 13)
    row = np.floor(y / course_px)
    across = x / (course_px * 2.4) + 0.5 * (row % 2)
    brick = np.floor(across)
    tone = 0.09 * np.sin(brick * 12.9 + row * 78.2) + 0.05 * _noise(rng, size, 70)
    seam = (np.abs(across - brick - 0.5) > 0.475) | (np.abs(y / course_px - row - 0.5) > 0.44)
    shade = np.where(seam, 1.12, 1 + tone)[..., None]
    rgb = np.where(seam[..., None], np.array((176, 170, 162)), base) * shade
    return _image(rgb).filter(ImageFilter.GaussianBlur(1.2))


def leaves(rng: random.Random, size: Size) -> Image.Image:
    """A blurred hedge or lawn."""
    picture = Image.new("RGB", size, (70, 96, 56))
    pen = ImageDraw.Draw(picture)
    for _ in range(420):
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        rx, ry = rng.uniform(4, 16), rng.uniform(4, 16)
        green = mix((50, 84, 42), (164, 184, 92), rng.random())
        pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=green)
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(2, 4)))


def room(rng: random.Random, size: Size) -> Image.Image:
    """A wall and a floor, with blurred things in the distance."""
    wide, high = size
    wall = rng.choice(WALLS)
    picture = Image.new("RGB", size, wall)
    pen = ImageDraw.Draw(picture)
    horizon = high * rng.uniform(0.6, 0.72)
    for _ in range(rng.randint(3, 5)):
        x, y = rng.uniform(-0.1, 0.9) * wide, rng.uniform(0.0, 0.5) * high
        w, h = rng.uniform(0.12, 0.32) * wide, rng.uniform(0.12, 0.4) * high
        color = mix(rng.choice(sorted(PALETTE.values())), wall, rng.uniform(0.35, 0.75))
        pen.rectangle((x, y, x + w, y + h), fill=color)
        pen.rectangle((x + 6, y + 6, x + w - 6, y + h - 6), fill=lighter(color, 0.25))
    floor = rng.choice((WOODS["oak"], WOODS["walnut"], (150, 146, 142), (186, 168, 150)))
    pen.rectangle((0, horizon, wide, high), fill=floor)
    for i in range(12):
        foot = (i - 5.5) * wide * 0.3 + wide / 2
        top = (i - 5.5) * wide * 0.12 + wide / 2
        pen.line((top, horizon, foot, high), fill=darker(floor, 0.18), width=2)
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(3, 6)))


def bookshelf(rng: random.Random, size: Size) -> Image.Image:
    """Shelves of books out of focus, and the board the product stands on."""
    wide, high = size
    picture = Image.new("RGB", size, darker(WOODS["walnut"], 0.45))
    pen = ImageDraw.Draw(picture)
    shelf_px = high * 0.36
    for row in range(3):
        base, x = (row + 1) * shelf_px - 12, 0.0
        while x < wide:
            w, h = rng.uniform(9, 26), rng.uniform(0.6, 0.88) * shelf_px
            color = mix(rng.choice(sorted(PALETTE.values())), (90, 80, 76), 0.35)
            pen.rectangle((x, base - h, x + w - 1, base), fill=color)
            x += w + (rng.uniform(0, 30) if rng.random() < 0.15 else 0)
        pen.rectangle((0, base, wide, base + 12), fill=WOODS["oak"])
    pen.rectangle((0, high * 0.74, wide, high), fill=WOODS["oak"])
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(4, 6)))


def lights(rng: random.Random, size: Size) -> Image.Image:
    """An evening street: blurred points of light over a dark ground."""
    wide, high = size
    top = rng.choice(((58, 62, 92), (84, 64, 74), (54, 78, 84)))
    y = np.linspace(0, 1, high)[:, None, None].repeat(wide, axis=1)
    low = np.array(lighter(top, 0.35))
    picture = _image(np.array(top) + (low - np.array(top)) * y)
    glow = Image.new("RGB", size)
    pen = ImageDraw.Draw(glow)
    for _ in range(34):
        x, cy, r = rng.uniform(0, wide), rng.uniform(0, high * 0.7), rng.uniform(8, 26)
        pen.ellipse((x - r, cy - r, x + r, cy + r), fill=rng.choice(
            ((150, 110, 60), (120, 70, 50), (70, 100, 110), (130, 120, 90))))  # fmt: skip
    soft = np.asarray(glow.filter(ImageFilter.GaussianBlur(3)), dtype=np.float64)
    return _image(np.asarray(picture, dtype=np.float64) + soft)


GROUNDS: Final[tuple[Maker, ...]] = (wooden_table, tablecloth, concrete, brick_wall, leaves)
ROOMS: Final[tuple[Maker, ...]] = (room, bookshelf, brick_wall, room, leaves, lights)
