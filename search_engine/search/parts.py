"""Parts of a look that results shall have in common with a picture: its shape, its colours."""

import math
import re
from collections.abc import Mapping
from typing import Any

from search_engine.errors import ParameterError
from search_engine.near import did_you_mean, shown
from search_engine.strict_json import read_json

SHAPE, COLOR = "shape", "color"
PARTS = (SHAPE, COLOR)
TOGETHER = 0.5
"""What parts count together, beside the embedding, that are named without numbers."""
FORM = "shape, or shape:0.5,color:0.2"

_PART = re.compile(r"\s*([a-z_]+)\s*(?::\s*(\d{1,4}(?:\.\d{0,6})?|\.\d{1,6})\s*)?", re.ASCII)


def parse_parts(text: str) -> dict[str, float]:
    """Parse `shape`, `shape,color` or `shape:0.5,color:0.2`, or a JSON object, to shares by part.

    Raises:
        ParameterError: It is something else.
    """
    if text.lstrip().startswith("{"):
        try:
            return check_parts(read_json(text))
        except (ValueError, RecursionError):
            raise _refused("not a JSON object") from None
    found: dict[str, float | None] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None or match[1] in found:
            raise _refused(f"{shown(part)} is not a part with a number, each part once")
        found[match[1]] = None if match[2] is None else float(match[2])
    each = TOGETHER / len(found)
    return check_parts({name: each if n is None else n for name, n in found.items()})


def check_parts(parts: Any) -> dict[str, float]:
    """Shares by part, those of 0 left out.

    Raises:
        ParameterError: They are something else, or more than 1 together.
    """
    if not isinstance(parts, Mapping) or not parts:
        raise _refused("not parts with numbers")
    for name, share in parts.items():
        if name not in PARTS:
            fix = did_you_mean(str(name), PARTS) or f"known: {', '.join(PARTS)}"
            raise ParameterError(f"there is no part {shown(str(name))}", where="parts", fix=fix)
        is_number = not isinstance(share, bool) and isinstance(share, int | float)
        if not is_number or not math.isfinite(share) or share < 0:
            raise _refused(f"the share of {name} is {shown(repr(share))}")
    if sum(parts.values()) > 1 + 1e-9:
        raise _refused("the shares are more than 1 together")
    return {name: float(share) for name, share in parts.items() if share}


def _refused(what: str) -> ParameterError:
    return ParameterError(what, where="parts", fix=f"give {FORM}; the embedding has the rest of 1")
