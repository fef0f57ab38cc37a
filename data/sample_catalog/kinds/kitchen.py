"""Mugs, teapots, pans and bottles."""

from data.sample_catalog import palette as p
from data.sample_catalog.canvas import Canvas, Paint, both, cut, disc, join, polygon, stroke
from data.sample_catalog.geometry import (
    arc,
    box,
    curve,
    ellipse,
    points,
    rotated,
    tumbler,
    turned,
)
from data.sample_catalog.kinds.base import PRINTS, Kind
from data.sample_catalog.looks import Look
from data.sample_catalog.shading import (
    BALL,
    CERAMIC,
    FLAT,
    METAL,
    SMOOTH,
    TURNED_MATTE,
    TURNED_METAL,
)

COFFEE = (74, 44, 30)


def draw_mug(canvas: Canvas, look: Look) -> None:
    """A mug with its handle to the right."""
    rim = look.vary("rim", 0.22, 0.27)
    base = rim * look.vary("taper", 0.78, 1.0)
    height = look.vary("height", 0.46, 0.6)
    tilt = look.pose.tilt
    top, bottom = 0.5 - height / 2, 0.5 + height / 2
    cx = 0.44
    _mug_handle(canvas, look, cx + min(rim, base) * 0.97, top, height)
    canvas.fill(tumbler(cx, top, bottom, rim, base, tilt), look.coat(0.8), CERAMIC)
    if look.pick("foot", (True, False)):
        band = tumbler(cx, bottom - 0.05, bottom, base * 1.01, base, tilt)
        upper = ellipse(cx, bottom - 0.05, base * 1.01, base * tilt)
        canvas.paint(cut(polygon(band), polygon(upper)), p.darker(look.accent, 0.1), CERAMIC)
    lip = p.lighter(look.color, 0.35)
    inside = look.pick("inside", (p.WHITE, look.accent, look.color))
    canvas.fill(ellipse(cx, top, rim, rim * tilt), lip, SMOOTH)
    hollow = polygon(ellipse(cx, top, rim * 0.93, rim * tilt * 0.91))
    canvas.paint(hollow, p.darker(inside, 0.22), FLAT)
    drink = polygon(ellipse(cx, top + rim * tilt * 0.5, rim * 0.9, rim * tilt * 0.9))
    if look.pick("filled", (True, False)):
        canvas.paint(both(hollow, drink), COFFEE, FLAT)
    canvas.soft(both(hollow, polygon(box(cx - rim, 0.0, cx, 1.0))), p.BLACK, 0.3, 0.02)


def _mug_handle(canvas: Canvas, look: Look, x: float, top: float, height: float) -> None:
    reach = look.vary("handle", 0.13, 0.19)
    start, end = top + height * 0.16, top + height * 0.78
    middle = (start + end) / 2
    color = look.pick("handle color", (look.color, look.color, look.accent))
    if look.pick("handle form", ("round", "square", "ear")) == "square":
        path = curve([(x - 0.02, start), (x + reach * 0.85, start + 0.01), (x + reach, middle)])
        path2 = curve([(x + reach, middle), (x + reach * 0.85, end - 0.01), (x - 0.02, end)])
        canvas.paint(join(stroke(path, 0.05), stroke(path2, 0.05)), color, SMOOTH)
        return
    canvas.line(arc(x, middle, reach, (end - start) / 2, -100, 100), 0.052, color, SMOOTH)


