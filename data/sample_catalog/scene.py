"""Puts a drawn product into a frame, and catalog products on their clean backgrounds."""

import math
import random
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from data.sample_catalog.canvas import Canvas
from data.sample_catalog.geometry import Point
from data.sample_catalog.looks import Pose
from data.sample_catalog.palette import Color
from data.sample_catalog.plan import Picture, Product

Area = tuple[int, int, int, int]

PICTURE_PX: Final = 400
FRAME_SHARE: Final = 0.8
FRAME_OVERSAMPLING: Final = 2
YAW_PERSPECTIVE: Final = 0.10
YAW_NARROWING: Final = 0.16
SHADOW_FLATNESS: Final = 0.2
SHADOW_LEAN: Final = 0.9
SHADOW_COLOR: Final[Color] = (46, 42, 52)

BACKGROUNDS: Final[tuple[Color, ...]] = (
    (250, 249, 247),
    (246, 245, 242),
    (243, 245, 247),
    (248, 244, 238),
    (240, 243, 240),
    (247, 241, 240),
)


def draw_product(product: Product, pose: Pose) -> Image.Image:
    """The product alone, RGBA, cropped to what is drawn."""
    canvas = Canvas(pose.light)
    product.kind.draw(canvas, product.look(pose))
    return canvas.image.crop(canvas.image.getbbox())


