"""Shapes of cells: the evidence from which the type of a column is inferred."""

import json
import math
import re
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from indexer.sources.numerals import MAX_DIGITS, PLAIN_NUMBER, Numeral, numeral
from search_engine.catalog.dates import DateForm, date_form, iso_time

TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
GAPS = frozenset(
    (
        "-", "--", "–", "—", "?", "n/a", "null", "(null)", r"\n", "0000-00-00", "#n/a", "#nv",
        "#null!", "#name?", "#ref!", "#value!", "#div/0!", "#num!",
    )
)  # fmt: skip
"""Texts, in small letters, that stand for no value in a column of numbers, dates or booleans."""
MAX_SHAPED_CHARS = 48
"""Longer texts are neither numbers nor dates."""

Kind = Literal["text", "gap", "number", "long", "boolean", "date", "list", "object"]


class Shape(NamedTuple):
    """What a cell is, or how it can be read.

    `gap` is a text of GAPS. `long` is a whole number with more digits than a float keeps. `rounded`
    is how spreadsheets shorten a long code, `4.00638E+12`. `native` cells get their type from
    the file (JSON, Parquet, XLSX); all others are texts. `binary` is 0 or 1. `midnight` is a native
    time at 00:00, which is how spreadsheets store dates.
    """

    kind: Kind
    native: bool = False
    numeral: Numeral | None = None
    dates: DateForm | None = None
    binary: bool = False
    midnight: bool = False
    rounded: bool = False


TEXT = Shape("text")
GAP = Shape("gap")
ROUNDED = Shape("text", rounded=True)
LONG = Shape("long")
BOOLEAN = Shape("boolean")
_ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d\d")
_NATIVE = {
    kind: Shape(kind, native=True) for kind in ("number", "long", "boolean", "list", "object")
}
_NATIVE_BINARY = Shape("number", native=True, binary=True)
_NATIVE_DAY = Shape("date", native=True, dates=DateForm(True, True, year_first=True), midnight=True)
_NATIVE_TIME = _NATIVE_DAY._replace(midnight=False)
_NATIVE_INSTANT = _NATIVE_TIME._replace(dates=DateForm(True, True, zoned=True, year_first=True))


def is_empty(cell: Any) -> bool:
    """Return whether a cell is empty: null, NaN, or a text without characters other than space."""
    if isinstance(cell, str):
        return not cell or cell.isspace()
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def is_gap(cell: Any) -> bool:
    """Return whether a cell is a text of GAPS."""
    return isinstance(cell, str) and cell.strip().lower() in GAPS


def shape_of(cell: Any) -> Shape | None:
    """Return the shape of a cell; None for an empty one."""
    if isinstance(cell, str):
        return _text_shape(cell) if len(cell) <= MAX_SHAPED_CHARS else TEXT
    return None if is_empty(cell) else _native_shape(cell)


def text_of(cell: Any) -> str:
    """Return a cell as text: as it was written, or as its type is usually written."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**63 else repr(cell)
    if isinstance(cell, datetime):
        return iso_time(cell)
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, list | tuple | dict):
        return json.dumps(cell, ensure_ascii=False, default=text_of)
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "backslashreplace")
    return str(cell)


@lru_cache(maxsize=2**14)
def _text_shape(cell: str) -> Shape | None:
    text = cell.strip()
    if not text:
        return None
    plain = PLAIN_NUMBER.fullmatch(text)
    if plain is not None and (plain[1] is None or len(plain[1]) != 3) and len(text) <= MAX_DIGITS:
        return _plain_shape(len(plain[1] or ""), text[-1] == "0", text in ("0", "1"))
    if text.lower() in GAPS:
        return GAP
    if not any(map(str.isdecimal, text)):
        return BOOLEAN if text.lower() in TRUTHS else TEXT
    if _ROUNDED.fullmatch(text):
        return ROUNDED
    form = numeral(text)
    if form is not None:
        return Shape("number", numeral=form, binary=text in ("0", "1"))
    if text.isascii() and text.isdecimal() and text[0] != "0":
        return LONG
    dates = date_form(text)
    return TEXT if dates is None else Shape("date", dates=dates)


@lru_cache(maxsize=2**8)
def _plain_shape(decimals: int, ends_in_zero: bool, binary: bool) -> Shape:
    """Return the shape of a number as programs write it."""
    form = Numeral(decimals, None if decimals else 0, bool(decimals) and ends_in_zero)
    return Shape("number", numeral=form, binary=binary)


def _native_shape(cell: Any) -> Shape:
    if isinstance(cell, bool):
        return _NATIVE["boolean"]
    if isinstance(cell, int):
        if cell in (0, 1):
            return _NATIVE_BINARY
        return _NATIVE["number" if abs(cell) < 10**MAX_DIGITS else "long"]
    if isinstance(cell, float):
        return _NATIVE["number"] if math.isfinite(cell) else TEXT
    if isinstance(cell, Decimal):
        return _NATIVE["number" if _is_short(cell) else "long"]
    if isinstance(cell, datetime):
        if cell.tzinfo is not None:
            return _NATIVE_INSTANT
        return _NATIVE_DAY if cell.time() == time() else _NATIVE_TIME
    if isinstance(cell, date):
        return _NATIVE_DAY
    if isinstance(cell, list | tuple):
        flat = not any(isinstance(each, list | tuple | dict | bytes) for each in cell)
        return _NATIVE["list" if flat else "object"]
    return _NATIVE["object"] if isinstance(cell, dict) else TEXT


def _is_short(number: Decimal) -> bool:
    return number.is_finite() and len(number.normalize().as_tuple().digits) <= MAX_DIGITS
