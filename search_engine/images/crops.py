"""Whether a picture is a part of another, by their spectra alone.

The spectrum of a part follows from that of the whole by a matrix for each axis, so that hundreds of
parts are compared without looking at a pixel again.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search_engine.images.spectrum import (
    COARSE,
    FREQUENCIES,
    SIDE_PX,
    Spectra,
    detail_weights,
    unit,
    waves_at,
)
from search_engine.records import Floats, Vectors

Cuts = NDArray[np.float32]

STEP = 0.05
"""Parts begin and end at multiples of this share of a side, at first."""
FINER = 0.0125
"""The best of them is then moved and resized in steps of so much."""
SHORTEST = 0.75
"""Least share of a side that a part keeps."""
PROMISING = 0.78
"""A part that agrees less is not looked at more closely; real ones reached 0.81."""

Span = tuple[float, float]
"""Begin and end of a part of an axis, 0 to 1."""


def part_likeness(whole: Spectra, others: Spectra) -> Floats:
    """How much other pictures agree with the part of one that is most like each, (N,), to 1.

    Args:
        whole: The spectrum (FREQUENCIES, FREQUENCIES) of the one.
        others: Those of the others.
    """
    spans = _spans()
    rows = _coarse(others[:, :COARSE, :COARSE])
    agreement = _parts(whole, _cuts(spans), _cuts(spans)) @ rows.T
    found = agreement.max(axis=0).astype(np.float64)
    for number in np.flatnonzero(found >= PROMISING):
        down, across = divmod(int(agreement[:, number].argmax()), len(spans))
        found[number] = _closer(whole, rows[number], spans[down], spans[across])
    return np.asarray(found)


def _closer(whole: Spectra, row: Vectors, down: Span, across: Span) -> float:
    """The likeness to the best of the parts around one."""
    cuts = [_cuts(_around(span)) for span in (down, across)]
    return float((_parts(whole, *cuts) @ row).max())


def _parts(whole: Spectra, down: Cuts, across: Cuts) -> Vectors:
    """The details of all parts, unit rows, (len(down) * len(across), COARSE²)."""
    lines = (down.reshape(-1, FREQUENCIES) @ whole).reshape(-1, FREQUENCIES)
    both = lines @ across.reshape(-1, FREQUENCIES).T
    spectra = both.reshape(len(down), COARSE, len(across), COARSE).swapaxes(1, 2)
    return _coarse(np.asarray(spectra.reshape(-1, COARSE, COARSE), dtype=np.float32))


def _coarse(spectra: Spectra) -> Vectors:
    weights = detail_weights()[:COARSE, :COARSE]
    return unit((spectra * weights).reshape(len(spectra), -1))


@lru_cache(1)
def _spans() -> tuple[Span, ...]:
    """All parts of an axis that are looked at first."""
    steps = round(1 / STEP)
    least = round(SHORTEST / STEP)
    return tuple(
        (begin * STEP, end * STEP)
        for begin in range(steps - least + 1)
        for end in range(begin + least, steps + 1)
    )


def _around(span: Span) -> tuple[Span, ...]:
    """A part of an axis, and those that begin and end a little before and behind."""
    moves = FINER * np.arange(-2, 3)
    begins, ends = (np.unique(np.clip(place + moves, 0, 1).round(6)) for place in span)
    return tuple((begin, end) for begin in begins.tolist() for end in ends.tolist())


@lru_cache(4_096)
def _cuts(spans: tuple[Span, ...]) -> Cuts:
    """What makes the spectra of parts of that of their axis, (P, COARSE, FREQUENCIES)."""
    inside = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    whole = waves_at(inside)[:COARSE]
    return np.stack([whole @ waves_at(begin + (end - begin) * inside).T for begin, end in spans])