def draw_teapot(canvas: Canvas, look: Look) -> None:
    """A round pot, spout to the left and handle to the right."""
    half = look.vary("half", 0.22, 0.26)
    tall = look.vary("tall", 0.8, 1.08) * half
    cx, cy = 0.5, 0.56
    metal = look.pick("handle", (look.color, look.color, look.accent))
    canvas.line(
        curve(
            [
                (cx + half * 0.8, cy - tall * 0.55),
                (cx + half * 1.45, cy - tall * 0.65),
                (cx + half * 1.6, cy),
                (cx + half * 0.8, cy + tall * 0.5),
            ]
        ),
        0.046,
        metal,
        SMOOTH,
    )
    _spout(canvas, look, cx, cy, half, tall)
    foot = ellipse(cx, cy + tall * 0.93, half * 0.6, tall * 0.16)
    canvas.fill(foot, p.darker(look.color, 0.2), SMOOTH)
    body = [
        (half * 0.42, cy - tall * 0.92),
        (half * 0.85, cy - tall * 0.55),
        (half, cy),
        (half * 0.85, cy + tall * 0.6),
        (half * 0.55, cy + tall * 0.95),
    ]
    canvas.fill(turned(cx, body, 0.12), look.coat(0.8), CERAMIC)
    _lid(canvas, look, cx, cy - tall * 0.9, half * 0.5)
    canvas.soft(disc(cx - half * 0.42, cy - tall * 0.4, half * 0.1), p.WHITE, 0.7, 0.018)


def _spout(canvas: Canvas, look: Look, cx: float, cy: float, half: float, tall: float) -> None:
    rise = look.vary("spout", 0.55, 0.85)
    outline = curve(
        [
            (cx - half * 0.75, cy + tall * 0.5),
            (cx - half * 1.25, cy + tall * 0.1),
            (cx - half * 1.5, cy - tall * rise),
            (cx - half * 1.78, cy - tall * (rise + 0.12)),
            (cx - half * 1.6, cy - tall * (rise + 0.2)),
            (cx - half * 1.3, cy - tall * (rise + 0.1)),
            (cx - half * 1.05, cy - tall * 0.3),
            (cx - half * 0.7, cy - tall * 0.2),
        ],
        closed=True,
    )
    canvas.fill(outline, look.color, SMOOTH)


def _lid(canvas: Canvas, look: Look, cx: float, y: float, half: float) -> None:
    color = look.pick("lid", (look.color, look.accent))
    dome = curve([(half * 0.1, y - half * 0.5), (half * 0.7, y - half * 0.3), (half, y)])
    outline = turned(cx, [(float(x), float(v)) for x, v in dome[::7]], 0.22)
    canvas.fill(outline, color, CERAMIC)
    canvas.line(arc(cx, y, half, half * 0.22, 0, 180), 0.008, p.darker(color, 0.3), FLAT)
    radius = half * look.vary("knob", 0.18, 0.27)
    canvas.fill(ellipse(cx, y - half * 0.55 - radius * 0.5, radius, radius), color, BALL)


def draw_pan(canvas: Canvas, look: Look) -> None:
    """A frying pan seen from above at an angle, handle to the right."""
    radius = look.vary("radius", 0.25, 0.29)
    flat = min(0.55 + look.pose.tilt, 0.92)
    depth = look.vary("depth", 0.08, 0.13)
    cx, cy = 0.36, 0.5
    angle = look.vary("handle angle", -24, -10)
    _pan_handle(canvas, look, cx, cy, radius, angle)
    wall = ellipse(cx, cy + depth, radius * 0.86, radius * flat * 0.86)
    rim = ellipse(cx, cy, radius, radius * flat)
    outer = join(polygon(wall), polygon(rim), polygon(ellipse(cx, cy + depth / 2, radius * 0.95,
                 radius * flat * 0.93)))  # fmt: skip
    canvas.paint(outer, look.color, TURNED_METAL)
    canvas.fill(rim, p.lighter(look.color, 0.3), METAL)
    inside = look.pick("coating", ((48, 48, 52), (58, 56, 56), p.STEEL, (92, 94, 98)))
    canvas.fill(ellipse(cx, cy + 0.004, radius * 0.95, radius * flat * 0.945),
                p.darker(inside, 0.25), METAL)  # fmt: skip
    floor = ellipse(cx, cy + depth * 0.4, radius * 0.78, radius * flat * 0.76)
    canvas.fill(floor, inside, SMOOTH)
    for share in (0.62, 0.45, 0.28):
        ring = arc(cx, cy + depth * 0.4, radius * share, radius * flat * share, 0, 360)
        canvas.line(ring, 0.004, p.lighter(inside, 0.12), FLAT)
    gleam = arc(cx, cy + depth * 0.4, radius * 0.6, radius * flat * 0.58, 190, 260)
    canvas.soft(stroke(gleam, 0.05), p.WHITE, 0.35, 0.022)


