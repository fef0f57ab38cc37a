"""Things that get in front of the product in shopper photos."""

import random
from collections.abc import Callable
from typing import Final

from data.sample_catalog.canvas import Canvas, join, polygon, stroke
from data.sample_catalog.geometry import Points, box, curve, moved, points, rotated
from data.sample_catalog.palette import PALETTE, WHITE, Color, darker, lighter
from data.sample_catalog.shading import CLOTH, FLAT, PADDED

Draw = Callable[[Canvas, random.Random], None]

SKINS: Final[tuple[Color, ...]] = (
    (236, 188, 160),
    (204, 150, 116),
    (150, 100, 72),
    (98, 66, 50),
)
LEAF_GREENS: Final[tuple[Color, ...]] = ((62, 112, 62), (84, 132, 70), (48, 96, 66))
FINGERS: Final = (
    ((0.38, 0.42), (0.62, 0.31), (0.8, 0.3)),
    ((0.42, 0.47), (0.68, 0.41), (0.9, 0.41)),
    ((0.42, 0.54), (0.68, 0.51), (0.88, 0.52)),
    ((0.4, 0.6), (0.62, 0.61), (0.77, 0.63)),
    ((0.26, 0.44), (0.4, 0.28), (0.54, 0.2)),
)
FINGER_WIDTH: Final = 0.092


def draw_hand(canvas: Canvas, rng: random.Random) -> None:
    """A hand reaching in from the left."""
    skin = rng.choice(SKINS)
    palm = curve(
        [(0.0, 0.42), (0.2, 0.42), (0.34, 0.36), (0.48, 0.4), (0.5, 0.58), (0.36, 0.66),
         (0.2, 0.62), (0.0, 0.62)], closed=True,
    )  # fmt: skip
    canvas.paint(join(polygon(palm), stroke(points((0.06, 0.52), (0.4, 0.51)), 0.2)), skin, PADDED)
    for knuckles in FINGERS:
        path = curve(knuckles)
        canvas.soft(stroke(moved(path, 0.0, 0.014), FINGER_WIDTH), darker(skin, 0.6), 0.45, 0.012)
        canvas.line(path, FINGER_WIDTH, skin, PADDED)
        canvas.fill(_nail(path), lighter(skin, 0.35), FLAT, 0.7)


def _nail(path: Points) -> Points:
    x, y = path[-1]
    return box(x - 0.008, y - 0.024, x + 0.034, y + 0.02, 0.02)


def draw_leaves(canvas: Canvas, rng: random.Random) -> None:
    """A few plant leaves."""
    for degrees in (-50, -15, 20, 60):
        green = rng.choice(LEAF_GREENS)
        blade = curve([(0.5, 0.6), (0.43, 0.4), (0.5, 0.12), (0.57, 0.4)], closed=True)
        canvas.fill(rotated(blade, degrees, 0.5, 0.62), green, CLOTH)
        rib = rotated(points((0.5, 0.6), (0.5, 0.16)), degrees, 0.5, 0.62)
        canvas.line(rib, 0.006, lighter(green, 0.3), FLAT)


def draw_price_tag(canvas: Canvas, rng: random.Random) -> None:
    """A card tag with a few printed lines."""
    canvas.fill(box(0.2, 0.3, 0.8, 0.7, 0.04), rng.choice((WHITE, (240, 214, 90))), CLOTH)
    for y, end in ((0.4, 0.6), (0.5, 0.72), (0.6, 0.5)):
        canvas.line(points((0.28, y), (end, y)), 0.03, (60, 60, 66), FLAT)


def draw_book(canvas: Canvas, rng: random.Random) -> None:
    """A closed book."""
    color = rng.choice(sorted(PALETTE.values()))
    canvas.fill(box(0.2, 0.2, 0.84, 0.84, 0.02), (236, 230, 216), CLOTH)
    canvas.fill(box(0.2, 0.2, 0.8, 0.8, 0.02), color, CLOTH)
    canvas.fill(box(0.3, 0.3, 0.7, 0.42, 0.01), lighter(color, 0.5), FLAT)
