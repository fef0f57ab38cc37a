"""Sneakers and boots, seen from the side with the toe to the left."""

from data.sample_catalog import palette as p
from data.sample_catalog.canvas import Canvas, Mask, both, polygon, stroke
from data.sample_catalog.geometry import arc, box, curve, ellipse, moved, points
from data.sample_catalog.kinds.base import Kind
from data.sample_catalog.looks import Look
from data.sample_catalog.shading import FLAT, LEATHER, PADDED, SMOOTH


def draw_sneaker(canvas: Canvas, look: Look) -> None:
    """A low or high sports shoe."""
    high = look.pick("collar", (0.0, 0.0, 0.0, 0.12))
    outline = curve(
        [
            (0.1, 0.64), (0.12, 0.56), (0.22, 0.5), (0.38, 0.44), (0.52, 0.34),
            (0.6, 0.3 - high), (0.68, 0.335 - high), (0.78, 0.34 - high), (0.86, 0.29 - high),
            (0.895, 0.4), (0.91, 0.55), (0.9, 0.66), (0.5, 0.67), (0.12, 0.67),
        ],
        closed=True,
    )  # fmt: skip
    upper = polygon(outline)
    inside = ellipse(0.73, 0.325 - high, 0.125, 0.035)
    canvas.fill(inside, p.darker(look.accent, 0.45), FLAT)
    canvas.paint(upper, look.coat(0.7), PADDED)
    _overlays(canvas, look, upper)
    _sole(canvas, look)
    _laces(canvas, look, high)


def _overlays(canvas: Canvas, look: Look, upper: Mask) -> None:
    toe = polygon(ellipse(0.12, 0.68, look.vary("toe", 0.12, 0.17), 0.17))
    canvas.paint(both(upper, toe), p.lighter(look.color, 0.25), SMOOTH)
    heel = polygon(ellipse(0.93, 0.5, 0.1, 0.22))
    canvas.paint(both(upper, heel), look.accent, SMOOTH)
    mark = look.pick("mark", ("bars", "wave", "roundel"))
    color = look.contrast()
    if mark == "bars":
        for x in (0.54, 0.63):
            canvas.paint(both(upper, stroke(points((x, 0.42), (x - 0.07, 0.68)), 0.036)), color)
    elif mark == "wave":
        for shift in (0.0, 0.045):
            path = curve([(0.46, 0.54), (0.58, 0.59), (0.68, 0.51), (0.82, 0.53)])
            canvas.line(moved(path, 0.0, shift), 0.014, color)
    else:
        canvas.fill(ellipse(0.66, 0.5, 0.05, 0.05), color)
        canvas.fill(ellipse(0.66, 0.5, 0.03, 0.03), look.accent)


def _sole(canvas: Canvas, look: Look) -> None:
    thick = look.vary("sole", 0.06, 0.1)
    color = look.pick("sole color", (p.WHITE, p.WHITE, (236, 226, 204), p.RUBBER))
    sole = curve(
        [
            (0.085, 0.645), (0.3, 0.66), (0.6, 0.665), (0.91, 0.63), (0.935, 0.66 + thick / 2),
            (0.9, 0.66 + thick), (0.5, 0.665 + thick), (0.15, 0.66 + thick), (0.09, 0.69),
        ],
        closed=True,
    )  # fmt: skip
    canvas.fill(sole, color, SMOOTH)
    canvas.line(curve([(0.095, 0.675), (0.5, 0.695), (0.92, 0.665)]), 0.006, look.accent, FLAT)
    base = 0.66 + thick
    tread = curve([(0.13, base - 0.004), (0.5, base + 0.004), (0.9, base - 0.004)])
    canvas.line(tread, 0.014, p.darker(color, 0.45), FLAT)


def _laces(canvas: Canvas, look: Look, high: float) -> None:
    tongue = curve([(0.55, 0.36 - high), (0.565, 0.26 - high), (0.63, 0.25 - high),
                    (0.64, 0.32 - high)], closed=True)  # fmt: skip
    canvas.fill(tongue, p.lighter(look.color, 0.15), PADDED)
    lace = look.pick("laces", (p.WHITE, p.WHITE, look.accent, p.BLACK))
    for i in range(5):
        x, y = 0.37 + i * 0.05, 0.455 - i * 0.033 - high * i / 5
        canvas.line(curve([(x - 0.015, y - 0.012), (x + 0.03, y + 0.012), (x + 0.06, y + 0.055)]),
                    0.014, lace, SMOOTH)  # fmt: skip
        canvas.fill(ellipse(x + 0.065, y + 0.06, 0.008, 0.008), p.darker(look.color, 0.5), FLAT)


