"""Codes that a workbook keeps as numbers and shows with leading zeros: 1234 as 01234."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

_PADDING = re.compile(r"0[0 -]*0")
_WRITTEN_AS = str.maketrans("", "", '\\"')


def has_padding(formats: Iterable[str]) -> bool:
    """Return whether one of these number formats shows leading zeros."""
    return any(_padding(each) for each in formats)


def as_shown(row: Sequence[Any]) -> list[Any]:
    """Return the values of cells as openpyxl reads them, those with leading zeros as texts."""
    return [_shown(cell.value, cell.number_format) for cell in row]


def _shown(value: Any, number_format: str) -> Any:
    padding = _padding(number_format) if type(value) in (int, float) else None
    if padding is None or value < 0 or value != int(value):
        return value
    digits = list(str(int(value)).zfill(padding.count("0")))
    shown = [digits.pop() if sign == "0" else sign for sign in reversed(padding)]
    return "".join(digits) + "".join(reversed(shown))


@lru_cache
def _padding(number_format: str) -> str | None:
    """Return a format of zeros with nothing but spaces and dashes between them, else None."""
    positive = number_format.partition(";")[0].translate(_WRITTEN_AS)
    return positive if _PADDING.fullmatch(positive) else None
