"""T-shirts, hoodies, trousers and dresses, laid flat."""

from data.sample_catalog import palette as p
from data.sample_catalog.canvas import Canvas, Paint, cut, polygon, stroke
from data.sample_catalog.geometry import (
    Points,
    arc,
    box,
    curve,
    ellipse,
    mirrored,
    moved,
    points,
    symmetric,
)
from data.sample_catalog.kinds.base import PRINTS, Kind
from data.sample_catalog.looks import Look
from data.sample_catalog.shading import CLOTH, FLAT, PADDED, SMOOTH


def _folds(canvas: Canvas, look: Look, left: float, right: float, top: float, low: float) -> None:
    for i in range(5):
        x = left + (right - left) * look.vary(f"fold {i}", 0.08, 0.92)
        y = top + (low - top) * look.vary(f"fold y {i}", 0.1, 0.6)
        drop = look.vary(f"fold drop {i}", 0.08, 0.25)
        sway = look.vary(f"fold sway {i}", -0.05, 0.05)
        path = curve([(x, y), (x + sway, y + drop / 2), (x + sway * 0.6, min(y + drop, low))])
        canvas.crease(path, 0.011, 0.16)


def _seam(canvas: Canvas, path: Points, color: p.Color) -> None:
    canvas.soft(stroke(path, 0.004), p.darker(color, 0.5), 0.75, 0.001)


def draw_tshirt(canvas: Canvas, look: Look) -> None:
    """A short-sleeved shirt."""
    wide = look.vary("wide", 0.2, 0.235)
    low = look.vary("length", 0.82, 0.9)
    sleeve = look.vary("sleeve", 0.36, 0.43)
    neck = look.vary("neck", 0.08, 0.1)
    side = points(
        (0.5 + neck, 0.145),
        (0.5 + wide - 0.01, 0.19),
        (0.5 + wide + 0.17, sleeve - 0.01),
        (0.5 + wide + 0.065, sleeve + 0.05),
        (0.5 + wide - 0.005, 0.37),
        (0.5 + wide - 0.008, 0.6),
        (0.5 + wide + 0.005, low),
    )
    drop = look.pick("neckline", (0.05, 0.06, 0.12))
    opening = polygon(ellipse(0.5, 0.14, neck, drop))
    back = polygon(ellipse(0.5, 0.15, neck + 0.005, 0.03))
    canvas.paint(back, p.darker(look.color, 0.35), CLOTH)
    cloth = cut(polygon(symmetric(side)), opening)
    canvas.paint(cloth, look.coat(0.8), CLOTH)
    _collar(canvas, look, neck, drop)
    for flip in (False, True):
        seam = curve([(0.5 + wide - 0.015, 0.19), (0.5 + wide - 0.03, 0.28),
                      (0.5 + wide - 0.005, 0.37)])  # fmt: skip
        cuff = points((0.5 + wide + 0.157, sleeve - 0.028), (0.5 + wide + 0.05, sleeve + 0.03))
        for path in (seam, cuff):
            _seam(canvas, mirrored(path) if flip else path, look.color)
    _seam(canvas, points((0.5 - wide, low - 0.02), (0.5 + wide, low - 0.02)), look.color)
    _folds(canvas, look, 0.5 - wide, 0.5 + wide, 0.3, low - 0.03)


def _collar(canvas: Canvas, look: Look, neck: float, drop: float) -> None:
    ring = stroke(arc(0.5, 0.14, neck, drop, 2, 178), 0.02)
    color = look.pick("collar", (look.color, look.accent))
    canvas.paint(ring, p.darker(color, 0.12), CLOTH)


def draw_hoodie(canvas: Canvas, look: Look) -> None:
    """A hooded sweatshirt with long sleeves."""
    wide = look.vary("wide", 0.18, 0.205)
    low = look.vary("length", 0.78, 0.84)
    reach = look.vary("reach", 0.13, 0.18)
    arm = curve(
        [
            (0.5 + wide - 0.06, 0.24),
            (0.5 + wide + 0.03, 0.3),
            (0.5 + wide + reach, low - 0.12),
            (0.5 + wide + reach, low - 0.02),
            (0.5 + wide + reach - 0.075, low - 0.02),
            (0.5 + wide + 0.01, 0.55),
            (0.5 + wide - 0.05, 0.45),
        ],
        closed=True,
    )
    sleeves = (polygon(arm), polygon(mirrored(arm)))
    for sleeve in sleeves:
        canvas.paint(sleeve, look.coat(0.9), PADDED)
    right = 0.5 + wide + reach
    cuff = box(right - 0.082, low - 0.06, right + 0.006, low, 0.012)
    for path in (cuff, mirrored(cuff)):
        canvas.fill(path, p.darker(look.color, 0.14), CLOTH)
    side = points(
        (0.5 + 0.07, 0.21), (0.5 + wide - 0.02, 0.25), (0.5 + wide, 0.45), (0.5 + wide, low)
    )
    canvas.fill(symmetric(side), look.coat(0.9), CLOTH)
    canvas.fill(box(0.5 - wide, low - 0.03, 0.5 + wide, low + 0.035, 0.012),
                p.darker(look.color, 0.14), CLOTH)  # fmt: skip
    _folds(canvas, look, 0.5 - wide, 0.5 + wide, 0.3, low - 0.05)
    _pocket(canvas, look, low)
    _hood(canvas, look)


