"""Dominant colours of pictures: which, and how much of the picture each takes.

Colours are compared in CIELAB (CIE 15:2004, D65), where distances are about those that people see.
A plain ground around a thing, as in product photos, does not count, and the middle of a picture
counts more than its edges.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_COLORS = 6
PACKED_BYTES = 4 * MOST_COLORS
"""Of a packed palette: red, green, blue and share of 255 a colour, most first, then zeros."""

SAMPLED_PX = 32
"""So many pixels along the long side are looked at. None is a mean of others, as these would be
colours that a pattern does not have."""

GROUND_REACH = np.array([[-20.0, -6.0, -6.0], [8.0, 6.0, 6.0]], dtype=np.float32)
"""How far a pixel may be from the ground that it belongs to, in CIELAB, downwards and upwards: its
shadows are darker."""
GROUND_SHARE = 0.6
"""Share of the edge that has one colour where there is a ground."""
LEAST_THING = 0.03
"""A thing covers this share at least; where less differs from the ground, that is the picture."""
MIDDLE_SPREAD = 0.45
"""Standard deviation of the weight around the middle, relative to the sides."""

CELL_BITS = 4
CELLS = 1 << 3 * CELL_BITS
"""Colours are counted by the first bits of each channel before they are clustered."""
ROUNDS = 3
SAME_DISTANCE = 12.0
"""Clusters that are nearer are one colour."""
LEAST_SHARE = 0.03

Floats = NDArray[np.float64]
Lab = NDArray[np.float32]
"""Colours (N, 3): lightness 0 to 100, then green to red and blue to yellow."""


class Swatch(NamedTuple):
    """A colour of a picture, sRGB, and its share, 0 to 1."""

    rgb: tuple[int, int, int]
    share: float

    @property
    def hex(self) -> str:
        """The colour as `#rrggbb`."""
        return "#" + bytes(self.rgb).hex()


def packed_palette(image: Image.Image) -> bytes:
    """The dominant colours of an RGB picture, packed.

    As many as it has: weighted k-means (MacQueen, 1967) from six seeds, far from each other;
    clusters that look the same are joined, and small ones left out.
    """
    scale = min(1.0, SAMPLED_PX / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.NEAREST))
    lab = lab_of(pixels)
    weights = _weights(lab).ravel()
    counted = weights.nonzero()[0]
    colors = pixels.reshape(-1, 3)[counted]
    return _pack(*_joined(*_clusters(lab.reshape(-1, 3)[counted], colors, weights[counted])))


def swatches(packed: bytes) -> tuple[Swatch, ...]:
    """The colours of a packed palette, most first."""
    rows = np.frombuffer(packed, dtype=np.uint8).reshape(-1, 4).tolist()
    return tuple(Swatch((r, g, b), share / 255) for r, g, b, share in rows if share)


def lab_of(rgb: NDArray[np.generic]) -> Lab:
    """sRGB colours (..., 3) of 0 to 255 in CIELAB."""
    linear = _LINEAR[np.asarray(rgb, dtype=np.uint8)]
    ratio = linear @ _TO_XYZ
    curved = np.where(ratio > _KNEE, np.cbrt(ratio), ratio * _SLOPE + 16 / 116)
    x, y, z = curved[..., 0], curved[..., 1], curved[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def distances(one: Lab, other: Lab) -> NDArray[np.float32]:
    """Distances (N, M) between colours (N, 3) and (M, 3); 2 is just seen, 100 is black to white."""
    return np.asarray(np.linalg.norm(one[:, None] - other[None], axis=-1))


def _weights(lab: Lab) -> NDArray[np.float32]:
    """How much each pixel (H, W) counts: more in the middle, not at all on the ground."""
    weights = _middle_weights(*lab.shape[:2])
    ground = _ground(lab)
    if ground is None or np.count_nonzero(ground) > (1 - LEAST_THING) * ground.size:
        return weights
    return np.where(ground, np.float32(0), weights)


@lru_cache(64)
def _middle_weights(height: int, width: int) -> NDArray[np.float32]:
    rows, columns = (
        np.exp(-(((np.arange(side) + 0.5) / side - 0.5) ** 2) / (2 * MIDDLE_SPREAD**2))
        for side in (height, width)
    )
    return np.asarray(rows[:, None] * columns, dtype=np.float32)


def _ground(lab: Lab) -> NDArray[np.bool_] | None:
    """The pixels (H, W) of a plain ground, in a straight line from an edge; None without one."""
    edge = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    middle = np.sort(edge, axis=0)[len(edge) // 2]
    if np.count_nonzero(_are_near(edge, middle)) < GROUND_SHARE * len(edge):
        return None
    same = _are_near(lab, middle)
    seen: NDArray[np.bool_] = np.zeros_like(same)
    for turned, back in _EDGES:
        seen |= back(np.logical_and.accumulate(turned(same), axis=0))
    return seen


def _are_near(lab: Lab, ground: Lab) -> NDArray[np.bool_]:
    low, high = ground + GROUND_REACH
    return np.asarray(((lab >= low) & (lab <= high)).all(axis=-1))


def _clusters(
    lab: Lab, colors: NDArray[np.uint8], weights: NDArray[np.float32]
) -> tuple[Floats, Floats]:
    """Colours (K, 3) in RGB of clusters of weighted pixels (P, 3), and their weights (K,)."""
    centres = _seeds(colors, weights)
    points = np.empty((len(lab), 7))
    points[:, :3], points[:, 3:6], points[:, 6] = lab, colors, 1
    points *= weights[:, None]
    for _ in range(ROUNDS):
        nearest = (lab @ centres.T - (centres**2).sum(axis=1) / 2).argmax(axis=1)
        sums = np.equal.outer(np.arange(len(centres)), nearest).astype(np.float64) @ points
        sums = sums[sums[:, 6] > 0]
        means = sums[:, :6] / sums[:, 6:]
        centres = means[:, :3].astype(np.float32)
    return means[:, 3:], sums[:, 6]


def _seeds(colors: NDArray[np.uint8], weights: NDArray[np.float32]) -> Lab:
    """The heaviest cell of RGB space, then each time the one that is heavy and far from those
    before; their middles in CIELAB."""
    totals = np.bincount((colors >> 8 - CELL_BITS) @ _CELL_STEPS, weights, CELLS)
    filled = totals.nonzero()[0]
    heavy, lab = totals[filled], cell_middles(CELL_BITS)[filled]
    chosen = [int(heavy.argmax())]
    far = ((lab - lab[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(MOST_COLORS, len(lab)):
        chosen.append(int((heavy * far).argmax()))
        far = np.minimum(far, ((lab - lab[chosen[-1]]) ** 2).sum(axis=1))
    return lab[chosen]


@lru_cache(2)
def cell_middles(bits: int) -> Lab:
    """The middles of the cells of RGB space by the first bits of each channel, in their order."""
    levels = (np.arange(1 << bits) << 8 - bits) + (1 << 7 - bits)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return lab_of(grid.reshape(-1, 3))


def _joined(colors: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Clusters that look the same as one, each with the heaviest that it is near."""
    order = np.argsort(-weights, kind="stable")
    colors, weights = colors[order], weights[order]
    lab = lab_of(colors)
    near = distances(lab, lab) < SAME_DISTANCE
    first = near.argmax(axis=1)
    while not np.array_equal(first, first[first]):
        first = first[first]
    members = np.equal.outer(np.unique(first), first)
    totals = members @ weights
    return (members * weights) @ colors / totals[:, None], totals


