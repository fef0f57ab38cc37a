"""What is made of a picture's bytes: squares for an encoder, and JPEGs to show and to keep."""

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
    """What an encoder looks at, and what a user should know.

    `views` have the shape (V, size_px, size_px, 3), uint8, RGB: one of the middle and, of wide and
    tall pictures, others; all of them together are the picture.
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
    """One picture as an encoder wants it.

    Large JPEGs are decoded at a fraction of their size, never smaller than what is needed. A region
    is cut out first and is then a picture like any other: its border does not count.

    Args:
        data: The file's content; its type is found from the content alone.
        preprocessing: Size and fit.
        limits: What is accepted.
        box: Look at this region only.

    Raises:
        ImageError: A subclass that names the reason.
    """
    load = partial(load_rgb, data, limits, profiles=preprocessing.edition > 1)
    image, notes = load(preprocessing.resize_px / (min(box[2], box[3]) if box else 1.0))
    shown = crop_box(image, box)
    if preprocessing.edition > 2:
        content = trim(shown)
        too_small = content is not shown and min(content.size) < preprocessing.resize_px
        if too_small and sniff_format(data) == "JPEG":  # perhaps there are more pixels of it
            image, _ = load(preprocessing.resize_px * min(image.size) / min(content.size))
            content = trim(crop_box(image, box))
        shown = content
    seen = views(shown, preprocessing)
    return DecodedImage(np.stack([np.asarray(view) for view in seen]), notes)


def render_jpeg(
    data: bytes, max_side_px: int, limits: ImageLimits, quality: int = THUMBNAIL_QUALITY
) -> bytes:
    """The picture upright, in sRGB, without metadata, as JPEG of at most that long a long side."""
    image, _ = load_rgb(data, limits, min_side_px=max_side_px)
    image.thumbnail((max_side_px, max_side_px), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
