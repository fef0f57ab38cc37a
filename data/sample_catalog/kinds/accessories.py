"""Bags, backpacks, umbrellas, sunglasses, watches and hats."""

import math
from itertools import pairwise

import numpy as np

from data.sample_catalog import palette as p
from data.sample_catalog.canvas import Canvas, Paint, both, cut, disc, join, polygon, stroke
from data.sample_catalog.geometry import (
    Points,
    arc,
    box,
    curve,
    ellipse,
    mirrored,
    moved,
    points,
    rotated,
    symmetric,
    turned,
)
from data.sample_catalog.kinds.base import Kind
from data.sample_catalog.looks import Look
from data.sample_catalog.shading import CLOTH, FLAT, LEATHER, METAL, PADDED, SMOOTH, TURNED_MATTE

BANDS = ("leather", "links", "leather")


def draw_bag(canvas: Canvas, look: Look) -> None:
    """A handbag with two handles."""
    top, low = look.vary("top", 0.4, 0.46), 0.85
    upper, lower = look.vary("upper", 0.22, 0.27), look.vary("lower", 0.28, 0.35)
    rise = look.vary("rise", 0.22, 0.3)
    strap = p.darker(look.pick("strap", (look.color, look.accent)), 0.15)
    canvas.line(arc(0.51, top, upper * 0.52, rise * 0.9, 180, 360), 0.024, p.darker(strap), LEATHER)
    side = curve([(0.5 + upper, top), (0.5 + lower * 0.94, 0.62), (0.5 + lower, low - 0.05),
                  (0.5 + lower - 0.04, low), (0.5, low + 0.008)])  # fmt: skip
    body = symmetric(points((0.5, top), *map(tuple, side)))
    canvas.fill(body, look.coat(), LEATHER)
    edge = symmetric(points((0.5, low - 0.08), (0.5 + lower + 0.02, low - 0.08), (0.5 + lower, 0.9),
                            (0.5, 0.9)))  # fmt: skip
    if look.pick("base", (True, False)):
        canvas.paint(both(polygon(body), polygon(edge)), p.darker(look.accent, 0.2), LEATHER)
    _bag_flap(canvas, look, top, upper)
    canvas.line(arc(0.5, top + 0.03, upper * 0.55, rise, 180, 360), 0.028, strap, LEATHER)
    for x in (-upper * 0.55, upper * 0.55):
        canvas.fill(box(0.484 + x, top + 0.01, 0.516 + x, top + 0.09, 0.012), strap, LEATHER)
        canvas.fill(ellipse(0.5 + x, top + 0.03, 0.018, 0.018), p.BRASS, METAL)


def _bag_flap(canvas: Canvas, look: Look, top: float, upper: float) -> None:
    if look.pick("closing", ("flap", "open", "flap")) == "open":
        seam = points((0.5 - upper, top + 0.035), (0.5 + upper, top + 0.035))
        canvas.soft(stroke(seam, 0.006), p.BLACK, 0.5, 0.002)
        canvas.fill(box(0.46, top + 0.12, 0.54, top + 0.16, 0.01), p.BRASS, METAL)
        return
    drop = look.vary("drop", 0.14, 0.22)
    flap = curve([(0.5, top - 0.005), (0.5 + upper, top), (0.5 + upper * 0.98, top + drop * 0.6),
                  (0.5 + upper * 0.5, top + drop), (0.5, top + drop * 1.08)])  # fmt: skip
    outline = symmetric(flap)
    canvas.soft(polygon(moved(outline, 0.0, 0.014)), p.BLACK, 0.4, 0.012)
    canvas.fill(outline, p.lighter(look.color, 0.06), LEATHER)
    canvas.fill(box(0.468, top + drop * 0.8, 0.532, top + drop * 1.2, 0.012), p.BRASS, METAL)


