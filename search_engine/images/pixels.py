"""Turn the bytes of a picture into squares for an encoder, or into JPEGs to show and store."""

import io
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_engine.images.borders import trim
from search_engine.images.geometry import Box, Preprocessing, crop_box, views
from search_engine.images.limits import ImageLimits, sniff_format
from search_engine.images.rgb import load_rgb

THUMBNAIL_QUALITY = 85
PICTURE_QUALITY = 92


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """The input of an encoder, and notes for users.

    `views` have the shape (V, size_px, size_px, 3), uint8, RGB: the middle, and more for wide and
    tall pictures; together they represent the picture.
    """

    views: NDArray[np.uint8]
    warnings: tuple[str, ...] = ()

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The middle alone, (size_px, size_px, 3)."""
        middle: NDArray[np.uint8] = self.views[0]
        return middle


def decode_pixels(
    data: bytes, preprocessing: Preprocessing, limits: ImageLimits, box: Box | None = None
) -> DecodedImage:
    """Decode a picture for an encoder.

    Large JPEGs are decoded at a reduced size, never below what is needed. A region is cut out first
    and then treated like any picture: its border is removed.

    Args:
        data: The file's content, which alone determines its type.
        preprocessing: Size and fit.
        limits: The limits to check.
        box: The region to use; None for all.

    Raises:
        ImageError: A subclass that names the reason.
    """
    load = partial(load_rgb, data, limits, profiles=preprocessing.edition > 1)
    image, notes = load(preprocessing.resize_px / (min(box[2], box[3]) if box else 1.0))
    shown = crop_box(image, box)
    if preprocessing.edition > 2:
        content = trim(shown)
        too_small = content is not shown and min(content.size) < preprocessing.resize_px
        if too_small and sniff_format(data) == "JPEG":  # the file may have more pixels of it
            image, _ = load(preprocessing.resize_px * min(image.size) / min(content.size))
            content = trim(crop_box(image, box))
        shown = content
    seen = views(shown, preprocessing)
    return DecodedImage(np.stack([np.asarray(view) for view in seen]), notes)


def render_jpeg(
    data: bytes, max_side_px: int, limits: ImageLimits, quality: int = THUMBNAIL_QUALITY
) -> bytes:
    """Return the picture upright, in sRGB, without metadata, as JPEG with a limited long side."""
    image, _ = load_rgb(data, limits, min_side_px=max_side_px)
    image.thumbnail((max_side_px, max_side_px), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