def _pocket(canvas: Canvas, look: Look, low: float) -> None:
    if look.pick("front", ("pocket", "pocket", "zip")) == "zip":
        zipper = points((0.5, 0.28), (0.5, low + 0.03))
        canvas.line(zipper, 0.018, p.darker(look.color, 0.3), FLAT)
        canvas.line(zipper, 0.006, p.STEEL, FLAT)
        return
    side = points((0.58, low - 0.22), (0.645, low - 0.1), (0.645, low - 0.04))
    canvas.fill(symmetric(side), look.coat(0.9), CLOTH)
    for path in (side, mirrored(side)):
        _seam(canvas, path, look.color)


def _hood(canvas: Canvas, look: Look) -> None:
    hood = curve([(0.5, 0.08), (0.6, 0.11), (0.625, 0.2), (0.585, 0.29), (0.5, 0.335),
                  (0.415, 0.29), (0.375, 0.2), (0.4, 0.11)], closed=True)  # fmt: skip
    canvas.soft(polygon(moved(hood, 0.0, 0.012)), p.BLACK, 0.35, 0.014)
    canvas.fill(hood, look.color, PADDED)
    opening = curve([(0.5, 0.135), (0.565, 0.165), (0.57, 0.22), (0.5, 0.31), (0.43, 0.22),
                     (0.435, 0.165)], closed=True)  # fmt: skip
    lining = look.pick("lining", (look.accent, p.darker(look.color, 0.4)))
    canvas.fill(opening, p.darker(lining, 0.25), CLOTH)
    cord = p.lighter(look.accent, 0.3)
    length = look.vary("cord", 0.1, 0.17)
    for side in (-1, 1):
        path = curve([(0.5 + side * 0.035, 0.3), (0.5 + side * 0.045, 0.3 + length / 2),
                      (0.5 + side * 0.035, 0.3 + length)])  # fmt: skip
        canvas.line(path, 0.009, cord, SMOOTH)


def draw_trousers(canvas: Canvas, look: Look) -> None:
    """Jeans from the front."""
    waist = look.vary("waist", 0.125, 0.145)
    hem = look.vary("hem", 0.05, 0.085)
    low = look.vary("length", 0.88, 0.93)
    spread = look.vary("spread", 0.005, 0.03)
    foot = 0.5 + 0.085 + spread
    leg = points(
        (0.5, 0.09), (0.5 + waist, 0.09), (0.5 + waist + 0.035, 0.26),
        (foot + hem, low), (foot - hem, low), (0.502, 0.36), (0.5, 0.33),
    )  # fmt: skip
    legs = (polygon(mirrored(leg)), polygon(leg))
    for mask in legs:
        canvas.paint(mask, Paint(look.color, p.WHITE, "melange"), CLOTH)
    canvas.soft(polygon(box(0.49, 0.12, 0.51, 0.3)), look.color, 1.0, 0.006)
    fade = p.lighter(look.color, 0.5)
    for side in (-1, 1):
        thigh = ellipse(0.5 + side * 0.09, 0.45, 0.035, 0.16)
        canvas.soft(polygon(thigh), fade, 0.35 * look.vary("fade", 0.2, 1.0), 0.03)
    _jeans_details(canvas, look, waist, foot, hem, low)


