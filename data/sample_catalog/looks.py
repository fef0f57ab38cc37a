"""What a drawing routine is told: the product's own traits and the pose it is seen in."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from data.sample_catalog.canvas import Paint
from data.sample_catalog.palette import BLACK, WHITE, Color, luma
from data.sample_catalog.shading import Light

T = TypeVar("T")

DARK_LUMA: Final = 0.45


@dataclass(frozen=True)
class Pose:
    """How the product is seen.

    Attributes:
        tilt: How far the camera looks down: height of a level circle by its width.
        yaw: Turn about the upright axis, -1 to 1, shown as perspective.
        roll_degrees: Turn in the picture plane, clockwise.
        mirror: Seen from the other side.
        zoom: 1 shows all of it; more cuts the edges off.
        light: Where light comes from.
    """

    tilt: float = 0.16
    yaw: float = 0.0
    roll_degrees: float = 0.0
    mirror: bool = False
    zoom: float = 1.0
    light: Light = field(default_factory=Light)


@dataclass(frozen=True)
class Look:
    """One product as its drawing routine sees it; equal keys give equal traits."""

    key: str
    color: Color
    accent: Color
    pattern: str
    pose: Pose

    def vary(self, trait: str, low: float, high: float) -> float:
        """This product's own value of a measure; the order of asking does not matter."""
        return random.Random(f"{self.key}/{trait}").uniform(low, high)

    def pick(self, trait: str, choices: Sequence[T]) -> T:
        """This product's own choice."""
        return random.Random(f"{self.key}/{trait}").choice(choices)

    def coat(self, scale: float = 1.0) -> Paint:
        """The patterned main surface."""
        return Paint(self.color, self.accent, self.pattern, scale)

    def contrast(self) -> Color:
        """White on dark products and black on light ones."""
        return WHITE if luma(self.color) < DARK_LUMA else BLACK
