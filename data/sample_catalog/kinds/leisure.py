"""Bicycles, guitars and headphones."""

import math

import numpy as np

from data.sample_catalog import palette as p
from data.sample_catalog.canvas import Canvas, Paint, cut, disc, join, stroke
from data.sample_catalog.geometry import (
    Point,
    arc,
    box,
    curve,
    ellipse,
    mirrored,
    points,
    symmetric,
)
from data.sample_catalog.kinds.base import Kind
from data.sample_catalog.looks import Look
from data.sample_catalog.shading import FLAT, LEATHER, METAL, PADDED, SMOOTH

SPOKES = 20


def draw_bicycle(canvas: Canvas, look: Look) -> None:
    """A bicycle, front wheel to the right."""
    radius = look.vary("wheel", 0.185, 0.205)
    rear, front = (0.24, 0.68), (0.76, 0.68)
    tire = look.vary("tire", 0.014, 0.028)
    for wheel in (rear, front):
        _wheel(canvas, wheel, radius, tire)
    bottom, seat, head = (0.45, 0.7), (0.39, 0.42), (0.66, 0.4)
    step = look.pick("frame", ("straight", "straight", "low"))
    tubes = [(rear, bottom), (rear, seat), (seat, bottom), (bottom, head)]
    tubes.append((seat, head) if step == "straight" else ((0.42, 0.56), head))
    width = look.vary("tube", 0.02, 0.03)
    masks = [stroke(points(a, b), width) for a, b in tubes]
    fork = curve([(0.64, 0.33), (0.685, 0.5), (0.7, 0.56), front])
    canvas.line(fork, width, look.color, METAL)
    canvas.paint(join(*masks), look.color, METAL)
    _crank(canvas, bottom, rear)
    canvas.line(points(seat, (0.375, 0.355)), 0.014, p.STEEL, METAL)
    saddle = curve([(0.3, 0.335), (0.36, 0.325), (0.46, 0.34), (0.46, 0.352), (0.38, 0.37),
                    (0.31, 0.37)], closed=True)  # fmt: skip
    leather = look.pick("saddle", (p.RUBBER, p.LEATHERS["cognac"], p.LEATHERS["chestnut"]))
    canvas.fill(saddle, leather, LEATHER)
    _handlebar(canvas, look, leather)


def _wheel(canvas: Canvas, hub: Point, radius: float, tire: float) -> None:
    x, y = hub
    spokes = []
    for i in range(SPOKES):
        turn = 2 * math.pi * i / SPOKES
        edge = (x + radius * math.cos(turn), y + radius * math.sin(turn))
        spokes.append(stroke(points(hub, edge), 0.0035))
    canvas.paint(join(*spokes), (150, 154, 160), FLAT)
    canvas.paint(cut(disc(x, y, radius), disc(x, y, radius - 0.012)), p.STEEL, METAL)
    outer = disc(x, y, radius + tire)
    canvas.paint(cut(outer, disc(x, y, radius)), p.RUBBER, SMOOTH)
    canvas.paint(disc(x, y, 0.016), p.STEEL, METAL)


def _crank(canvas: Canvas, bottom: Point, rear: Point) -> None:
    x, y = bottom
    for shift in (-0.032, 0.032):
        chain = points((x, y + shift), (rear[0], rear[1] + shift * 0.5))
        canvas.line(chain, 0.006, (70, 72, 76), FLAT)
    ring = cut(disc(x, y, 0.045), disc(x, y, 0.03))
    canvas.paint(ring, (84, 86, 92), METAL)
    canvas.line(points((x - 0.03, y - 0.065), (x + 0.03, y + 0.065)), 0.012, p.STEEL, METAL)
    for side in (-1, 1):
        px, py = x + side * 0.03, y + side * 0.068
        canvas.fill(box(px - 0.028, py - 0.008, px + 0.028, py + 0.008, 0.006), p.RUBBER, SMOOTH)


def _handlebar(canvas: Canvas, look: Look, grip: p.Color) -> None:
    form = look.pick("bar", ("drop", "flat", "swept", "basket"))
    canvas.line(points((0.645, 0.36), (0.63, 0.29)), 0.016, p.STEEL, METAL)
    if form == "drop":
        bar = curve([(0.63, 0.29), (0.7, 0.285), (0.735, 0.32), (0.71, 0.37), (0.66, 0.375)])
    elif form == "flat":
        bar = curve([(0.6, 0.285), (0.64, 0.28), (0.68, 0.285)])
    else:
        bar = curve([(0.65, 0.29), (0.64, 0.265), (0.58, 0.265), (0.53, 0.285)])
    canvas.line(bar, 0.016, p.STEEL, METAL)
    canvas.line(bar[-12:], 0.024, grip, LEATHER)
    if form == "basket":
        wicker = points((0.67, 0.3), (0.84, 0.3), (0.82, 0.42), (0.69, 0.42))
        canvas.fill(wicker, Paint(p.WOODS["honey"], p.WOODS["walnut"], "checks", 0.35), PADDED)


def draw_guitar(canvas: Canvas, look: Look) -> None:
    """An acoustic or electric guitar, upright."""
    acoustic = look.pick("sort", (True, True, False))
    neck_end = 0.56 if acoustic else 0.62
    wood = Paint(look.color, p.darker(look.color, 0.3), "wood") if acoustic else Paint(look.color)
    if acoustic:
        _acoustic_body(canvas, look, wood)
    else:
        _electric_body(canvas, look)
    canvas.fill(box(0.474, 0.2, 0.526, neck_end), p.WOODS["ebony"], SMOOTH)
    for i in range(12):
        y = 0.2 + (neck_end - 0.2) * (1 - 0.93**i) / (1 - 0.93**13)
        canvas.line(points((0.476, y), (0.524, y)), 0.003, p.STEEL, FLAT)
    _headstock(canvas, look)
    bridge = 0.79 if acoustic else 0.77
    canvas.fill(box(0.435, bridge, 0.565, bridge + 0.025, 0.008), p.WOODS["ebony"], SMOOTH)
    for i in range(6):
        x = 0.481 + i * 0.0076
        canvas.line(points((x, 0.19), (x - 0.001, bridge + 0.01)), 0.002, (226, 222, 208), FLAT)


