"""Choose the parts of a picture that an encoder sees, and scale them to its size."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from PIL import Image

from search_engine.errors import ParameterError
from search_engine.plain_numbers import parse_real

Box = tuple[float, float, float, float]
"""A region of the upright picture: x, y, width, height as fractions of its sides, 0 to 1."""


class PixelBox(NamedTuple):
    """A region of the upright picture in its own pixels."""

    x: int
    y: int
    width: int
    height: int

    def fractions(self, size: tuple[int, int]) -> Box:
        """The region as fractions of a picture of some width and height.

        Raises:
            ParameterError: It does not lie inside the picture.
        """
        width, height = size
        if self.x + self.width > width or self.y + self.height > height:
            raise ParameterError(
                f"box does not lie inside the picture, which is {width} x {height} pixels upright",
                where="box",
                fix=f"give x+w at most {width}px and y+h at most {height}px",
            )
        return self.x / width, self.y / height, self.width / width, self.height / height


Corners = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

OR_PIXELS = "or in pixels as 120px,40px,300px,300px"

ORDINARY = 1.5
"""Ratio of long to short side up to which the middle of a picture stands for it."""

TWICE = 2.0

Edition = Literal[1, 2, 3]
FORMER_EDITIONS: tuple[Edition, ...] = (1, 2)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an encoder prepares pictures; part of the encoder's identity.

    `crop` scales the short side to `resize_px` and takes the central `size_px` square; `squash`
    scales the whole picture to the `size_px` square. Since edition 2, colour profiles are applied
    and the ends of wide and tall pictures are not cropped away (see `views`); since edition 3,
    borders are removed (see `borders`). A collection keeps the edition that it was created with.
    """

    size_px: int
    resize_px: int
    fit: Literal["crop", "squash"] = "crop"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    edition: Edition = 3


def crop_box(image: Image.Image, box: Box | None) -> Image.Image:
    """Cut out the region `box`, at least one pixel large; return the picture itself without one."""
    return image if box is None else image.crop(region(image.size, box))


def region(size: tuple[int, int], box: Box) -> tuple[int, int, int, int]:
    """The corners of a region of a picture of some size, at least one pixel apart."""
    x, y, width, height = box
    left, top = int(x * size[0]), int(y * size[1])
    right = max(left + 1, round((x + width) * size[0]))
    bottom = max(top + 1, round((y + height) * size[1]))
    return left, top, min(right, size[0]), min(bottom, size[1])


def parse_box(text: str) -> Box | PixelBox:
    """Parse `x,y,w,h` as fractions of the upright picture, or in pixels, each with its `px`.

    Raises:
        ParameterError: There are not four numbers of one kind, or the region is not inside the
            picture, as far as that is known without it.
    """
    if "px" in text:
        return _pixel_box(text)
    numbers = [parse_real(part.strip()) for part in text.split(",")]
    known = [number for number in numbers if number is not None]
    if len(known) != 4 or len(numbers) != 4:
        raise ParameterError(
            "box is not four numbers",
            where="box",
            fix=f"give x,y,w,h as fractions from 0 to 1, {OR_PIXELS}",
        )
    x, y, width, height = known
    inside = 0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 and 0 < height <= 1
    if not inside or x + width > 1 + 1e-6 or y + height > 1 + 1e-6:
        raise ParameterError(
            "box does not lie inside the picture",
            where="box",
            fix=f"give x,y,w,h as fractions from 0 to 1 with x+w and y+h at most 1, {OR_PIXELS}",
        )
    return x, y, width, height


def _pixel_box(text: str) -> PixelBox:
    found = re.fullmatch(r"\s*,\s*".join([r"([0-9]{1,6})px"] * 4), text.strip())
    sides = [int(side) for side in found.groups()] if found else []
    if not sides or not (sides[2] and sides[3]):
        raise ParameterError(
            "box is not four whole numbers of pixels",
            where="box",
            fix="give x,y,w,h, each with px and w and h above 0, such as 120px,40px,300px,300px",
        )
    return PixelBox(*sides)


View = tuple[Image.Image, Corners]
"""A square for an encoder, and what it shows of the picture; corners outside it show ground."""


def views(image: Image.Image, preprocessing: Preprocessing) -> list[View]:
    """Return the squares that represent a picture, the middle one first, and where they lie.

    Ordinary pictures have only that. If it omits up to half of a wide or tall picture, the whole
    picture, reduced on white, is added with equal weight; longer pictures have three squares side
    by side. For real 16:9 photos, padding or squashing alone was worse than the middle alone.
    """
    ratio = max(image.size) / min(image.size)
    if preprocessing.fit == "crop" and preprocessing.edition > 1:
        if ratio > TWICE:
            return _row(image, preprocessing)
        if ratio > ORDINARY:
            return [_middle(image, preprocessing), _whole(image, preprocessing)]
    return [_middle(image, preprocessing)]


def _middle(image: Image.Image, preprocessing: Preprocessing) -> View:
    """Scale (and crop, in the same step) to the encoder's square."""
    box: Corners = (0, 0, *image.size)
    if preprocessing.fit == "crop":
        side = min(image.size) * preprocessing.size_px / preprocessing.resize_px
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
    return _square(image, preprocessing, box)


def _whole(image: Image.Image, preprocessing: Preprocessing) -> View:
    side = preprocessing.size_px
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    ground = Image.new("RGB", (side, side), "white")
    small = image.resize((width, height), _resampling(preprocessing))
    ground.paste(small, ((side - width) // 2, (side - height) // 2))
    margins = [(max(image.size) - length) / 2 for length in image.size]
    return ground, (-margins[0], -margins[1], image.width + margins[0], image.height + margins[1])


def _row(image: Image.Image, preprocessing: Preprocessing) -> list[View]:
    """Return three squares along the long side, as far from the edges as the middle one alone.

    They are stretched along the side if they would otherwise leave gaps. More squares would each
    have less weight: a thing near one end of a long banner would hardly matter.
    """
    long, short = max(image.size), min(image.size)
    height = short * preprocessing.size_px / preprocessing.resize_px
    margin = (short - height) / 2
    length = max(height, (long - 2 * margin) / 3)
    last = long - margin - length
    found = []
    for start in ((margin + last) / 2, margin, last):
        box = (start, margin, start + length, margin + height)
        if image.height > image.width:
            box = (box[1], box[0], box[3], box[2])
        found.append(_square(image, preprocessing, box))
    return found


def _square(image: Image.Image, preprocessing: Preprocessing, box: Corners) -> View:
    size = (preprocessing.size_px, preprocessing.size_px)
    return image.resize(size, _resampling(preprocessing), box=box), box


def _resampling(preprocessing: Preprocessing) -> Image.Resampling:
    return Image.Resampling[preprocessing.interpolation.upper()]