def draw_backpack(canvas: Canvas, look: Look) -> None:
    """A backpack with a front pocket."""
    wide = look.vary("wide", 0.21, 0.245)
    top, low = look.vary("top", 0.14, 0.19), 0.88
    dark = p.darker(look.color, 0.3)
    canvas.line(arc(0.5, top + 0.02, 0.06, 0.075, 180, 360), 0.026, dark, PADDED)
    strap = curve([(0.5 + wide * 0.6, top + 0.06), (0.5 + wide + 0.06, 0.36),
                   (0.5 + wide + 0.075, 0.6), (0.5 + wide * 0.9, low - 0.06)])  # fmt: skip
    for path in (strap, mirrored(strap)):
        canvas.line(path, 0.045, dark, PADDED)
    side = box(0.5 + wide - 0.05, 0.58, 0.5 + wide + 0.05, low - 0.02, 0.04)
    for path in (side, mirrored(side)):
        canvas.fill(path, dark, PADDED)
    body = symmetric(curve([(0.5, top), (0.5 + wide * 0.7, top + 0.03), (0.5 + wide, top + 0.18),
                            (0.5 + wide + 0.012, 0.6), (0.5 + wide, low - 0.04),
                            (0.5 + wide * 0.8, low), (0.5, low + 0.005)]))  # fmt: skip
    canvas.fill(body, look.coat(0.9), PADDED)
    _zip(canvas, arc(0.5, top + 0.26, wide * 0.83, 0.2, 180, 360))
    _backpack_pocket(canvas, look, wide, low)