def _acoustic_body(canvas: Canvas, look: Look, wood: Paint) -> None:
    upper, lower = look.vary("upper", 0.125, 0.145), look.vary("lower", 0.175, 0.2)
    waist = look.vary("waist", 0.1, 0.115)
    cutaway = look.pick("cutaway", (False, False, True))
    right = [(0.0, 0.46), (upper * 0.8, 0.475), (upper, 0.55), (waist, 0.645), (lower, 0.78),
             (lower * 0.85, 0.89), (0.0, 0.93)]  # fmt: skip
    outline = symmetric(curve([(0.5 + x, y) for x, y in right]))
    canvas.fill(outline, p.darker(look.color, 0.45), SMOOTH)
    inner = (outline - (0.5, 0.695)) * (0.955, 0.968) + (0.5, 0.695)
    canvas.fill(inner, wood, SMOOTH)
    if cutaway:
        canvas.fill(ellipse(0.455, 0.74, 0.05, 0.045), p.darker(look.color, 0.5), SMOOTH)
    hole = disc(0.5, 0.64, look.vary("hole", 0.052, 0.062))
    canvas.paint(disc(0.5, 0.64, 0.072), p.lighter(look.color, 0.4), FLAT)
    canvas.paint(disc(0.5, 0.64, 0.066), p.darker(look.color, 0.3), FLAT)
    canvas.paint(hole, (34, 24, 20), FLAT)
    if look.pick("guard", (True, False)):
        guard = curve([(0.55, 0.66), (0.6, 0.69), (0.6, 0.75), (0.555, 0.74), (0.53, 0.7)],
                      closed=True)  # fmt: skip
        canvas.fill(guard, (70, 34, 26), SMOOTH)


def _electric_body(canvas: Canvas, look: Look) -> None:
    outline = curve([(0.47, 0.56), (0.4, 0.5), (0.36, 0.48), (0.335, 0.55), (0.37, 0.64),
                     (0.35, 0.72), (0.32, 0.8), (0.36, 0.9), (0.5, 0.925), (0.64, 0.9),
                     (0.675, 0.81), (0.63, 0.72), (0.62, 0.65), (0.65, 0.58), (0.62, 0.535),
                     (0.57, 0.58), (0.53, 0.58)], closed=True)  # fmt: skip
    canvas.fill(outline, look.color, SMOOTH)
    guard = curve([(0.42, 0.6), (0.53, 0.6), (0.6, 0.66), (0.58, 0.76), (0.6, 0.85), (0.53, 0.8),
                   (0.43, 0.76)], closed=True)  # fmt: skip
    canvas.fill(guard, look.pick("guard", (p.WHITE, p.BLACK)), SMOOTH)
    for y in (0.645, 0.695, 0.735):
        canvas.fill(box(0.455, y, 0.545, y + 0.022, 0.01), p.RUBBER, SMOOTH)
    for x, y in ((0.58, 0.8), (0.6, 0.84)):
        canvas.paint(disc(x, y, 0.014), p.STEEL, METAL)


def _headstock(canvas: Canvas, look: Look) -> None:
    head = symmetric(points((0.5, 0.062), (0.545, 0.055), (0.55, 0.1), (0.526, 0.205)))
    for i in range(3):
        y = 0.085 + i * 0.035
        for peg in (box(0.55, y, 0.58, y + 0.016, 0.008),):
            canvas.fill(peg, p.STEEL, METAL)
            canvas.fill(mirrored(peg), p.STEEL, METAL)
    canvas.fill(head, p.darker(look.color, 0.35), SMOOTH)


def draw_headphones(canvas: Canvas, look: Look) -> None:
    """Over-ear headphones from the front."""
    wide, high = look.vary("wide", 0.25, 0.29), look.vary("high", 0.34, 0.42)
    cup = look.vary("cup", 0.14, 0.17)
    y = 0.58
    band = arc(0.5, y, wide, high, 180, 360)
    canvas.line(band, look.vary("band", 0.03, 0.05), look.color, SMOOTH)
    pad = arc(0.5, y, wide - 0.015, high - 0.02, 225, 315)
    canvas.line(pad, 0.04, p.darker(look.accent, 0.1), PADDED)
    for side in (-1, 1):
        x = 0.5 + side * wide
        canvas.line(points((x, y - 0.08), (x, y + 0.03)), 0.024, p.STEEL, METAL)
        cushion = np.array([x - side * 0.055, y + 0.06])
        shell = np.array([x + side * 0.02, y + 0.06])
        canvas.fill(ellipse(cushion[0], cushion[1], cup * 0.42, cup * 0.98), p.RUBBER, PADDED)
        canvas.fill(ellipse(shell[0], shell[1], cup * 0.5, cup), look.color, SMOOTH)
        canvas.fill(ellipse(shell[0] + side * 0.014, shell[1], cup * 0.3, cup * 0.66), look.accent,
                    SMOOTH)  # fmt: skip


KINDS = (
    Kind("bicycle", "Outdoor/Bicycle", "bicycle", draw_bicycle, (249, 1290)),
    Kind("guitar", "Music/Guitar", "guitar", draw_guitar, (119, 890), colors=p.WOODS,
         stance="lying"),
    Kind("headphones", "Music/Headphones", "headphones", draw_headphones, (29, 249)),
)  # fmt: skip
