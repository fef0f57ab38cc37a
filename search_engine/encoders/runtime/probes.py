"""Synthetic pictures to compare runtimes with, made by a formula and the same everywhere.

They are pale things on white, as is common in catalogs. Such a picture causes small activations, so
rounding moves its embedding several times as far as that of a colourful one: a runtime that is
close enough on these is closer on others.
"""

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Pixels

COUNT = 24
SHAPES = 4
"""Shapes in a picture."""


def probe_pictures(side_px: int) -> Pixels:
    """Draw `COUNT` pictures, shape (COUNT, side_px, side_px, 3)."""
    random = np.random.default_rng(3)
    down, across = np.mgrid[0:side_px, 0:side_px] / side_px - 0.5
    made = [_picture(random, across, down) for _ in range(COUNT)]
    return np.clip(made, 0, 255).astype(np.uint8)


def _picture(
    random: np.random.Generator, across: NDArray[np.float64], down: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draw shaded and striped ellipses and rounded boxes of one colour on a lit background."""
    white = random.uniform(232, 250) + random.normal(0, 3, 3)
    picture = white - 14 * random.uniform(0, 2) * (across**2 + down**2)[..., None]
    colour = random.uniform(200, 245, 3)
    for _ in range(SHAPES):
        x, y = random.uniform(-0.2, 0.2, 2)
        width, height = random.uniform(0.08, 0.35, 2)
        turn, roundness = random.uniform(0, np.pi), random.choice([2.0, 8.0])
        u = (across - x) * np.cos(turn) + (down - y) * np.sin(turn)
        v = (down - y) * np.cos(turn) - (across - x) * np.sin(turn)
        inside = np.abs(u / width) ** roundness + np.abs(v / height) ** roundness < 1
        stripes = random.uniform(0, 20) * np.sin(u[inside] * random.uniform(10, 120))
        picture[inside] = colour + (random.normal(0, 15) - 40 * v[inside] + stripes)[:, None]
    return picture
