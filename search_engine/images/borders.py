"""Plain ground around what a picture shows, as shops add it to make their pictures square.

A picture has a border where two opposite sides are of one even colour. A photo that was pasted on a
ground fills its corners and is cut out exactly. A thing that stands free on a ground, as in product
photos, keeps the ground that it needs to be seen whole: cut to its outline it was found less often.
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
"""Levels, of 255, between the darkest and the lightest pixel of a side of one colour."""

DIFFERENT = 8
"""A pixel whose channels are all within so many levels is ground."""

CLEARLY = 0.25
"""Of the largest difference to the ground, for a pixel to be part of a thing without a doubt."""

BLOCK_PX = 16
"""So far JPEG may blur an edge: in blocks of 8, and it often keeps colours at half the size."""

MOSTLY = 0.5
CORNER = 0.04
"""How large the corners are that are looked at, relative to the short side of a photo."""

FREE_SPACE = 1 / 14
"""On each side of a thing, relative to it: of 256 pixels the middle 224 then show it whole."""

LEAST_SHARE = 0.25
"""Of a side of the picture: a speck on plain ground is not made to fill it."""

SMALLEST_PX = 32
LOOKED_AT_PX = 512
"""A picture whose short side is at least twice as long is looked at in a smaller copy."""


def trim(image: Image.Image) -> Image.Image:
    """The RGB picture without its border; itself where it has none."""
    frame = content_frame(image)
    return image if frame in (None, (0, 0, *image.size)) else image.crop(frame)


def content_frame(image: Image.Image) -> Frame | None:
    """Where a picture with a border has its content; None without one, or if all is ground."""
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
    """The even colour of two opposite sides; most pictures are told by their corners."""
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
    """By channel and level: 0 for those of the ground, 255 for others."""
    return [255 * (abs(level - here) > difference) for here in ground for level in range(256)]


def _firm_outline(image: Image.Image, ground: Colour, outline: Frame) -> Frame:
    """The outline of what differs clearly: the noise of JPEG around a thing is not of its size."""
    extrema = image.crop(outline).getextrema()
    largest = np.abs(np.asarray(extrema) - np.asarray(ground)[:, None]).max()
    firm = image.point(_marking(ground, max(DIFFERENT, int(CLEARLY * largest))))
    return firm.getbbox() or outline


def _photo_frame(marked: Image.Image, outline: Frame) -> Frame | None:
    """Where a photo was pasted on the ground; None if what is there is none.

    Args:
        marked: Above 0 where a pixel is not ground.
        outline: Encloses all of these.
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
    """Whether a part has one colour: a thing without features but its outline, and no photo."""
    left, top, right, bottom = frame
    rim = round(CORNER * min(right - left, bottom - top))
    inside = image.crop((left + rim, top + rim, right - rim, bottom - rim))
    return bool(np.ptp(np.asarray(inside.getextrema()), axis=1).max() <= DIFFERENT)


def _edge(marked: Image.Image, outline: Frame, side: int) -> int | None:
    """Where the first line, from outside, is mostly content; None without one in reach.

    Args:
        marked: See `_photo_frame`.
        outline: See `_photo_frame`.
        side: Its place in a frame.
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
    """Whether each pixel of a part is not ground, (H, W)."""
    levels: NDArray[np.uint8] = np.asarray(marked.crop(frame))
    return np.asarray(levels.max(axis=2) > 0)


def _free_frame(size: tuple[int, int], outline: Frame) -> Frame:
    """A square around a thing, as far as the picture goes: more ground on two sides is of no harm.

    Args:
        size: Of the picture.
        outline: Of the thing.
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
