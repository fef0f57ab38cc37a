"""Shopper photos: a catalog product again, as somebody's phone might have caught it.

Other light, angle, background and colours, something in the way, blur and noise.
"""

import random
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from data.sample_catalog.backdrop import GROUNDS, ROOMS
from data.sample_catalog.canvas import Canvas
from data.sample_catalog.geometry import Point
from data.sample_catalog.looks import Pose
from data.sample_catalog.obstacles import (
    Draw,
    draw_book,
    draw_hand,
    draw_leaves,
    draw_price_tag,
)
from data.sample_catalog.plan import Photo
from data.sample_catalog.scene import compose, draw_product, place
from data.sample_catalog.shading import Light

SIZES: Final = ((440, 440), (440, 520), (520, 440))
TROUBLES: Final = ("cut off", "hand", "bystander", "leaves", "tag", "hand below", "book")
SHADOW_DEPTH: Final = 1.5


def shopper_photo(photo: Photo) -> Image.Image:
    """The finished photo, RGB; the same photo always comes out the same."""
    rng = random.Random(photo.key)
    stance = photo.product.kind.stance
    trouble = TROUBLES[photo.number % len(TROUBLES)]
    makers = ROOMS if stance == "standing" else GROUNDS
    size = rng.choice(SIZES)
    pose = _pose(rng, stance)
    picture = makers[photo.number % len(makers)](rng, size)
    cut_off = trouble == "cut off"
    share = rng.uniform(0.86, 1.0) if cut_off else rng.uniform(0.6, 0.82)
    center = _center(rng, cut_off)
    placed = place(draw_product(photo.product, pose), pose, size, center, share)
    picture = compose(picture, placed, stance, pose.light.to_right, SHADOW_DEPTH)
    if not cut_off:
        picture = _obstructed(picture, trouble, photo, rng)
    return _developed(picture, rng)


def _pose(rng: random.Random, stance: str) -> Pose:
    roll = 18 if stance == "lying" else 8
    return Pose(
        tilt=rng.uniform(0.12, 0.34),
        yaw=rng.choice((-1, 1)) * rng.uniform(0.4, 1.2),
        roll_degrees=rng.uniform(-roll, roll),
        mirror=stance == "standing" and rng.random() < 0.4,
        light=Light(rng.choice((-0.7, 0.45, 0.7)), rng.uniform(-0.5, -0.1), 0.7, 0.36),
    )


def _center(rng: random.Random, cut_off: bool) -> Point:
    if cut_off:
        return (0.5 + rng.choice((-1, 1)) * rng.uniform(0.14, 0.2), rng.uniform(0.5, 0.6))
    return (rng.uniform(0.44, 0.56), rng.uniform(0.46, 0.55))


def _obstructed(
    picture: Image.Image, trouble: str, photo: Photo, rng: random.Random
) -> Image.Image:
    if trouble == "bystander":
        return _with_bystander(picture, photo, rng)
    right = rng.random() < 0.5
    side = 0.82 if right else 0.18
    ways: dict[str, tuple[Draw, Point, float, float]] = {
        "hand": (draw_hand, (side, rng.uniform(0.6, 0.75)), 0.56, rng.uniform(-20, 10)),
        "hand below": (draw_hand, (rng.uniform(0.4, 0.6), 0.86), 0.52, rng.uniform(-100, -70)),
        "leaves": (draw_leaves, (side, 0.84), 0.6, rng.uniform(-40, 40)),
        "tag": (draw_price_tag, (rng.uniform(0.35, 0.65), 0.7), 0.26, rng.uniform(-12, 12)),
        "book": (draw_book, (0.9 if right else 0.1, 0.85), 0.46, rng.uniform(-25, 25)),
    }
    draw, center, share, roll = ways[trouble]
    canvas = Canvas(Light())
    draw(canvas, rng)
    drawing = canvas.image.crop(canvas.image.getbbox())
    pose = Pose(roll_degrees=-roll if right else roll, mirror=right)
    placed = place(drawing, pose, picture.size, center, share)
    placed = placed.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.6)))
    return compose(picture, placed, "lying", 0.6, depth=0.9)


def _with_bystander(picture: Image.Image, photo: Photo, rng: random.Random) -> Image.Image:
    """Another product half in the frame, nearer to the camera and so out of focus."""
    right = rng.random() < 0.5
    pose = Pose(tilt=0.24, mirror=right, light=Light(x=0.4))
    drawing = draw_product(photo.bystander, pose)
    center = (0.95 if right else 0.05, rng.uniform(0.68, 0.8))
    placed = place(drawing, pose, picture.size, center, rng.uniform(0.5, 0.65))
    placed = placed.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 3.0)))
    return compose(picture, placed, photo.bystander.kind.stance, -0.6)


def _developed(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The camera's share: light falling off, white balance, exposure, blur and noise."""
    soft = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3)))
    rgb = np.asarray(soft, dtype=np.float32)
    high, wide = rgb.shape[:2]
    y = np.linspace(-0.5, 0.5, high, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, wide, dtype=np.float32)[None, :]
    slope = rng.uniform(0.2, 0.5) * rng.choice((-1, 1))
    light = 1 + slope * x - rng.uniform(0.0, 0.25) * (y + 0.5)
    light = light - rng.uniform(0.2, 0.7) * (x * x + y * y)
    warmth = rng.uniform(-0.15, 0.17)
    balance = np.array((1 + warmth, 1.0, 1 - warmth), dtype=np.float32)
    exposure = rng.uniform(0.76, 1.2)
    grain = np.random.default_rng(rng.getrandbits(64)).integers(-10, 11, rgb.shape)
    rgb = rgb * light[..., None] * balance * exposure + grain * rng.uniform(0.4, 1.2)
    return Image.fromarray(np.clip(rgb + 0.5, 0, 255).astype(np.uint8))
