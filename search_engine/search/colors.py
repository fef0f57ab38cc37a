"""Colours that a search asks for: names and hexadecimal numbers, with weights."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from search_engine.errors import ParameterError
from search_engine.images.color_names import NAMES
from search_engine.near import did_you_mean, shown
from search_engine.strict_json import read_json

MOST_ASKED = 6
MAX_WEIGHT = 1_000.0
SAME = {"same": 1.0}
"""The colours of the picture that is asked with."""
FORM = "teal, #aa2200 or teal:0.7,#ffffff:0.3"

_HEX = re.compile(r"#?(?P<full>[0-9a-f]{6})|#(?P<short>[0-9a-f]{3})")
_WEIGHT = re.compile(r"\d{1,4}(\.\d{0,6})?|\.\d{1,6}", re.ASCII)
_SPELLINGS = {"gray": "grey"}


def parse_colors(text: str) -> dict[str, float]:
    """Parse `teal`, `#aa2200` or `teal:0.7,#ffffff:0.3`, or a JSON object, to weights by colour; or
    `same`, for the colours of the picture that is asked with.

    Raises:
        ParameterError: It is something else.
    """
    if text.lstrip().startswith("{"):
        try:
            return check_colors(read_json(text))
        except (ValueError, RecursionError):
            raise _refused("not a JSON object") from None
    if text.strip().lower() in SAME:
        return dict(SAME)
    colors: dict[str, float] = {}
    for part in text.split(","):
        name, colon, weight = part.partition(":")
        if colon and not _WEIGHT.fullmatch(weight.strip()):
            raise _refused(f"{shown(part)} is not a colour with a number")
        spelled = _spelled(name)
        if spelled in colors:
            raise _refused(f"{spelled} is given twice")
        colors[spelled] = float(weight) if colon else 1.0
    return check_colors(colors)


def check_colors(colors: Any) -> dict[str, float]:
    """Weights by colour as names or `#rrggbb`, those of 0 left out.

    Raises:
        ParameterError: They are something else, none or too many.
    """
    if not isinstance(colors, Mapping) or not all(isinstance(name, str) for name in colors):
        raise _refused("not colours with numbers")
    for name, weight in colors.items():
        is_number = not isinstance(weight, bool) and isinstance(weight, int | float | np.floating)
        if not is_number or not 0 <= weight <= MAX_WEIGHT:
            raise ParameterError(
                f"the weight of {shown(name)} is {shown(repr(weight))}",
                where="color",
                fix=f"give a number from 0 to {MAX_WEIGHT:g}",
            )
    if set(colors) == set(SAME):
        return dict(SAME)
    found = {_spelled(name): float(weight) for name, weight in colors.items() if weight}
    if not 1 <= len(found) <= MOST_ASKED:
        raise ParameterError(
            f"{len(found)} colours", where="color", fix=f"give 1 to {MOST_ASKED} of them"
        )
    return found


def _spelled(name: str) -> str:
    """A colour as the tables have it: a name, or `#rrggbb`."""
    text = name.strip().lower()
    text = _SPELLINGS.get(text, text)
    if text in NAMES:
        return text
    found = _HEX.fullmatch(text)
    if found is None:
        raise ParameterError(
            f"there is no colour {shown(name.strip())}",
            where="color",
            fix=f"{did_you_mean(text, NAMES)}; or a number such as #aa2200",
        )
    return "#" + (found["full"] or "".join(each * 2 for each in found["short"]))


def _refused(what: str) -> ParameterError:
    return ParameterError(what, where="color", fix=f"give colours as {FORM}")
