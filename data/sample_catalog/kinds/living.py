"""Lamps, chairs, clocks and sofas."""

import math

from data.sample_catalog import palette as p
from data.sample_catalog.canvas import Canvas, Paint, cut, disc, polygon
from data.sample_catalog.geometry import arc, box, curve, ellipse, points, tumbler, turned
from data.sample_catalog.kinds.base import Kind
from data.sample_catalog.kinds.solids import Box, Camera, draw_boxes
from data.sample_catalog.looks import Look
from data.sample_catalog.shading import (
    CERAMIC,
    CLOTH,
    FLAT,
    METAL,
    PADDED,
    SMOOTH,
    TURNED_MATTE,
    TURNED_METAL,
)

WARM_GLOW = (255, 226, 160)


def draw_lamp(canvas: Canvas, look: Look) -> None:
    """A table lamp with a cloth shade, switched on."""
    tilt = look.pose.tilt * 0.6
    rim, top = look.vary("shade rim", 0.2, 0.26), look.vary("shade top", 0.11, 0.17)
    height = look.vary("shade height", 0.24, 0.3)
    edge = 0.12 + height
    _lamp_stand(canvas, look, edge)
    shade = tumbler(0.5, 0.12, edge, top, rim, tilt)
    canvas.fill(shade, look.coat(0.8), TURNED_MATTE)
    canvas.fill(ellipse(0.5, 0.12, top, top * tilt), p.darker(look.color, 0.2), FLAT)
    canvas.fill(ellipse(0.5, 0.124, top * 0.9, top * tilt * 0.85), WARM_GLOW, FLAT)
    for y, half in ((0.12, top), (edge, rim)):
        canvas.line(arc(0.5, y, half, half * tilt, 0, 180), 0.01, p.lighter(look.color, 0.3), FLAT)
    glow = polygon(ellipse(0.5, 0.12 + height * 0.6, rim * 0.55, height * 0.42))
    canvas.soft(glow, WARM_GLOW, 0.55, 0.05)


def _lamp_stand(canvas: Canvas, look: Look, edge: float) -> None:
    form = look.pick("stand", ("gourd", "stick", "jar", "stick"))
    color = look.pick("stand color", (p.BRASS, look.accent, p.WOODS["walnut"], p.WHITE, p.BLACK))
    canvas.line(points((0.5, edge - 0.05), (0.5, 0.8)), 0.022, p.BRASS, METAL)
    tilt = look.pose.tilt
    if form == "stick":
        canvas.line(points((0.5, edge), (0.5, 0.86)), 0.034, color, METAL)
        half = look.vary("foot", 0.12, 0.16)
        canvas.fill(tumbler(0.5, 0.865, 0.89, half, half, tilt), color, TURNED_METAL)
        canvas.fill(ellipse(0.5, 0.865, half, half * tilt), p.lighter(color, 0.15), SMOOTH)
        return
    wide = look.vary("wide", 0.1, 0.14)
    waist = 0.03 if form == "gourd" else wide * 0.9
    profile = [
        (0.028, edge + 0.05),
        (wide * 0.62, edge + 0.12),
        (waist + 0.02, edge + 0.2),
        (wide, 0.72),
        (wide * 0.8, 0.84),
        (wide * 0.6, 0.88),
    ]
    canvas.fill(turned(0.5, profile, tilt), color, CERAMIC)


def draw_chair(canvas: Canvas, look: Look) -> None:
    """A dining chair."""
    wide, deep = look.vary("wide", 0.17, 0.2), look.vary("deep", 0.16, 0.19)
    seat, back = 0.0, look.vary("back", 0.36, 0.44)
    leg = look.vary("leg", 0.014, 0.022)
    wood = Paint(look.color, p.darker(look.color, 0.35), "wood")
    boxes = [
        Box((x - leg, -0.38, z - leg), (x + leg, high, z + leg), wood)
        for x in (-wide + leg, wide - leg)
        for z, high in ((deep - leg, seat), (-deep + leg, back))
    ]
    cushion = look.pick("cushion", (True, False))
    top: Paint | p.Color = look.accent if cushion else wood
    boxes.append(Box((-wide, seat, -deep + 2 * leg), (wide, seat + 0.04, deep), top, SMOOTH))
    boxes += _chair_back(look, wood, wide, deep, back, leg)
    for x in (-wide + leg, wide - leg):
        boxes.append(Box((x - 0.008, -0.24, -deep + leg), (x + 0.008, -0.21, deep - leg), wood))
    turn = 30.0 + 34.0 * look.pose.yaw
    draw_boxes(canvas, boxes, Camera(-turn, 8.0 + 60.0 * look.pose.tilt))


def _chair_back(
    look: Look, wood: Paint, wide: float, deep: float, back: float, leg: float
) -> list[Box]:
    z0, z1 = -deep + 0.006, -deep + 2 * leg - 0.006
    inner = wide - 2 * leg
    rails = [Box((-inner, back - 0.06, z0), (inner, back - 0.005, z1), wood)]
    if look.pick("back form", ("slats", "ladder", "slats")) == "ladder":
        for y in (0.12, 0.21):
            rails.append(Box((-inner, y, z0), (inner, y + 0.045, z1), wood))
        return rails
    rails.append(Box((-inner, 0.09, z0), (inner, 0.12, z1), wood))
    count = look.pick("slats", (3, 4, 5))
    for i in range(count):
        x = -inner + (i + 1) * 2 * inner / (count + 1)
        rails.append(Box((x - 0.013, 0.12, z0), (x + 0.013, back - 0.06, z1), wood))
    return rails