def _pan_handle(
    canvas: Canvas, look: Look, cx: float, cy: float, radius: float, angle: float
) -> None:
    length = look.vary("handle length", 0.3, 0.36)
    start = cx + radius * 0.93
    wooden = look.pick("handle", ("wood", "plastic", "same"))
    neck = rotated(box(start - 0.03, cy - 0.02, start + 0.1, cy + 0.02), angle, cx, cy)
    canvas.fill(neck, p.STEEL, METAL)
    grip = box(start + 0.06, cy - 0.032, start + length, cy + 0.032, 0.03)
    color = {"wood": p.WOODS["walnut"], "plastic": p.RUBBER, "same": look.color}[wooden]
    mask = polygon(rotated(grip, angle, cx, cy))
    hole = rotated(ellipse(start + length - 0.035, cy, 0.016, 0.012), angle, cx, cy)
    canvas.paint(cut(mask, polygon(hole)), color, SMOOTH)


def draw_bottle(canvas: Canvas, look: Look) -> None:
    """A drinking bottle with a cap."""
    half = look.vary("half", 0.105, 0.135)
    neck = half * look.vary("neck", 0.42, 0.62)
    shoulder = look.vary("shoulder", 0.32, 0.4)
    top, bottom, sag = 0.2, 0.92, look.pose.tilt * 0.7
    profile = [
        (neck, top),
        (neck, top + 0.04),
        (half * 0.8, shoulder - 0.04),
        (half, shoulder + 0.03),
        (half, 0.6),
        (half, bottom),
    ]
    canvas.fill(turned(0.5, profile, sag), look.coat(0.7), TURNED_METAL)
    cap = look.pick("cap", (p.RUBBER, p.STEEL, look.accent, p.WOODS["oak"]))
    canvas.fill(tumbler(0.5, top - 0.07, top + 0.01, neck * 1.18, neck * 1.18, sag), cap,
                TURNED_MATTE)  # fmt: skip
    canvas.fill(ellipse(0.5, top - 0.07, neck * 1.18, neck * 1.18 * sag), p.lighter(cap, 0.2))
    if look.pick("loop", (True, False)):
        loop = arc(0.5, top - 0.07, neck * 0.8, 0.06, 180, 360)
        canvas.line(loop, 0.02, p.darker(cap, 0.1), SMOOTH)
    low = bottom - 0.06
    band = cut(
        polygon(tumbler(0.5, low, bottom, half, half, sag)),
        polygon(ellipse(0.5, low, half, half * sag)),
    )
    canvas.paint(band, p.STEEL, TURNED_METAL)
    if look.pattern == "plain":
        badge = look.vary("badge", 0.03, 0.045)
        canvas.paint(disc(0.5, 0.56, badge), Paint(look.accent), FLAT, 0.9)
        canvas.line(points((0.5 - badge / 2, 0.56), (0.5 + badge / 2, 0.56)), 0.008, look.color)


KINDS = (
    Kind("mug", "Home/Kitchen/Mug", "mug", draw_mug, (7, 24), patterns=PRINTS),
    Kind("teapot", "Home/Kitchen/Teapot", "teapot", draw_teapot, (24, 79), patterns=PRINTS),
    Kind("pan", "Home/Kitchen/Pan", "frying pan", draw_pan, (19, 89), colors=p.METALS),
    Kind("bottle", "Home/Kitchen/Bottle", "water bottle", draw_bottle, (12, 39), patterns=PRINTS),
)
