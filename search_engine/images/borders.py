"""Remove plain borders around pictures, such as shops add to make them square.

A picture has a border if two opposite sides have one even colour, the ground. A photo pasted on a
ground fills its own corners and is cut out exactly. A thing on a plain ground, as in product
photos, keeps some ground around it: cut to its outline it was found less often.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Frame = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

Colour = tuple[int, ...]

EVEN = 4
"""Levels (of 255) between the darkest and lightest pixel of a side that has one colour."""

DIFFERENT = 8
"""A pixel is ground if all its channels are within so many levels."""

CLEARLY = 0.25
"""Share of the largest difference to the ground from which a pixel certainly belongs to a thing."""

BLOCK_PX = 16
"""How far JPEG may blur an edge: it has blocks of 8, and often colours at half the size."""

MOSTLY = 0.5
CORNER = 0.04
"""Size of the corners that are examined, relative to the short side of a photo."""

FREE_SPACE = 1 / 14
"""Ground kept on each side of a thing, relative to it: the middle 224 of 256 pixels then show
it."""

LEAST_SHARE = 0.25
"""Least share of a side of the picture: a speck on plain ground is not enlarged to fill it."""

SMALLEST_PX = 32
LOOKED_AT_PX = 512
"""Pictures whose short side is at least twice as long are examined in a reduced copy."""


def trim(image: Image.Image) -> Image.Image:
    """Return the RGB picture without its border; itself if it has none."""
    frame = content_or_all(image)
    return image if frame == (0, 0, *image.size) else image.crop(frame)


def content_or_all(image: Image.Image) -> Frame:
    """Return the content of a picture; all of it without a border."""
    return content_frame(image) or (0, 0, *image.size)


def content_frame(image: Image.Image) -> Frame | None:
    """Return the content of a picture with a border; None without a border, or if all is ground."""
    ground = _ground(image)
    if ground is None or min(image.size) < SMALLEST_PX:
        return None
    factor = max(1, min(image.size) // LOOKED_AT_PX)
    small = image.reduce(factor) if factor > 1 else image
    marked = small.point(_marking(ground, DIFFERENT))
    outline = marked.getbbox()
    if outline is None:
        return None
    frame = _photo_frame(marked, outline)
    if frame is None or _is_plain(small, frame):
        frame = _free_frame(small.size, _firm_outline(small, ground, outline))
    left, top, right, bottom = (factor * edge for edge in frame)
    return left, top, min(right, image.width), min(bottom, image.height)


def _ground(image: Image.Image) -> Colour | None:
    """Return the even colour of two opposite sides; for most pictures the corners rule it out."""
    width, height = image.size
    corners = [image.getpixel((x, y)) for x in (0, width - 1) for y in (0, height - 1)]
    if np.ptp(np.asarray(corners), axis=0).max() > 2 * EVEN:
        return None
    across = ((0, 0, 1, height), (width - 1, 0, width, height))
    for near, far in (across, ((0, 0, width, 1), (0, height - 1, width, height))):
        colour = _even_colour(image.crop(near))
        other = colour and _even_colour(image.crop(far))
        if colour and other and max(map(abs, np.subtract(colour, other).tolist())) <= EVEN:
            return colour
    return None


def _even_colour(line: Image.Image) -> Colour | None:
    ranges = np.asarray(line.getextrema())
    if np.ptp(ranges, axis=1).max() > EVEN:
        return None
    return tuple(ranges.mean(axis=1).astype(int).tolist())


@lru_cache(64)
def _marking(ground: Colour, difference: int) -> list[int]:
    """Return a look-up table by channel and level: 0 for the ground, 255 for other levels."""
    return [255 * (abs(level - here) > difference) for here in ground for level in range(256)]


def _firm_outline(image: Image.Image, ground: Colour, outline: Frame) -> Frame:
    """Return the outline of clear differences: JPEG noise around a thing is not part of it."""
    extrema = image.crop(outline).getextrema()
    largest = np.abs(np.asarray(extrema) - np.asarray(ground)[:, None]).max()
    firm = image.point(_marking(ground, max(DIFFERENT, int(CLEARLY * largest))))
    return firm.getbbox() or outline


def _photo_frame(marked: Image.Image, outline: Frame) -> Frame | None:
    """Return the frame of a photo pasted on the ground; None if there is something else.

    Args:
        marked: Above 0 where a pixel is not ground.
        outline: The bounding box of all these pixels.
    """
    edges = []
    for side in range(4):
        edge = _edge(marked, outline, side)
        if edge is None:
            return None
        edges.append(edge)
    left, top, right, bottom = edges
    width, height = right - left, bottom - top
    if width < LEAST_SHARE * marked.width or height < LEAST_SHARE * marked.height:
        return None
    size = max(1, round(CORNER * min(width, height)))
    corners = [
        _marked_pixels(marked, (x, y, x + size, y + size)).mean()
        for x in (left, right - size)
        for y in (top, bottom - size)
    ]
    return (left, top, right, bottom) if sorted(corners)[1] >= MOSTLY else None


def _is_plain(image: Image.Image, frame: Frame) -> bool:
    """Return whether a part has one colour: then it is a featureless thing, not a photo."""
    left, top, right, bottom = frame
    rim = round(CORNER * min(right - left, bottom - top))
    inside = image.crop((left + rim, top + rim, right - rim, bottom - rim))
    return bool(np.ptp(np.asarray(inside.getextrema()), axis=1).max() <= DIFFERENT)


def _edge(marked: Image.Image, outline: Frame, side: int) -> int | None:
    """Return the first line from outside that is mostly content; None if there is none in reach.

    Args:
        marked: See `_photo_frame`.
        outline: See `_photo_frame`.
        side: Its index in a frame.
    """
    outer = outline[side]
    if outer == (0, 0, *marked.size)[side]:
        return outer
    inward = 1 if side < 2 else -1
    strip = list(outline)
    strip[(side + 2) % 4] = outer + inward * BLOCK_PX
    lines = _marked_pixels(marked, (strip[0], strip[1], strip[2], strip[3]))
    shares = lines.mean(axis=side % 2)[::inward]
    full = np.flatnonzero(shares >= MOSTLY)
    return outer + inward * int(full[0]) if len(full) else None


def _marked_pixels(marked: Image.Image, frame: Frame) -> NDArray[np.bool_]:
    """Return whether each pixel of a part is not ground, (H, W)."""
    levels: NDArray[np.uint8] = np.asarray(marked.crop(frame))
    return np.asarray(levels.max(axis=2) > 0)


def _free_frame(size: tuple[int, int], outline: Frame) -> Frame:
    """Return a square around a thing within the picture; extra ground on two sides does no harm.

    Args:
        size: The size of the picture.
        outline: The bounding box of the thing.
    """
    left, top, right, bottom = outline
    thing = max(right - left, bottom - top) * (1 + 2 * FREE_SPACE)
    side = max(thing, LEAST_SHARE * max(size))
    start_x, end_x = _around(left, right, side, size[0])
    start_y, end_y = _around(top, bottom, side, size[1])
    return start_x, start_y, end_x, end_y


def _around(start: int, end: int, length: float, limit: int) -> tuple[int, int]:
    middle = (start + end) / 2
    return (
        max(0, min(start, math.floor(middle - length / 2))),
        min(limit, max(end, math.ceil(middle + length / 2))),
    )