def _jeans_details(
    canvas: Canvas, look: Look, waist: float, foot: float, hem: float, low: float
) -> None:
    thread = look.pick("thread", (p.BRASS, p.lighter(look.color, 0.4)))
    canvas.fill(box(0.5 - waist - 0.003, 0.08, 0.5 + waist + 0.003, 0.125, 0.008),
                p.darker(look.color, 0.1), CLOTH)  # fmt: skip
    fly = curve([(0.5, 0.125), (0.5, 0.27), (0.5, 0.34)])
    canvas.line(fly, 0.004, p.darker(look.color, 0.45), FLAT)
    canvas.line(curve([(0.53, 0.125), (0.53, 0.23), (0.503, 0.27)]), 0.003, thread, FLAT)
    for flip in (False, True):
        pocket = curve([(0.5 + waist * 0.45, 0.125), (0.5 + waist * 0.62, 0.18),
                        (0.5 + waist + 0.022, 0.2)])  # fmt: skip
        cuff = points((foot + hem - 0.004, low - 0.018), (foot - hem + 0.004, low - 0.018))
        for path in (pocket, cuff):
            canvas.line(mirrored(path) if flip else path, 0.003, thread, FLAT)
        for i, y in enumerate((0.36, 0.6, 0.66)):
            x = foot - 0.03 + 0.02 * i
            fold = curve([(x - 0.04, y), (x, y + 0.015), (x + 0.045, y - 0.005)])
            canvas.crease(mirrored(fold) if flip else fold, 0.01, 0.18)
    for x in (-waist * 0.8, -waist * 0.3, waist * 0.3, waist * 0.8):
        canvas.fill(box(0.494 + x, 0.074, 0.506 + x, 0.132, 0.003), look.color, CLOTH)
    canvas.fill(ellipse(0.512, 0.102, 0.009, 0.009), p.BRASS, SMOOTH)


def draw_dress(canvas: Canvas, look: Look) -> None:
    """A sleeveless dress with a flared skirt."""
    waist = look.vary("waist", 0.1, 0.125)
    flare = look.vary("flare", 0.2, 0.32)
    low = look.vary("length", 0.78, 0.92)
    bust = waist + 0.035
    bodice = curve([(0.5 + bust - 0.03, 0.09), (0.5 + bust - 0.025, 0.18), (0.5 + bust, 0.25),
                    (0.5 + waist, 0.4)])  # fmt: skip
    skirt = curve([(0.5 + waist, 0.4), (0.5 + waist + flare * 0.4, 0.58), (0.5 + flare, low)])
    hem = curve([(0.5 + flare, low), (0.5 + flare * 0.5, low + 0.025), (0.5, low + 0.03)])
    upper = polygon(symmetric(points((0.5 + bust - 0.075, 0.085), *map(tuple, bodice))))
    neck = look.pick("neck", (0.07, 0.1, 0.13))
    hole = polygon(ellipse(0.5, 0.085, bust - 0.075, neck))
    lower = polygon(symmetric(points(*map(tuple, skirt), *map(tuple, hem))))
    canvas.paint(lower, look.coat(0.85), CLOTH)
    _pleats(canvas, look, waist, flare, low)
    canvas.paint(cut(upper, hole), look.coat(0.85), CLOTH)
    _sash(canvas, look, waist)


def _pleats(canvas: Canvas, look: Look, waist: float, flare: float, low: float) -> None:
    count = look.pick("pleats", (5, 6, 7))
    for i in range(count):
        share = (i + 0.5) / count * 2 - 1
        sway = look.vary(f"sway {i}", -0.02, 0.02)
        path = curve([(0.5 + share * waist, 0.42), (0.5 + share * (waist + flare) / 2 + sway, 0.6),
                      (0.5 + share * flare, low + 0.01)])  # fmt: skip
        canvas.crease(path, 0.014, 0.3)


def _sash(canvas: Canvas, look: Look, waist: float) -> None:
    if look.pick("sash", (True, True, False)):
        canvas.fill(box(0.5 - waist - 0.003, 0.385, 0.5 + waist + 0.003, 0.42, 0.008), look.accent,
                    CLOTH)  # fmt: skip
    else:
        _seam(canvas, points((0.5 - waist, 0.4), (0.5 + waist, 0.4)), look.color)


KINDS = (
    Kind("tshirt", "Clothing/Tops/T-Shirt", "T-shirt", draw_tshirt, (9, 35), patterns=PRINTS,
         stance="lying"),
    Kind("hoodie", "Clothing/Tops/Hoodie", "hoodie", draw_hoodie, (29, 79),
         patterns=("plain", "melange", "plain", "stripes", "plain"), stance="lying"),
    Kind("trousers", "Clothing/Bottoms/Jeans", "jeans", draw_trousers, (39, 119),
         colors=p.DENIMS, stance="lying"),
    Kind("dress", "Clothing/Dresses/Dress", "dress", draw_dress, (39, 149), patterns=PRINTS,
         stance="lying"),
)  # fmt: skip
