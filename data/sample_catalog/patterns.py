"""Surface patterns: how much of the accent colour shows at each place of a surface.

A pattern maps surface coordinates (in canvas widths, any shape) to weights from 0 (base
colour) to 1 (accent colour), with edges soft enough to need no further smoothing.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Pattern = Callable[[Field, Field], Field]

EDGE: Final = 0.06
STRIPES_PER_WIDTH: Final = 15.0
PINSTRIPES_PER_WIDTH: Final = 28.0
DOTS_PER_WIDTH: Final = 17.0
CHECKS_PER_WIDTH: Final = 11.0
ZIGZAGS_PER_WIDTH: Final = 13.0
FLOWERS_PER_WIDTH: Final = 9.0


def _soft_step(value: Field) -> Field:
    return np.asarray(np.clip(value / EDGE + 0.5, 0.0, 1.0), dtype=np.float32)


def _wave(value: Field) -> Field:
    """A triangle wave of period 1 between -0.5 and 0.5."""
    return np.asarray(2.0 * np.abs(value - np.floor(value) - 0.5) - 0.5, dtype=np.float32)


def plain(x: Field, y: Field) -> Field:
    """The base colour only."""
    return np.zeros_like(x)


def stripes(x: Field, y: Field) -> Field:
    """Horizontal bands."""
    return _soft_step(_wave(y * STRIPES_PER_WIDTH) - 0.04)


def pinstripes(x: Field, y: Field) -> Field:
    """Thin vertical lines."""
    return _soft_step(_wave(x * PINSTRIPES_PER_WIDTH) - 0.24)


def dots(x: Field, y: Field) -> Field:
    """Round dots, every second row shifted by half a step."""
    row = np.floor(y * DOTS_PER_WIDTH)
    across = x * DOTS_PER_WIDTH + 0.5 * (row % 2)
    dx = across - np.floor(across) - 0.5
    dy = y * DOTS_PER_WIDTH - row - 0.5
    return _soft_step((0.29 - np.sqrt(dx * dx + dy * dy)).astype(np.float32))


def checks(x: Field, y: Field) -> Field:
    """Gingham: crossing half-strength bands."""
    across = _soft_step(_wave(x * CHECKS_PER_WIDTH))
    down = _soft_step(_wave(y * CHECKS_PER_WIDTH))
    return np.asarray(0.5 * (across + down), dtype=np.float32)


def zigzag(x: Field, y: Field) -> Field:
    """Chevron bands."""
    shift = 0.8 * np.abs(_wave(x * ZIGZAGS_PER_WIDTH) * 2.0)
    return _soft_step(_wave((y * ZIGZAGS_PER_WIDTH + shift).astype(np.float32)) - 0.05)


def flowers(x: Field, y: Field) -> Field:
    """Five-petal blossoms in shifted rows."""
    row = np.floor(y * FLOWERS_PER_WIDTH)
    across = x * FLOWERS_PER_WIDTH + 0.5 * (row % 2)
    dx = across - np.floor(across) - 0.5
    dy = y * FLOWERS_PER_WIDTH - row - 0.5
    radius = np.sqrt(dx * dx + dy * dy)
    petal = 0.24 + 0.11 * np.cos(5.0 * np.arctan2(dy, dx) + row)
    heart = np.clip((radius - 0.08) / EDGE, 0.15, 1.0)
    return np.asarray(_soft_step((petal - radius).astype(np.float32)) * heart, dtype=np.float32)


def wood(x: Field, y: Field) -> Field:
    """Fine grain along y."""
    drift = 0.012 * np.sin(y * 17.0) + 0.006 * np.sin(y * 41.0 + x * 30.0)
    lines = 0.5 + 0.5 * np.sin((x + drift) * 260.0)
    broad = 0.5 + 0.5 * np.sin((x + 2.0 * drift) * 61.0 + 1.3)
    return np.asarray(0.45 * lines * broad + 0.25 * broad, dtype=np.float32)


def melange(x: Field, y: Field) -> Field:
    """A fine knitted weave."""
    weave = np.sin(x * 520.0 + np.sin(y * 90.0)) * np.sin(y * 430.0 + np.sin(x * 70.0))
    return np.asarray(0.14 + 0.14 * weave, dtype=np.float32)


PATTERNS: Final[dict[str, Pattern]] = {
    "plain": plain,
    "stripes": stripes,
    "pinstripes": pinstripes,
    "dots": dots,
    "checks": checks,
    "zigzag": zigzag,
    "flowers": flowers,
    "wood": wood,
    "melange": melange,
}

ADJECTIVES: Final[dict[str, str]] = {
    "plain": "",
    "stripes": "striped",
    "pinstripes": "pinstriped",
    "dots": "dotted",
    "checks": "checked",
    "zigzag": "zigzag",
    "flowers": "floral",
    "wood": "",
    "melange": "heathered",
    "panels": "two-tone",
}