def _pack(colors: Floats, weights: Floats) -> bytes:
    order = np.argsort(-weights, kind="stable")[:MOST_COLORS]
    shares = weights[order] / weights.sum()
    kept = order[shares >= LEAST_SHARE]
    shares = weights[kept] / weights[kept].sum()
    rows = np.zeros((MOST_COLORS, 4), dtype=np.uint8)
    rows[: len(kept), :3] = np.round(colors[kept])
    rows[: len(kept), 3] = np.maximum(1, np.round(shares * 255))
    return rows.tobytes()


_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)
"""Levels of sRGB as shares of light (IEC 61966-2-1)."""
_TO_XYZ = (
    np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    / np.array([[0.95047], [1.0], [1.08883]])
).T.astype(np.float32)
"""From linear sRGB to XYZ as shares of the white of D65."""
_KNEE, _SLOPE = 216 / 24389, 24389 / 27 / 116
_CELL_STEPS = np.array([1 << 2 * CELL_BITS, 1 << CELL_BITS, 1])
_EDGES: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = (
    (lambda rows: rows, lambda rows: rows),
    (np.flipud, np.flipud),
    (np.transpose, np.transpose),
    (lambda rows: rows.T[::-1], lambda rows: rows[::-1].T),
)
"""What brings each edge to the top, and back."""
