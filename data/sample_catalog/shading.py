"""How a surface answers to light: from a mask to normals to lit colours.

The form of a part is guessed from its mask alone, which is enough for catalogue drawings:
a pillow-like relief, a body turned about a vertical axis, or a ball.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Field = NDArray[np.float32]
Form = Literal["flat", "relief", "turned", "ball"]

LEAST_SHADE: Final = 0.30
MOST_SHADE: Final = 1.45
HIGHLIGHT_TO_WHITE: Final = 0.55
MASK_FULL: Final = 255.0
SOLID: Final = 128
USUAL_LIGHT_X: Final = -0.45


@dataclass(frozen=True)
class Light:
    """Where light comes from (x right, y down, z to the viewer) and how much is ambient."""

    x: float = USUAL_LIGHT_X
    y: float = -0.55
    z: float = 0.80
    ambient: float = 0.45

    @property
    def to_right(self) -> float:
        """How far shadows fall to the right; 1 for the usual light from the left."""
        return self.x / USUAL_LIGHT_X


@dataclass(frozen=True)
class Finish:
    """A material.

    Attributes:
        form: How the part bulges.
        edge: Width of the rounded edge of a relief, in canvas widths.
        bulge: Strength of the bulge.
        gloss: Strength of the highlight, 0 to 1.
        focus: Highlight exponent; higher is tighter.
        bands: Strength of mirrored surroundings (metal, glass).
    """

    form: Form = "relief"
    edge: float = 0.012
    bulge: float = 0.8
    gloss: float = 0.0
    focus: float = 20.0
    bands: float = 0.0


FLAT: Final = Finish(form="flat")
MATTE: Final = Finish()
CLOTH: Final = Finish(edge=0.03, bulge=0.75)
PADDED: Final = Finish(edge=0.045, bulge=1.1, gloss=0.06, focus=8.0)
LEATHER: Final = Finish(edge=0.025, bulge=0.95, gloss=0.22, focus=14.0)
SMOOTH: Final = Finish(edge=0.016, bulge=1.0, gloss=0.35, focus=24.0)
METAL: Final = Finish(edge=0.012, bulge=1.1, gloss=0.5, focus=26.0, bands=0.18)
CERAMIC: Final = Finish(form="turned", bulge=0.95, gloss=0.55, focus=40.0)
TURNED_MATTE: Final = Finish(form="turned", bulge=0.9, gloss=0.08, focus=8.0)
TURNED_METAL: Final = Finish(form="turned", bulge=0.95, gloss=0.5, focus=30.0, bands=0.22)
BALL: Final = Finish(form="ball", bulge=0.95, gloss=0.55, focus=40.0)


def across_rows(mask: NDArray[np.uint8]) -> Field:
    """Each pixel's place between the left (-1) and right (1) end of its row of the mask."""
    solid = mask >= SOLID
    width = mask.shape[1]
    left = np.argmax(solid, axis=1).astype(np.float32)
    right = (width - 1 - np.argmax(solid[:, ::-1], axis=1)).astype(np.float32)
    middle = ((left + right) / 2)[:, None]
    half = np.maximum((right - left) / 2, 1.0)[:, None]
    column = np.arange(width, dtype=np.float32)[None, :]
    return np.asarray(np.clip((column - middle) / half, -1.0, 1.0), dtype=np.float32)


def normals(mask: NDArray[np.uint8], finish: Finish, canvas_px: int) -> tuple[Field, Field]:
    """The sideways (x) and downward (y) parts of the surface normal under the mask."""
    height, width = mask.shape
    if finish.form == "turned":
        x = across_rows(mask) * finish.bulge
        return x.astype(np.float32), np.full_like(x, 0.04)
    if finish.form == "ball":
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :].repeat(height, axis=0)
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None].repeat(width, axis=1)
        return (x * finish.bulge * 0.8).astype(np.float32), (y * finish.bulge * 0.8).astype(
            np.float32
        )
    return _relief(mask, finish, canvas_px)


def _relief(mask: NDArray[np.uint8], finish: Finish, canvas_px: int) -> tuple[Field, Field]:
    radius = max(finish.edge * canvas_px, 1.0)
    pad = int(2 * radius) + 1
    padded = Image.fromarray(np.pad(mask, pad))
    blurred = np.asarray(padded.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
    slope_y, slope_x = np.gradient(blurred / MASK_FULL)
    strength = -2.2 * radius * finish.bulge
    inside = (slice(pad, -pad), slice(pad, -pad))
    x, y = slope_x[inside] * strength, slope_y[inside] * strength
    scale = 1.0 / np.maximum(np.sqrt(x * x + y * y) / 0.92, 1.0)
    return (x * scale).astype(np.float32), (y * scale).astype(np.float32)


def lit(rgb: Field, mask: NDArray[np.uint8], finish: Finish, light: Light, canvas_px: int) -> Field:
    """The colours, shape (H, W, 3), under the light; a part facing the viewer keeps its own."""
    if finish.form == "flat":
        return rgb
    x, y = normals(mask, finish, canvas_px)
    z = np.sqrt(np.clip(1.0 - x * x - y * y, 0.02, 1.0))
    length = (light.x**2 + light.y**2 + light.z**2) ** 0.5
    lx, ly, lz = light.x / length, light.y / length, light.z / length
    facing = np.clip(x * lx + y * ly + z * lz, 0.0, 1.0) / lz
    shade = light.ambient + (1.0 - light.ambient) * facing
    if finish.bands:
        shade = shade * (1.0 + finish.bands * np.cos(7.0 * x + 0.8) * (0.4 + np.abs(x)))
    shade = np.clip(shade, LEAST_SHADE, MOST_SHADE)[..., None]
    half = (2.0 + 2.0 * lz) ** 0.5  # length of the sum of light and viewing direction
    mirror = np.clip((x * lx + y * ly + z * (lz + 1.0)) / half, 0.0, 1.0)
    shine = (finish.gloss * mirror**finish.focus)[..., None]
    white = np.clip((shade - 1.0) * HIGHLIGHT_TO_WHITE, 0.0, 1.0) + shine
    colors = rgb * np.minimum(shade, 1.0)
    return np.asarray(colors + (255.0 - colors) * np.clip(white, 0.0, 1.0), dtype=np.float32)
