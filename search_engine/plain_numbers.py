"""Numbers as programs write them: one rule for flags, settings, forms and addresses.

Python's own reading takes more: to `int` and `float`, `1_0` is 10, and ` 5 ` and digits of other
scripts are numbers. Whoever meant something else by these would not be told.
"""

import math
import re

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_REAL = re.compile(r"[+-]?(\d{1,400}\.?\d{0,400}|\.\d{1,400})([eE][+-]?\d{1,3})?", re.ASCII)


def is_digits(text: str) -> bool:
    """Whether a text is one or more of the digits 0 to 9."""
    return text.isascii() and text.isdecimal()


def parse_whole(text: str) -> int | None:
    """The whole number that a text spells in at most 18 digits; None for any other text."""
    return int(text) if _WHOLE.fullmatch(text) else None


def parse_real(text: str) -> float | None:
    """The finite number that a text spells, with an exponent too; None for any other text."""
    number = float(text) if _REAL.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None
