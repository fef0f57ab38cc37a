"""A transparent canvas on which a product is drawn part by part, with smooth edges.

Masks are made at twice the canvas size and the canvas itself is larger than any picture, so
what comes out is anti-aliased twice. Coordinates are those of `geometry`: the unit square.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from data.sample_catalog.geometry import Point, Points, ellipse
from data.sample_catalog.palette import Color
from data.sample_catalog.patterns import PATTERNS, Field
from data.sample_catalog.shading import MATTE, Finish, Light, across_rows, lit

CANVAS_PX: Final = 640
OVERSAMPLING: Final = 2
OPAQUE: Final = 255
STROKE_STEP: Final = 0.3  # closest corners of a line, in line widths; closer ones look jagged

Mask = Image.Image
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Paint:
    """A base colour, and a pattern of an accent colour over it."""

    base: Color
    accent: Color = (255, 255, 255)
    pattern: str = "plain"
    scale: float = 1.0


class Canvas:
    """Collects painted parts; `image` is the drawing so far, RGBA."""

    def __init__(self, light: Light) -> None:
        self.light = light
        self.image = Image.new("RGBA", (CANVAS_PX, CANVAS_PX))

    def paint(
        self, mask: Mask, paint: Paint | Color, finish: Finish = MATTE, opacity: float = 1.0
    ) -> None:
        """Lay a coloured, lit part over the drawing."""
        area = mask.getbbox()
        if area is None:
            return
        cover = mask.crop(area)
        pixels = np.asarray(cover)
        coat = paint if isinstance(paint, Paint) else Paint(paint)
        rgb = _coat(coat, pixels, area, finish)
        if finish.form != "flat":
            rgb = lit(rgb, pixels, finish, self.light, CANVAS_PX)
        layer = Image.fromarray(np.clip(rgb + 0.5, 0, 255).astype(np.uint8)).convert("RGBA")
        layer.putalpha(cover if opacity >= 1.0 else cover.point(lambda v: int(v * opacity)))
        self._lay(layer, area)

    def fill(
        self, outline: Points, paint: Paint | Color, finish: Finish = MATTE, opacity: float = 1.0
    ) -> None:
        """Paint the inside of an outline."""
        self.paint(polygon(outline), paint, finish, opacity)

    def line(
        self, path: Points, width: float, paint: Paint | Color, finish: Finish = MATTE
    ) -> None:
        """Paint a round-ended line of the given width."""
        self.paint(stroke(path, width), paint, finish)

    def soft(self, mask: Mask, color: Color, opacity: float, blur: float) -> None:
        """Lay a blurred tint on what is already drawn: creases, shadows, gleams."""
        touched = mask.getbbox()
        if touched is None:
            return
        area = _grown(touched, int(2.5 * blur * CANVAS_PX) + 1)
        blurred = mask.crop(area).filter(ImageFilter.GaussianBlur(blur * CANVAS_PX))
        inside = ImageChops.multiply(blurred, self.image.getchannel("A").crop(area))
        layer = Image.new("RGBA", (area[2] - area[0], area[3] - area[1]), (*color, 0))
        layer.putalpha(inside.point(lambda v: int(v * opacity)))
        self._lay(layer, area)

    def crease(self, path: Points, width: float = 0.012, opacity: float = 0.22) -> None:
        """A soft fold: dark on one side, light on the other."""
        self.soft(stroke(path, width), (16, 14, 30), opacity, width)
        beside = path + np.array([width, width * 0.4])
        self.soft(stroke(beside, width * 0.7), (255, 255, 255), opacity * 0.7, width * 0.8)

    def _lay(self, layer: Image.Image, area: Box) -> None:
        self.image.alpha_composite(layer, dest=(area[0], area[1]))


def _coat(paint: Paint, pixels: np.ndarray, area: Box, finish: Finish) -> Field:
    height, width = pixels.shape
    base = np.array(paint.base, dtype=np.float32)
    if paint.pattern == "plain":
        return np.broadcast_to(base, (height, width, 3)).astype(np.float32)
    x = np.arange(width, dtype=np.float32)[None, :].repeat(height, axis=0) - width / 2
    y = np.arange(height, dtype=np.float32)[:, None].repeat(width, axis=1) - height / 2
    if finish.form == "turned":
        x = np.arcsin(across_rows(pixels) * 0.98) * (width / 2)
    step = 1.0 / (CANVAS_PX * paint.scale)
    weight = PATTERNS[paint.pattern]((x * step).astype(np.float32), (y * step).astype(np.float32))
    accent = np.array(paint.accent, dtype=np.float32)
    return (base + (accent - base) * weight[..., None]).astype(np.float32)


def polygon(outline: Points) -> Mask:
    """The mask of a closed outline."""
    return _raster(outline, 0.0)


def stroke(path: Points, width: float) -> Mask:
    """The mask of an open line with round ends."""
    return _raster(path, width)


def disc(cx: float, cy: float, radius: float) -> Mask:
    """The mask of a circle."""
    return polygon(ellipse(cx, cy, radius, radius))


def join(*masks: Mask) -> Mask:
    """What any of the masks covers."""
    whole = masks[0]
    for mask in masks[1:]:
        whole = ImageChops.lighter(whole, mask)
    return whole


def cut(mask: Mask, hole: Mask) -> Mask:
    """The mask without the hole."""
    return ImageChops.subtract(mask, hole)


def both(first: Mask, second: Mask) -> Mask:
    """What both masks cover."""
    return ImageChops.multiply(first, second)


def _grown(area: Box, margin: int) -> Box:
    left, top, right, bottom = area
    return (
        max(left - margin, 0),
        max(top - margin, 0),
        min(right + margin, CANVAS_PX),
        min(bottom + margin, CANVAS_PX),
    )


def _raster(path: Points, width: float) -> Mask:
    reach = width / 2 + 2.0 / CANVAS_PX
    low = np.clip(np.floor((path.min(axis=0) - reach) * CANVAS_PX), 0, CANVAS_PX).astype(int)
    high = np.clip(np.ceil((path.max(axis=0) + reach) * CANVAS_PX), 0, CANVAS_PX).astype(int)
    size = np.maximum(high - low, 1)
    tile = Image.new("L", (int(size[0]) * OVERSAMPLING, int(size[1]) * OVERSAMPLING))
    moved = (path * CANVAS_PX - low) * OVERSAMPLING
    _draw(ImageDraw.Draw(tile), moved, width * CANVAS_PX * OVERSAMPLING)
    mask = Image.new("L", (CANVAS_PX, CANVAS_PX))
    mask.paste(tile.reduce(OVERSAMPLING), (int(low[0]), int(low[1])))
    return mask


def _draw(pen: ImageDraw.ImageDraw, path: Points, width_px: float) -> None:
    corners = [(float(x), float(y)) for x, y in path]
    if width_px == 0.0:
        pen.polygon(corners, fill=OPAQUE)
        return
    corners = _thinned(corners, width_px * STROKE_STEP)
    pen.line(corners, fill=OPAQUE, width=max(round(width_px), 1), joint="curve")
    radius = width_px / 2
    for x, y in (corners[0], corners[-1]):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=OPAQUE)


def _thinned(corners: list[Point], gap_px: float) -> list[Point]:
    """The corners without those too near the one before; both ends stay."""
    kept = corners[:1]
    for corner in corners[1:-1]:
        if math.dist(corner, kept[-1]) >= gap_px:
            kept.append(corner)
    return [*kept, corners[-1]]
