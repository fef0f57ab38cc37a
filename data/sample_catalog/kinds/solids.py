"""Box-built furniture: boxes in space, drawn back to front with lit faces.

Space is x to the right, y up and z towards the viewer, in canvas widths.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from data.sample_catalog.canvas import Canvas, Paint
from data.sample_catalog.geometry import Points
from data.sample_catalog.palette import Color, darker, lighter
from data.sample_catalog.shading import MATTE, Finish

Corner = tuple[float, float, float]

# Each face: its outward normal and its corners as choices of low (0) or high (1) per axis.
FACES: Final[tuple[tuple[Corner, tuple[tuple[int, int, int], ...]], ...]] = (
    ((1, 0, 0), ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1))),
    ((-1, 0, 0), ((0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1))),
    ((0, 1, 0), ((0, 1, 0), (1, 1, 0), (1, 1, 1), (0, 1, 1))),
    ((0, 0, 1), ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))),
    ((0, 0, -1), ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0))),
)


@dataclass(frozen=True)
class Box:
    """An upright box and its surface."""

    low: Corner
    high: Corner
    paint: Paint | Color
    finish: Finish = MATTE


@dataclass(frozen=True)
class Camera:
    """A distant camera, turned and looking down by some degrees."""

    yaw_degrees: float
    pitch_degrees: float

    def view(self, corners: Points) -> Points:
        """The corners (N, 3) in camera axes."""
        yaw, pitch = math.radians(self.yaw_degrees), math.radians(self.pitch_degrees)
        x = corners[:, 0] * math.cos(yaw) + corners[:, 2] * math.sin(yaw)
        z = -corners[:, 0] * math.sin(yaw) + corners[:, 2] * math.cos(yaw)
        y = corners[:, 1] * math.cos(pitch) - z * math.sin(pitch)
        depth = corners[:, 1] * math.sin(pitch) + z * math.cos(pitch)
        return np.column_stack((x, y, depth))


def draw_boxes(canvas: Canvas, boxes: Sequence[Box], camera: Camera) -> None:
    """Draw the boxes, far ones first; the origin is the middle of the canvas."""

    def depth(box: Box) -> float:
        middle = np.array([[(a + b) / 2 for a, b in zip(box.low, box.high, strict=True)]])
        return float(camera.view(middle)[0, 2])

    for box in sorted(boxes, key=depth):
        for outline, light in _faces(box, camera, canvas):
            canvas.fill(outline, _lit(box.paint, light), box.finish)


def _faces(box: Box, camera: Camera, canvas: Canvas) -> Iterator[tuple[Points, float]]:
    ends = np.array((box.low, box.high), dtype=np.float64)
    light = np.array([canvas.light.x, -canvas.light.y, canvas.light.z])
    light /= np.linalg.norm(light)
    for normal, choices in FACES:
        facing = camera.view(np.array([normal], dtype=np.float64))[0]
        if facing[2] <= 0.01:
            continue
        seen = camera.view(np.array([[ends[c[a], a] for a in range(3)] for c in choices]))
        yield np.column_stack((0.5 + seen[:, 0], 0.5 - seen[:, 1])), float(facing @ light)


def _lit(paint: Paint | Color, light: float) -> Paint:
    coat = paint if isinstance(paint, Paint) else Paint(paint)
    shift = (light - 0.55) * 0.55

    def tone(color: Color) -> Color:
        return lighter(color, shift) if shift > 0 else darker(color, -shift)

    return Paint(tone(coat.base), tone(coat.accent), coat.pattern, coat.scale)
