"""What a kind of product is, to the rest of the package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from data.sample_catalog.canvas import Canvas
from data.sample_catalog.looks import Look
from data.sample_catalog.palette import PALETTE, Color

Draw = Callable[[Canvas, Look], None]
Stance = Literal["standing", "lying"]

PRINTS = ("plain", "stripes", "dots", "plain", "checks", "zigzag", "plain", "flowers")


@dataclass(frozen=True)
class Kind:
    """A kind of product.

    Attributes:
        slug: Short name used in identifiers.
        label: Category path.
        noun: The word for it in product names.
        draw: Draws one product on an empty canvas.
        price: Lowest and highest price, in whole currency units.
        colors: Named colours it comes in.
        patterns: Patterns it comes in, in the order products take them.
        stance: Stands on a floor, or lies flat against the background.
    """

    slug: str
    label: str
    noun: str
    draw: Draw
    price: tuple[int, int]
    colors: Mapping[str, Color] = field(default_factory=lambda: PALETTE)
    patterns: tuple[str, ...] = ("plain",)
    stance: Stance = "standing"
