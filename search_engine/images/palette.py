"""Dominant colours of pictures: which, and how much of the picture each takes.

Colours are compared in CIELAB (CIE 15:2004, D65), where distances are about those that people see.
A plain ground around a thing, as in product photos, does not count, and the middle of a picture
counts more than its edges.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_COLORS = 6
PACKED_BYTES = 4 * MOST_COLORS
"""Of a packed palette: red, green, blue and share of 255 a colour, most first, then zeros."""

SAMPLE_PX = 32
"""So many pixels a side are looked at. None is a mean of others, as these would be colours that a
pattern does not have."""

GROUND_REACH = np.array([[-20.0, -6.0, -6.0], [8.0, 6.0, 6.0]], dtype=np.float32)
"""How far a pixel may be from the ground that it belongs to, in CIELAB, downwards and upwards: its
shadows are darker."""
GROUND_SHARE = 0.6
"""Share of the edge that has one colour where there is a ground."""
LEAST_THING = 0.03
"""A thing covers this share at least; where less differs from the ground, that is the picture."""
MIDDLE_SPREAD = 0.45
"""Standard deviation of the weight around the middle, relative to the sides."""

CELL_BITS = 3
CELLS = 1 << 3 * CELL_BITS
"""Seeds of clusters are the middles of cells by the first bits of each channel."""
ROUNDS = 3
SAME_DISTANCE = 15.0
"""Clusters that are nearer are one colour."""
LEAST_SHARE = 0.03

Samples = NDArray[np.uint8]
"""Pixels of N pictures, (N, 32, 32, 3), RGB."""
Floats = NDArray[np.float32]
Lab = NDArray[np.float32]
"""Colours (..., 3): lightness 0 to 100, then green to red and blue to yellow."""


class Swatch(NamedTuple):
    """A colour of a picture, sRGB, and its share, 0 to 1."""

    rgb: tuple[int, int, int]
    share: float

    @property
    def hex(self) -> str:
        """The colour as `#rrggbb`."""
        return "#" + bytes(self.rgb).hex()


def sample(image: Image.Image) -> Samples:
    """The pixels (1, 32, 32, 3) of an RGB picture that are looked at, of any shape."""
    return np.asarray(image.resize((SAMPLE_PX, SAMPLE_PX), Image.Resampling.NEAREST))[None]


def packed_palettes(samples: Samples) -> list[bytes]:
    """The dominant colours of pictures, packed; many at a time as that takes a third of the time.

    As many as a picture has: weighted k-means (MacQueen, 1967) from six seeds, far from each other;
    clusters that look the same are joined, and small ones left out.
    """
    lab = lab_of(samples)
    weights = _weights(lab).reshape(len(lab), -1)
    pixels = samples.reshape(len(samples), -1, 3)
    return _packed(*_joined(*_clusters(lab.reshape(len(lab), -1, 3), pixels, weights)))


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


def _weights(lab: Lab) -> Floats:
    """How much each pixel (N, H, W) counts: more in the middle, not at all on the ground."""
    ground = _ground(lab)
    thing = 1 - ground.mean(axis=(1, 2))
    ground[thing < LEAST_THING] = False
    return np.where(ground, np.float32(0), _MIDDLE)


def _ground(lab: Lab) -> NDArray[np.bool_]:
    """The pixels (N, H, W) of plain grounds, in a straight line from an edge."""
    edges = np.concatenate([lab[:, 0], lab[:, -1], lab[:, :, 0], lab[:, :, -1]], axis=1)
    middle = np.sort(edges, axis=1)[:, edges.shape[1] // 2]
    plain = _are_near(edges, middle[:, None]).mean(axis=1) >= GROUND_SHARE
    seen: NDArray[np.bool_] = np.zeros(lab.shape[:3], dtype=np.bool_)
    if plain.any():
        same = _are_near(lab, middle[:, None, None])
        for axis in (1, 2):
            seen |= np.logical_and.accumulate(same, axis=axis)
            back = np.flip(same, axis=axis)
            seen |= np.flip(np.logical_and.accumulate(back, axis=axis), axis=axis)
        seen[~plain] = False
    return seen


def _are_near(lab: Lab, ground: Lab) -> NDArray[np.bool_]:
    away = lab - ground
    return np.asarray(((away >= GROUND_REACH[0]) & (away <= GROUND_REACH[1])).all(axis=-1))


def _clusters(lab: Lab, colors: NDArray[np.uint8], weights: Floats) -> tuple[Floats, Floats]:
    """Colours (N, K, 3) in RGB of clusters of weighted pixels (N, P, 3), and their weights (N, K).

    A cluster without pixels has the weight 0.
    """
    centres = _seeds(colors, weights)
    points = np.concatenate([lab, colors, np.ones_like(lab[..., :1])], axis=-1)
    points = (points * weights[..., None]).astype(np.float32)
    across = np.ascontiguousarray(lab.transpose(0, 2, 1))
    for _ in range(ROUNDS):
        near = centres @ across - (centres**2).sum(axis=2)[..., None] / 2
        sums = _members(near) @ points
        totals = sums[..., 6:]
        means = sums[..., :6] / np.maximum(totals, _LITTLE)
        centres = np.where(totals > 0, means[..., :3], centres)
    return means[..., 3:], totals[..., 0]


def _members(near: Floats) -> Floats:
    """1 where a pixel is nearest to a centre, (N, K, P), to the first of those equally near.

    `argmax` along so short an axis takes several times as long.
    """
    members: Floats = (near == near.max(axis=1, keepdims=True)).astype(np.float32)
    left = 1 - members[:, 0]
    for number in range(1, near.shape[1]):
        members[:, number] *= left
        left -= members[:, number]
    return members


def _seeds(colors: NDArray[np.uint8], weights: Floats) -> Lab:
    """The middles (N, K, 3) of the heaviest cell of each picture, and of those that are heavy and
    far from the ones before."""
    count = len(colors)
    red, green, blue = np.moveaxis((colors >> 8 - CELL_BITS).astype(np.int64), -1, 0)
    cells = ((red << CELL_BITS | green) << CELL_BITS | blue) + np.arange(count)[:, None] * CELLS
    heavy = np.bincount(cells.ravel(), weights.ravel(), count * CELLS).reshape(count, CELLS)
    apart = _cells_apart()
    chosen = [heavy.argmax(axis=1)]
    far = np.full((count, CELLS), np.inf, dtype=np.float32)
    for _ in range(MOST_COLORS - 1):
        far = np.minimum(far, apart[chosen[-1]])
        chosen.append((heavy * far).argmax(axis=1))
    return np.asarray(cell_middles(CELL_BITS)[np.stack(chosen, axis=1)])


@lru_cache(1)
def _cells_apart() -> Floats:
    """Squares of the distances between the middles of cells, (CELLS, CELLS)."""
    middles = cell_middles(CELL_BITS)
    return np.asarray(((middles[:, None] - middles) ** 2).sum(axis=2))


@lru_cache(2)
def cell_middles(bits: int) -> Lab:
    """The middles of the cells of RGB space by the first bits of each channel, in their order."""
    levels = (np.arange(1 << bits) << 8 - bits) + (1 << 7 - bits)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return lab_of(grid.reshape(-1, 3))


def _joined(colors: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Clusters that look the same as one, each with the heaviest that it is near."""
    order = np.argsort(-weights, axis=1, kind="stable")
    weights = np.take_along_axis(weights, order, axis=1)
    colors = np.take_along_axis(colors, order[..., None], axis=1)
    lab = lab_of(colors)
    apart = ((lab[:, :, None] - lab[:, None]) ** 2).sum(axis=3)
    first = (apart < SAME_DISTANCE**2).argmax(axis=2)
    for _ in range(MOST_COLORS // 2):  # what is near one that is near another goes there too
        first = np.take_along_axis(first, first, axis=1)
    members = (first[:, None] == np.arange(MOST_COLORS)[:, None]) * weights[:, None]
    totals = members.sum(axis=2)
    return members @ colors / np.maximum(totals, _LITTLE)[..., None], totals


def _packed(colors: Floats, weights: Floats) -> list[bytes]:
    shares = weights / weights.sum(axis=1, keepdims=True)
    shares[shares < LEAST_SHARE] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    order = np.argsort(-shares, axis=1, kind="stable")
    shares = np.take_along_axis(shares, order, axis=1)
    rows = np.zeros((*shares.shape, 4), dtype=np.uint8)
    rows[..., :3] = np.round(np.take_along_axis(colors, order[..., None], axis=1))
    rows[..., 3] = np.round(shares * 255)
    rows[rows[..., 3] == 0] = 0
    return [row.tobytes() for row in rows]


_LITTLE = np.float32(1e-9)
_ACROSS = np.exp(-(((np.arange(SAMPLE_PX) + 0.5) / SAMPLE_PX - 0.5) ** 2) / (2 * MIDDLE_SPREAD**2))
_MIDDLE = (_ACROSS[:, None] * _ACROSS).astype(np.float32)
"""What each pixel counts without a ground."""
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