def draw_boot(canvas: Canvas, look: Look) -> None:
    """A leather boot: ankle boot, riding boot or cowboy boot."""
    top = look.vary("shaft", 0.12, 0.36)
    heel = look.vary("heel", 0.05, 0.1)
    wide = look.vary("wide", 0.0, 0.04)
    ground = 0.86
    outline = curve(
        [
            (0.52 - wide, top), (0.53, top + 0.2), (0.5, 0.6), (0.36, 0.68), (0.22, 0.73),
            (0.15, 0.79), (0.16, 0.835), (0.35, 0.84), (0.58, 0.82 - heel * 0.3),
            (0.8, 0.84 - heel * 0.3), (0.81, 0.72), (0.785, 0.55), (0.79, top + 0.1),
            (0.8 + wide, top),
        ],
        closed=True,
    )  # fmt: skip
    mouth = ellipse(0.66, top, 0.14 + wide, 0.028 + 0.1 * look.pose.tilt)
    canvas.paint(polygon(outline), look.coat(), LEATHER)
    canvas.fill(mouth, p.darker(look.color, 0.6), FLAT)
    sole = look.pick("sole", (p.RUBBER, p.darker(look.color, 0.55), p.WOODS["walnut"]))
    canvas.fill(curve([(0.14, 0.815), (0.36, 0.838), (0.6, 0.81), (0.82, 0.815), (0.82, 0.85),
                       (0.6, 0.845), (0.36, ground + 0.005), (0.16, ground)], closed=True),
                sole, SMOOTH)  # fmt: skip
    canvas.fill(points((0.62, 0.83), (0.82, 0.83), (0.81, ground + 0.012), (0.645, ground + 0.012)),
                sole, SMOOTH)  # fmt: skip
    _boot_details(canvas, look, top)
    gleam = stroke(curve([(0.24, 0.745), (0.36, 0.7), (0.48, 0.63)]), 0.02)
    canvas.soft(gleam, p.WHITE, 0.4, 0.014)


def _boot_details(canvas: Canvas, look: Look, top: float) -> None:
    form = look.pick("form", ("laced", "cowboy", "chelsea"))
    dark = p.darker(look.color, 0.4)
    canvas.line(curve([(0.52, 0.62), (0.62, 0.66), (0.66, 0.82)]), 0.005, dark, FLAT)
    canvas.line(curve([(0.3, 0.72), (0.38, 0.76), (0.4, 0.83)]), 0.005, dark, FLAT)
    if form == "chelsea":
        gore = curve([(0.62, top + 0.04), (0.74, top + 0.04), (0.72, 0.55), (0.68, 0.62),
                      (0.64, 0.55)], closed=True)  # fmt: skip
        canvas.fill(gore, p.mix(dark, p.RUBBER, 0.6))
        canvas.line(arc(0.8, top + 0.01, 0.03, 0.05, 180, 360), 0.016, dark, SMOOTH)
    elif form == "cowboy":
        thread = p.lighter(look.accent, 0.1)
        for shift in (0.0, 0.035, 0.07):
            path = curve([(0.58, top + 0.08 + shift), (0.66, top + 0.03 + shift),
                          (0.74, top + 0.08 + shift), (0.7, 0.5 + shift), (0.66, 0.56 + shift),
                          (0.62, 0.5 + shift)], closed=True)  # fmt: skip
            canvas.line(path, 0.004, thread, FLAT)
        canvas.fill(box(0.54, top - 0.02, 0.58, top + 0.09, 0.008), dark, LEATHER)
    else:
        for i in range(6):
            y = top + 0.06 + (0.6 - top - 0.06) * i / 6
            canvas.line(points((0.515, y), (0.6, y + 0.03)), 0.013, look.accent, SMOOTH)
            canvas.fill(ellipse(0.605, y + 0.032, 0.009, 0.009), p.BRASS, SMOOTH)


KINDS = (
    Kind("sneaker", "Clothing/Shoes/Sneaker", "sneakers", draw_sneaker, (39, 139),
         patterns=("plain", "plain", "plain", "checks", "plain", "plain", "dots")),
    Kind("boot", "Clothing/Shoes/Boot", "boots", draw_boot, (69, 219), colors=p.LEATHERS),
)  # fmt: skip