def place(drawing: Image.Image, pose: Pose, size: tuple[int, int], center: Point,
          share: float) -> Image.Image:  # fmt: skip
    """A transparent frame of the given size with the drawing posed in it.

    Args:
        drawing: The cropped product.
        pose: Its yaw, roll, mirroring and zoom.
        size: Frame width and height in pixels.
        center: Where the middle of the product comes, as shares of the frame.
        share: The product's longest side as a share of the frame's shortest.
    """
    source = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if pose.mirror else drawing
    corners = _posed_corners(source.size, share * min(size) * pose.zoom, pose)
    corners += np.array([center[0] * size[0], center[1] * size[1]])
    low = np.clip(np.floor(corners.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, size).astype(int)
    wide, tall = (int(length) for length in np.maximum(high - low, 1) * FRAME_OVERSAMPLING)
    coefficients = _perspective((corners - low) * FRAME_OVERSAMPLING, source.size)
    seen = source.transform(
        (wide, tall), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR
    )
    frame = Image.new("RGBA", size)
    frame.paste(seen.reduce(FRAME_OVERSAMPLING), (int(low[0]), int(low[1])))
    return frame


def _posed_corners(size: tuple[int, int], longest: float, pose: Pose) -> NDArray[np.float64]:
    """The drawing's corners about the origin: top left, top right, bottom right, bottom left."""
    scale = longest / max(size)
    half_w = size[0] * scale / 2 * (1 - YAW_NARROWING * abs(pose.yaw))
    half_h = size[1] * scale / 2
    slant = YAW_PERSPECTIVE * pose.yaw * min(1.0, half_w / half_h)
    left, right = half_h * (1 + slant), half_h * (1 - slant)
    corners = np.array([(-half_w, -left), (half_w, -right), (half_w, right), (-half_w, left)])
    angle = math.radians(pose.roll_degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray(corners @ turn)


def _perspective(corners: NDArray[np.float64], size: tuple[int, int]) -> list[float]:
    """Pillow's eight coefficients that map the frame's corners back to the drawing's."""
    wide, high = size
    targets = ((0, 0), (wide, 0), (wide, high), (0, high))
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, targets, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        values += [u, v]
    solved = np.linalg.solve(np.array(rows), np.array(values, dtype=np.float64))
    return [float(value) for value in solved]


def shadow(alpha: Image.Image, stance: str, to_right: float) -> Image.Image:
    """The shadow mask of a placed product: cast on the floor, or close behind it."""
    area = alpha.getbbox()
    if area is None:
        return alpha
    unit = min(alpha.size) / PICTURE_PX
    if stance == "lying":
        near = ImageChops.offset(alpha, round(4 * to_right * unit), round(6 * unit))
        near = near.filter(ImageFilter.GaussianBlur(5 * unit)).point(lambda v: int(v * 0.34))
        wide = ImageChops.offset(alpha, round(9 * to_right * unit), round(14 * unit))
        wide = wide.filter(ImageFilter.GaussianBlur(14 * unit)).point(lambda v: int(v * 0.22))
        return ImageChops.lighter(near, wide)
    return _floor_shadow(alpha, area, to_right, unit)


def _floor_shadow(alpha: Image.Image, area: Area, to_right: float, unit: float) -> Image.Image:
    cast = _cast(alpha, area, SHADOW_LEAN * to_right, round(4 * unit))
    cast = cast.filter(ImageFilter.GaussianBlur(7 * unit)).point(lambda v: int(v * 0.3))
    left, top, right, bottom = area
    touch_high = max(round((bottom - top) * 0.07), 3)
    foot = alpha.crop((left, bottom - touch_high, right, bottom))
    touch = Image.new("L", alpha.size)
    foot = foot.resize((right - left, max(touch_high // 2, 2)))
    touch.paste(foot, (left, bottom - touch_high // 3))
    touch = touch.filter(ImageFilter.GaussianBlur(3.5 * unit)).point(lambda v: int(v * 0.6))
    return ImageChops.lighter(cast, touch)


def _cast(alpha: Image.Image, area: Area, lean: float, drop_px: int) -> Image.Image:
    """The outline laid flat on the floor behind the product, slanting away from the light."""
    left, top, right, bottom = area
    high = max(round((bottom - top) * SHADOW_FLATNESS), 2)
    flat = alpha.crop(area).resize((right - left, high))
    room = round(abs(lean) * high)
    shift = room if lean < 0 else 0
    slant = (1, lean, -shift - lean * high, 0, 1, 0)
    slanted = flat.transform((right - left + room, high), Image.Transform.AFFINE, slant)
    cast = Image.new("L", alpha.size)
    cast.paste(slanted, (left - shift, bottom - high + drop_px))
    return cast


def compose(backdrop: Image.Image, placed: Image.Image, stance: str, to_right: float,
            depth: float = 1.0) -> Image.Image:  # fmt: skip
    """The placed product with its shadow on a backdrop of the same size; a fresh RGB image."""
    picture = backdrop.copy()
    mask = shadow(placed.getchannel("A"), stance, to_right)
    picture.paste(SHADOW_COLOR, (0, 0), mask.point(lambda v: min(int(v * depth), 255)))
    picture.paste(placed, (0, 0), placed)
    return picture


def catalog_picture(picture: Picture, drawing: Image.Image) -> Image.Image:
    """The finished catalog picture of a drawn product."""
    rng = random.Random(f"{picture.product.key}/{picture.view}/scene")
    pose = picture.pose
    center = (0.5, 0.5)
    if pose.zoom > 1:
        center = (0.5 + rng.uniform(-0.08, 0.08), 0.5 + rng.uniform(-0.08, 0.08))
    placed = place(drawing, pose, (PICTURE_PX, PICTURE_PX), center, FRAME_SHARE)
    backdrop = _studio(rng.choice(BACKGROUNDS), picture.product.kind.stance)
    return compose(backdrop, placed, picture.product.kind.stance, pose.light.to_right)


def _studio(color: Color, stance: str) -> Image.Image:
    """A bright backdrop: lighter in the middle, and a soft floor for what stands."""
    x = np.linspace(0, 1, PICTURE_PX, dtype=np.float32)[None, :]
    y = x.T
    vignette = 1.012 - 0.075 * ((x - 0.5) ** 2 + (y - 0.45) ** 2)
    if stance == "standing":
        vignette = vignette - 0.03 / (1 + np.exp(-(y - 0.72) * 26))
    rgb = np.clip(np.array(color, dtype=np.float32) * vignette[..., None] + 0.5, 0, 255)
    return Image.fromarray(rgb.astype(np.uint8))
