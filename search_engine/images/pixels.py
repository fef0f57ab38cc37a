"""Turn the bytes of a picture into squares for an encoder, or into JPEGs to show and store."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_engine.images.borders import Frame, content_or_all, trim
from search_engine.images.color_names import PictureColors, picture_colors
from search_engine.images.geometry import (
    Box,
    Corners,
    Preprocessing,
    crop_box,
    region,
    views,
)
from search_engine.images.limits import ImageLimits, open_checked, sniff_format
from search_engine.images.palette import Samples, sample
from search_engine.images.picture_hash import picture_hash
from search_engine.images.rgb import lies_on_its_side, load_rgb

THUMBNAIL_QUALITY = 85
PICTURE_QUALITY = 92
COLORS_SIDE_PX = 256
"""As large as pictures are decoded for most encoders, so that the same colours are found."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """The input of an encoder, and notes for users.

    `views` have the shape (V, size_px, size_px, 3), uint8, RGB: the middle, and more for wide and
    tall pictures; together they represent the picture. `boxes` are what each shows of the upright
    picture; what lies outside of it is ground. `picture_hash` tells copies of the whole picture.
    `colors` are there if they were asked for; until `colored` finds them, `sample` has the pixels
    of which they are found.
    """

    views: NDArray[np.uint8]
    warnings: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    picture_hash: bytes = b""
    colors: PictureColors | None = None
    sample: Samples | None = None

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The middle alone, (size_px, size_px, 3)."""
        middle: NDArray[np.uint8] = self.views[0]
        return middle


def decode_pixels(
    data: bytes,
    preprocessing: Preprocessing,
    limits: ImageLimits,
    box: Box | None = None,
    sampled: bool = False,
) -> DecodedImage:
    """Decode a picture for an encoder.

    Large JPEGs are decoded at a reduced size, never below what is needed. A region is cut out first
    and then treated like any picture: its border is removed.

    Args:
        data: The file's content, which alone determines its type.
        preprocessing: Size and fit.
        limits: The limits to check.
        box: The region to use; None for all.
        sampled: Whether to take a sample for `colored`.

    Raises:
        ImageError: A subclass that names the reason.
    """
    load = partial(load_rgb, data, limits, profiles=preprocessing.edition > 1)
    image, notes = load(preprocessing.resize_px / (min(box[2], box[3]) if box else 1.0))
    frame = _content(image, box, preprocessing)
    trimmed = preprocessing.edition > 2 and frame != _region(image, box)
    if trimmed and _short_side(frame) < preprocessing.resize_px and sniff_format(data) == "JPEG":
        # the file may have more pixels of it
        image, _ = load(preprocessing.resize_px * min(image.size) / _short_side(frame))
        frame = _content(image, box, preprocessing)
    shown = image if frame == (0, 0, *image.size) else image.crop(frame)
    seen = views(shown, preprocessing)
    return DecodedImage(
        np.stack([np.asarray(view) for view, _ in seen]),
        notes,
        tuple(_box(corners, frame, image.size) for _, corners in seen),
        _hash(shown, preprocessing),
        sample=sample(shown) if sampled else None,
    )


def decode_parts(
    data: bytes, preprocessing: Preprocessing, limits: ImageLimits, boxes: Sequence[Box]
) -> list[DecodedImage]:
    """Decode regions of a picture for an encoder, in order, reading the picture once.

    Raises:
        ImageError: A subclass that names the reason.
    """
    smallest = min(min(box[2], box[3]) for box in boxes)
    profiles = preprocessing.edition > 1
    image, notes = load_rgb(data, limits, preprocessing.resize_px / smallest, profiles=profiles)
    found = []
    for box in boxes:
        frame = _content(image, box, preprocessing)
        seen = views(image.crop(frame), preprocessing)
        shown = tuple(_box(corners, frame, image.size) for _, corners in seen)
        found.append(DecodedImage(np.stack([np.asarray(view) for view, _ in seen]), notes, shown))
    return found


def colored(pictures: Sequence[DecodedImage]) -> list[DecodedImage]:
    """The pictures, which were sampled, with their dominant colours."""
    samples = [each.sample for each in pictures if each.sample is not None]
    found = picture_colors(np.concatenate(samples)) if samples else []
    return [
        replace(picture, colors=colors, sample=None)
        for picture, colors in zip(pictures, found, strict=True)
    ]


def decode_colors(data: bytes, limits: ImageLimits, box: Box | None = None) -> PictureColors:
    """Find the dominant colours of a picture, or a region of it, without its border.

    Raises:
        ImageError: A subclass that names the reason.
    """
    scale = min(box[2], box[3]) if box else 1.0
    image, _ = load_rgb(data, limits, min_side_px=COLORS_SIDE_PX / scale)
    return picture_colors(sample(trim(crop_box(image, box))))[0]


def _hash(shown: Image.Image, preprocessing: Preprocessing) -> bytes:
    """The hash of what is looked at, without its border in every edition."""
    trimmed = preprocessing.edition > 2
    return picture_hash(shown if trimmed else shown.crop(content_or_all(shown)))


def _region(image: Image.Image, box: Box | None) -> Frame:
    return (0, 0, *image.size) if box is None else region(image.size, box)


def _content(image: Image.Image, box: Box | None, preprocessing: Preprocessing) -> Frame:
    """The part of a picture to look at: a region without its border, where the edition trims."""
    left, top, *_ = frame = _region(image, box)
    if preprocessing.edition < 3:
        return frame
    inner = content_or_all(crop_box(image, box))
    return left + inner[0], top + inner[1], left + inner[2], top + inner[3]


def _short_side(frame: Frame) -> int:
    left, top, right, bottom = frame
    return min(right - left, bottom - top)


def _box(corners: Corners, frame: Frame, size: tuple[int, int]) -> Box:
    """Corners within a frame of a picture, as fractions of the picture."""
    left, top, right, bottom = corners
    return (
        (frame[0] + left) / size[0],
        (frame[1] + top) / size[1],
        (right - left) / size[0],
        (bottom - top) / size[1],
    )


def upright_size(data: bytes, limits: ImageLimits) -> tuple[int, int]:
    """Return width and height of a picture as it is shown, from its header.

    Raises:
        ImageError: A subclass that names the reason.
    """
    image = open_checked(data, limits)
    return image.size[::-1] if lies_on_its_side(image) else image.size


def render_jpeg(
    data: bytes, max_side_px: int, limits: ImageLimits, quality: int = THUMBNAIL_QUALITY
) -> bytes:
    """Return the picture upright, in sRGB, without metadata, as JPEG with a limited long side."""
    image, _ = load_rgb(data, limits, min_side_px=max_side_px)
    image.thumbnail((max_side_px, max_side_px), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