def _zip(canvas: Canvas, path: Points) -> None:
    canvas.line(path, 0.014, p.RUBBER, FLAT)
    canvas.line(path, 0.004, p.STEEL, FLAT)
    x, y = path[len(path) // 5]
    canvas.fill(box(x - 0.008, y, x + 0.008, y + 0.05, 0.006), p.STEEL, METAL)


def _backpack_pocket(canvas: Canvas, look: Look, wide: float, low: float) -> None:
    color = look.pick("pocket", (look.color, look.accent, look.accent))
    top = look.vary("pocket top", 0.5, 0.58)
    outline = box(0.5 - wide * 0.8, top, 0.5 + wide * 0.8, low - 0.035, 0.06)
    canvas.soft(polygon(moved(outline, 0.0, 0.006)), p.BLACK, 0.45, 0.012)
    canvas.fill(outline, color, PADDED)
    _zip(canvas, curve([(0.5 - wide * 0.7, top + 0.06), (0.5, top + 0.05),
                        (0.5 + wide * 0.7, top + 0.06)]))  # fmt: skip
    patch = look.pick("patch", ("tag", "roundel", "buckles"))
    if patch == "buckles":
        for x in (-wide * 0.5, wide * 0.5):
            canvas.fill(box(0.485 + x, 0.36, 0.515 + x, low - 0.1, 0.006), p.darker(color), LEATHER)
            canvas.fill(box(0.476 + x, top + 0.08, 0.524 + x, top + 0.13, 0.01), p.BRASS, METAL)
    elif patch == "tag":
        canvas.fill(box(0.46, 0.4, 0.54, 0.45, 0.008), p.LEATHERS["tan"], LEATHER)
    else:
        canvas.paint(disc(0.5, 0.42, 0.04), look.accent, SMOOTH)


def draw_umbrella(canvas: Canvas, look: Look) -> None:
    """An open umbrella with a bent handle."""
    half = look.vary("half", 0.38, 0.43)
    high = look.vary("high", 0.26, 0.34)
    panels = look.pick("panels", (6, 8))
    rim = 0.5
    hook = look.vary("hook", 0.045, 0.06)
    canvas.line(points((0.5, 0.2), (0.5, 0.9)), 0.016, p.STEEL, METAL)
    canvas.line(arc(0.5 - hook, 0.88, hook, hook, 0, 180), 0.03, p.WOODS["walnut"], SMOOTH)
    canvas.line(points((0.5, 0.8), (0.5, 0.88)), 0.03, p.WOODS["walnut"], SMOOTH)
    edges = [-math.cos(math.pi * i / panels) * half for i in range(panels + 1)]
    _underside(canvas, look, edges, rim)
    for i, (left, right) in enumerate(pairwise(edges)):
        odd = look.pattern == "panels" and i % 2 == 1
        coat = Paint(look.accent) if odd else _canopy(look)
        outline = _panel(left, right, rim, high, half)
        canvas.fill(outline, coat, CLOTH)
    canvas.line(points((0.5, rim - high - 0.05), (0.5, rim - high + 0.01)), 0.014, p.STEEL, METAL)
    gleam = stroke(arc(0.5, rim, half * 0.66, high * 0.75, 205, 245), 0.03)
    canvas.soft(gleam, p.WHITE, 0.45, 0.03)


def _canopy(look: Look) -> Paint:
    return Paint(look.color) if look.pattern == "panels" else look.coat()


def _rib(x: float, rim: float, high: float, half: float) -> Points:
    """The edge of a panel, from the tip of the canopy to its rim."""
    angle = np.linspace(0.0, 1.0, 24)
    across = 0.5 + x * np.sin(angle * math.pi / 2)
    down = rim - high * np.cos(angle * math.pi / 2) + 0.03 * (1 - (x / half) ** 2) * angle
    return np.column_stack((across, down))


def _panel(left: float, right: float, rim: float, high: float, half: float) -> Points:
    start, end = _rib(left, rim, high, half), _rib(right, rim, high, half)
    (lx, ly), (rx, ry) = start[-1], end[-1]
    lift = 0.22 * (right - left)
    hem = curve([(rx, ry), ((lx + rx) / 2, (ly + ry) / 2 - lift), (lx, ly)])
    return np.concatenate((end, hem, start[::-1]))


def _underside(canvas: Canvas, look: Look, edges: list[float], rim: float) -> None:
    half = -edges[0]
    dark = ellipse(0.5, rim + 0.004, half * 0.94, 0.03 + 0.1 * look.pose.tilt)
    canvas.fill(dark, p.darker(look.color, 0.55), FLAT)
    for x in edges[1:-1:2]:
        canvas.line(points((0.5, rim + 0.1), (0.5 + x * 0.8, rim)), 0.005, p.STEEL, FLAT)


def draw_sunglasses(canvas: Canvas, look: Look) -> None:
    """Sunglasses from the front, the arms folded out behind."""
    form = look.pick("form", ("round", "square", "pilot", "cat"))
    thick = look.vary("thick", 0.018, 0.034)
    lens = look.pick("lens", ((40, 44, 50), (74, 54, 40), (36, 60, 74), (70, 44, 70)))
    wide = look.vary("wide", 0.15, 0.17)
    for side in (-1, 1):
        x = 0.5 + side * (wide + 0.03)
        arm = curve([(x + side * wide * 0.95, 0.42), (x + side * (wide + 0.07), 0.4),
                     (x + side * (wide + 0.05), 0.34)])  # fmt: skip
        canvas.line(arm, thick * 0.9, p.darker(look.color, 0.2), SMOOTH)
        outline = _lens_outline(form, wide)
        outline = (outline if side > 0 else outline * (-1.0, 1.0)) + (x, 0.5)
        _lens(canvas, outline, lens, look.color, thick)
    bridge = arc(0.5, 0.475, 0.045, 0.035, 180, 360)
    canvas.line(bridge, thick * 0.9, look.color, SMOOTH)
    if form == "pilot":
        canvas.line(points((0.44, 0.41), (0.56, 0.41)), thick * 0.7, look.color, SMOOTH)


def _lens_outline(form: str, wide: float) -> Points:
    """The right lens around the origin."""
    if form == "round":
        return ellipse(0.0, 0.0, wide * 0.95, wide * 0.92)
    if form == "square":
        return box(-wide, -wide * 0.66, wide, wide * 0.7, wide * 0.4)
    if form == "pilot":
        return curve([(-wide * 0.9, -wide * 0.5), (0.0, -wide * 0.75), (wide, -wide * 0.6),
                      (wide * 0.95, wide * 0.1), (wide * 0.3, wide * 0.9),
                      (-wide * 0.5, wide * 0.75), (-wide * 0.9, wide * 0.1)],
                     closed=True)  # fmt: skip
    return curve([(-wide * 0.92, -wide * 0.2), (-wide * 0.3, -wide * 0.62), (wide * 1.05, -wide),
                  (wide * 0.95, wide * 0.1), (wide * 0.4, wide * 0.68), (-wide * 0.5, wide * 0.6)],
                 closed=True)  # fmt: skip


def _lens(canvas: Canvas, outline: Points, lens: p.Color, frame: p.Color, thick: float) -> None:
    glass = polygon(outline)
    canvas.paint(glass, lens, FLAT, 0.94)
    low, high = outline.min(axis=0), outline.max(axis=0)
    lower = polygon(box(low[0], low[1] + (high[1] - low[1]) * 0.6, high[0], high[1]))
    canvas.soft(both(glass, lower), p.lighter(lens, 0.7), 0.5, 0.03)
    x = low[0] + (high[0] - low[0]) * 0.3
    gleam = stroke(points((x + 0.03, low[1] + 0.03), (x - 0.03, high[1] - 0.05)), 0.03)
    canvas.paint(both(glass, gleam), p.WHITE, FLAT, 0.28)
    closed = np.concatenate((outline, outline[:2]))
    canvas.line(closed, thick, frame, SMOOTH)


def draw_watch(canvas: Canvas, look: Look) -> None:
    """A wrist watch, strap above and below."""
    radius = look.vary("radius", 0.165, 0.2)
    strap = look.vary("strap", 0.085, 0.11)
    metal = look.pick("metal", (p.STEEL, p.BRASS, p.STEEL, (70, 72, 78), (206, 150, 128)))
    band = symmetric(points((0.5 + strap * 0.8, 0.06), (0.5 + strap, 0.36), (0.5 + strap, 0.64),
                            (0.5 + strap * 0.78, 0.94)))  # fmt: skip
    if look.pick("band", BANDS) == "links":
        _links_band(canvas, band, strap, metal)
    else:
        _leather_band(canvas, look, band, strap)
    canvas.fill(box(0.5 + radius - 0.01, 0.475, 0.5 + radius + 0.04, 0.525, 0.01), metal, METAL)
    for x in (-strap * 0.95, strap * 0.95):
        canvas.line(points((0.5 + x, 0.5 - radius * 1.08), (0.5 + x, 0.5 + radius * 1.08)), 0.035,
                    metal, METAL)  # fmt: skip
    canvas.paint(disc(0.5, 0.5, radius), metal, METAL)
    _watch_dial(canvas, look, radius * 0.84, metal)


def _links_band(canvas: Canvas, band: Points, strap: float, metal: p.Color) -> None:
    canvas.fill(band, metal, METAL)
    rows = [0.08 + i * 0.034 for i in range(26)]
    gaps = [stroke(points((0.5 - strap, y), (0.5 + strap, y)), 0.005) for y in rows]
    for x in (-strap * 0.4, strap * 0.4):
        gaps.append(stroke(points((0.5 + x, 0.06), (0.5 + x, 0.94)), 0.005))
    canvas.soft(join(*gaps), p.BLACK, 0.7, 0.002)


def _leather_band(canvas: Canvas, look: Look, band: Points, strap: float) -> None:
    canvas.fill(band, look.coat(), LEATHER)
    thread = p.lighter(look.color, 0.4)
    for side in (-1, 1):
        x = side * strap * 0.72
        canvas.line(points((0.5 + x * 0.92, 0.08), (0.5 + x, 0.92)), 0.004, thread, FLAT)
    for y in (0.78, 0.82, 0.86, 0.9):
        canvas.fill(ellipse(0.5, y, 0.011, 0.008), p.darker(look.color, 0.6), FLAT)


def _watch_dial(canvas: Canvas, look: Look, radius: float, metal: p.Color) -> None:
    dial = look.pick("dial", (p.WHITE, look.accent, (32, 36, 46), p.WHITE))
    if look.pick("band", BANDS) == "links":
        dial = look.color
    ink = p.BLACK if p.luma(dial) > 0.5 else p.WHITE
    face = disc(0.5, 0.5, radius)
    canvas.paint(face, dial, FLAT)
    canvas.soft(cut(face, disc(0.505, 0.508, radius)), p.BLACK, 0.7, 0.008)
    for hour in range(12):
        mark = rotated(points((0.5, 0.5 - radius * 0.9), (0.5, 0.5 - radius * 0.74)), hour * 30)
        canvas.line(mark, 0.011 if hour % 3 == 0 else 0.006, ink, FLAT)
    if look.pick("chronograph", (True, False)):
        for x, y in ((0.4, 0.0), (-0.4, 0.0), (0.0, 0.42)):
            cx, cy = 0.5 + x * radius, 0.5 + y * radius
            canvas.paint(disc(cx, cy, radius * 0.2), p.mix(dial, metal, 0.6), SMOOTH)
    for degrees, length, width in ((304, 0.5, 0.013), (62, 0.74, 0.009), (190, 0.82, 0.004)):
        hand = rotated(points((0.5, 0.5 + radius * 0.1), (0.5, 0.5 - radius * length)), degrees)
        canvas.line(hand, width, ink, FLAT)
    canvas.paint(disc(0.5, 0.5, 0.011), metal, SMOOTH)


def draw_hat(canvas: Canvas, look: Look) -> None:
    """A brimmed hat with a band."""
    brim = look.vary("brim", 0.34, 0.43)
    crown = look.vary("crown", 0.18, 0.22)
    high = look.vary("high", 0.24, 0.32)
    curl = look.vary("curl", 0.0, 0.07)
    y = 0.6
    flat = 0.045 + look.pose.tilt * 0.35
    under = curve([(0.5 - brim, y - curl), (0.5 - brim * 0.6, y + flat * brim * 0.8),
                   (0.5, y + flat * brim * 1.5), (0.5 + brim * 0.6, y + flat * brim * 0.8),
                   (0.5 + brim, y - curl), (0.5 + brim * 0.6, y - flat * brim * 0.9),
                   (0.5, y - flat * brim * 1.3), (0.5 - brim * 0.6, y - flat * brim * 0.9)],
                  closed=True)  # fmt: skip
    canvas.fill(under, p.darker(look.color, 0.06), CLOTH)
    profile = [(crown * 0.55, y - high), (crown * 0.86, y - high * 0.86), (crown * 0.95, y - 0.1),
               (crown * 1.04, y)]  # fmt: skip
    canvas.soft(polygon(turned(0.51, profile, 0.34)), p.BLACK, 0.4, 0.02)
    body = turned(0.5, profile, 0.2)
    canvas.fill(body, look.coat(), TURNED_MATTE)
    if look.pick("dent", (True, True, False)):
        dent = curve([(0.46, y - high - 0.02), (0.5, y - high + 0.05), (0.52, y - high + 0.13)])
        canvas.crease(dent, 0.03, 0.3)
    band = cut(polygon(body), polygon(box(0.0, 0.0, 1.0, y - 0.075)))
    lower = polygon(ellipse(0.5, y - 0.075, crown, crown * 0.2))
    canvas.paint(cut(band, lower), p.darker(look.accent, 0.1), TURNED_MATTE)


KINDS = (
    Kind("bag", "Accessories/Bag", "handbag", draw_bag, (39, 249), colors=p.PALETTE,
         patterns=("plain", "plain", "plain", "checks", "plain", "flowers")),
    Kind("backpack", "Accessories/Backpack", "backpack", draw_backpack, (29, 119),
         patterns=("plain", "plain", "dots", "plain", "melange", "zigzag")),
    Kind("umbrella", "Accessories/Umbrella", "umbrella", draw_umbrella, (12, 49),
         patterns=("panels", "plain", "dots", "panels", "flowers", "plain", "checks"),
         stance="lying"),
    Kind("sunglasses", "Accessories/Sunglasses", "sunglasses", draw_sunglasses, (15, 159),
         stance="lying"),
    Kind("watch", "Accessories/Watch", "watch", draw_watch, (49, 399), colors=p.LEATHERS,
         stance="lying"),
    Kind("hat", "Accessories/Hat", "hat", draw_hat, (19, 69),
         patterns=("plain", "plain", "melange", "plain", "stripes")),
)  # fmt: skip