def draw_clock(canvas: Canvas, look: Look) -> None:
    """A round wall clock."""
    radius = look.vary("radius", 0.33, 0.38)
    ring = look.vary("ring", 0.03, 0.06)
    dial = look.pick("dial", (p.WHITE, (248, 242, 226), p.WHITE, (40, 42, 48)))
    ink = p.BLACK if p.luma(dial) > 0.5 else p.WHITE
    canvas.paint(disc(0.5, 0.5, radius), look.color, SMOOTH)
    face = disc(0.5, 0.5, radius - ring)
    canvas.paint(face, dial, FLAT)
    rim = cut(face, disc(0.508, 0.512, radius - ring))
    canvas.soft(rim, p.BLACK, 0.6, 0.012)
    _clock_marks(canvas, look, radius - ring, ink)
    hour = look.vary("hour", 0, 12)
    minute = (hour % 1) * 360
    for angle, length, width in ((hour * 30, 0.5, 0.022), (minute, 0.76, 0.015)):
        turn = math.radians(angle - 90)
        tip = (radius - ring) * length
        x, y = math.cos(turn), math.sin(turn)
        hand = points((0.5 - x * 0.04, 0.5 - y * 0.04), (0.5 + x * tip, 0.5 + y * tip))
        canvas.line(hand, width, ink, FLAT)
    canvas.paint(disc(0.5, 0.5, 0.02), look.accent, SMOOTH)


def _clock_marks(canvas: Canvas, look: Look, radius: float, ink: p.Color) -> None:
    long = look.vary("mark", 0.1, 0.2)
    for minute in range(60):
        hour = minute % 5 == 0
        turn = math.radians(minute * 6)
        x, y = math.cos(turn), math.sin(turn)
        inner = radius * (0.93 - (long if hour else 0.03))
        mark = points(
            (0.5 + x * inner, 0.5 + y * inner), (0.5 + x * radius * 0.93, 0.5 + y * radius * 0.93)
        )
        canvas.line(mark, 0.016 if hour else 0.005, ink, FLAT)


def draw_sofa(canvas: Canvas, look: Look) -> None:
    """A two- or three-seat sofa from the front."""
    seats = look.pick("seats", (2, 2, 3))
    arm = look.vary("arm", 0.07, 0.1)
    left, right = (0.1, 0.9) if seats == 2 else (0.05, 0.95)
    back, seat, floor = look.vary("back", 0.3, 0.36), 0.53, 0.74
    for x in (left + 0.05, right - 0.05, 0.5):
        foot = points((x - 0.016, floor - 0.02), (x + 0.016, floor - 0.02), (x, floor + 0.06))
        canvas.fill(foot, p.WOODS["walnut"], SMOOTH)
    coat = look.coat(0.9)
    dark = Paint(p.darker(coat.base, 0.12), coat.accent, coat.pattern, coat.scale)
    canvas.fill(box(left + 0.02, back, right - 0.02, floor - 0.05, 0.05), dark, PADDED)
    step = (right - left - 2 * arm) / seats
    for i in range(seats):
        x = left + arm + i * step
        canvas.fill(box(x, back + 0.02, x + step, seat + 0.06, 0.04), coat, PADDED)
    shadow = polygon(box(left + arm, seat - 0.03, right - arm, seat + 0.01))
    canvas.soft(shadow, p.BLACK, 0.45, 0.02)
    canvas.fill(box(left + 0.01, seat + 0.08, right - 0.01, floor, 0.02), dark, CLOTH)
    for i in range(seats):
        x = left + arm + i * step
        canvas.fill(box(x, seat, x + step, seat + 0.11, 0.035), coat, PADDED)
    top = seat - look.vary("arm height", 0.06, 0.11)
    for x in (left - 0.005, right - arm + 0.005):
        canvas.fill(box(x, top, x + arm, floor, 0.035), coat, PADDED)
    _pillows(canvas, look, left + arm, right - arm, seat)


def _pillows(canvas: Canvas, look: Look, left: float, right: float, seat: float) -> None:
    for side, x in (("left", left + 0.1), ("right", right - 0.1)):
        if not look.pick(f"pillow {side}", (True, False)):
            continue
        half = 0.08
        corners = [(x - half, seat - 0.13), (x, seat - 0.12), (x + half, seat - 0.13),
                   (x + half * 0.9, seat - 0.05), (x + half, seat + 0.02), (x, seat + 0.01),
                   (x - half, seat + 0.02), (x - half * 0.9, seat - 0.05)]  # fmt: skip
        outline = curve(corners, closed=True)
        canvas.soft(polygon(outline + 0.01), p.BLACK, 0.35, 0.015)
        canvas.fill(outline, look.accent, PADDED)


KINDS = (
    Kind(
        "lamp", "Home/Living/Lamp", "table lamp", draw_lamp, (29, 129),
        patterns=("plain", "plain", "stripes", "plain", "dots", "pinstripes"),
    ),
    Kind("chair", "Home/Living/Chair", "dining chair", draw_chair, (49, 189), colors=p.WOODS),
    Kind("clock", "Home/Living/Clock", "wall clock", draw_clock, (15, 69), stance="lying"),
    Kind(
        "sofa", "Home/Living/Sofa", "sofa", draw_sofa, (399, 1499),
        patterns=("plain", "melange", "plain", "pinstripes", "plain", "checks"),
    ),
)  # fmt: skip
