"""Outlines as point lists in the unit square: x to the right, y downwards.

Every function returns a fresh (N, 2) float64 array; nothing here touches pixels.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Point = tuple[float, float]

CURVE_STEPS: Final = 14
ELLIPSE_STEPS: Final = 96


def points(*pairs: Point) -> Points:
    """The pairs as an array."""
    return np.array(pairs, dtype=np.float64)


def ellipse(cx: float, cy: float, rx: float, ry: float) -> Points:
    """A whole ellipse."""
    return arc(cx, cy, rx, ry, 0.0, 360.0)


def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> Points:
    """Part of an ellipse; degrees run clockwise on screen from three o'clock."""
    angle = np.radians(np.linspace(start, end, ELLIPSE_STEPS))
    return np.column_stack((cx + rx * np.cos(angle), cy + ry * np.sin(angle)))


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> Points:
    """A rectangle, with round corners when a radius is given."""
    radius = min(radius, (right - left) / 2, (bottom - top) / 2)
    corners = (
        (right - radius, bottom - radius, 0.0),
        (left + radius, bottom - radius, 90.0),
        (left + radius, top + radius, 180.0),
        (right - radius, top + radius, 270.0),
    )
    return np.concatenate([arc(x, y, radius, radius, a, a + 90.0)[::8] for x, y, a in corners])


def curve(pairs: Sequence[Point] | Points, closed: bool = False) -> Points:
    """A smooth (Catmull-Rom) line through the given points."""
    knots = np.asarray(pairs, dtype=np.float64)
    if closed:
        padded = np.concatenate((knots[-1:], knots, knots[:2]))
    else:
        padded = np.concatenate((knots[:1], knots, knots[-1:]))
    steps = np.linspace(0.0, 1.0, CURVE_STEPS, endpoint=False)[:, None]
    pieces = [_segment(padded[i : i + 4], steps) for i in range(len(padded) - 3)]
    if not closed:
        pieces.append(knots[-1:])
    return np.concatenate(pieces)


def _segment(knots: Points, t: Points) -> Points:
    before, start, end, after = knots
    return np.asarray(
        0.5
        * (
            2 * start
            + (end - before) * t
            + (2 * before - 5 * start + 4 * end - after) * t**2
            + (3 * start - before - 3 * end + after) * t**3
        )
    )


def turned(cx: float, profile: Sequence[Point], sag: float = 0.0) -> Points:
    """The outline of a turned body.

    Args:
        cx: The axis.
        profile: (half width, y) pairs from the top down.
        sag: Height of the rounded bottom edge as a share of the bottom half width.
    """
    side = curve(profile)
    right = np.column_stack((cx + side[:, 0], side[:, 1]))
    left = np.column_stack((cx - side[:, 0], side[:, 1]))[::-1]
    half_width, bottom = profile[-1]
    floor = arc(cx, bottom, half_width, half_width * sag, 0.0, 180.0)
    return np.concatenate((right, floor, left))


def tumbler(cx: float, top: float, bottom: float, rim: float, base: float, sag: float) -> Points:
    """A straight-sided cup outline with round bottom edge."""
    floor = arc(cx, bottom, base, base * sag, 0.0, 180.0)
    return np.concatenate((points((cx + rim, top)), floor, points((cx - rim, top))))


def moved(outline: Points, dx: float, dy: float) -> Points:
    """The outline shifted."""
    return np.asarray(outline + np.array([dx, dy]))


def mirrored(outline: Points, axis: float = 0.5) -> Points:
    """The outline reflected at a vertical axis."""
    return np.column_stack((2 * axis - outline[:, 0], outline[:, 1]))


def symmetric(right_side: Points, axis: float = 0.5) -> Points:
    """A closed outline from its right half, given from top to bottom."""
    return np.concatenate((right_side, mirrored(right_side, axis)[::-1]))


def rotated(outline: Points, degrees: float, cx: float = 0.5, cy: float = 0.5) -> Points:
    """The outline turned clockwise about a centre."""
    angle = math.radians(degrees)
    matrix = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    centre = np.array([cx, cy])
    return np.asarray((outline - centre) @ matrix + centre)
