"""Types of columns, how users write them, and how cells are read as them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from indexer.sources.numerals import (
    MAX_DIGITS,
    PLAIN_NUMBER,
    DecimalSign,
    numeral,
    parse_number,
)
from indexer.sources.shapes import TRUTHS, is_empty, shape_of, text_of
from search_engine.catalog.dates import DayOrder, iso_time, parse_date
from search_engine.errors import RowError, SourceError

TypeName = Literal["text", "number", "boolean", "date", "list"]
TYPES: tuple[TypeName, ...] = get_args(TypeName)
LIST_SEPARATORS = ("|", ";", ",")
"""Separators of lists in order of preference; the first that occurs in a cell applies, if none was
declared."""
LOOSE_TRUTHS = {**TRUTHS, "1": True, "0": False}
"""Texts read as true or false in a column known to be boolean."""

_SIGNS: dict[str, DecimalSign] = {".": ".", ",": ","}
_ORDERS: dict[str, DayOrder] = {"dmy": "dmy", "mdy": "mdy"}


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type, and how its cells are written: decimal sign, date order or list separator.

    `str` gives the form that `--type COLUMN=...` takes: `number`, `number:,`, `date:mdy`, `list:|`.
    """

    name: TypeName
    how: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.how}" if self.how else self.name

    @property
    def sign(self) -> DecimalSign | None:
        """The decimal sign of numbers, if known."""
        return _SIGNS.get(self.how) if self.name == "number" else None

    @property
    def order(self) -> DayOrder | None:
        """The order of dates, if known."""
        return _ORDERS.get(self.how) if self.name == "date" else None


def parse_type(written: str, where: str) -> ColumnType:
    """Parse a type as users write it.

    Raises:
        SourceError: There is no such type.
    """
    name, _, how = written.strip().partition(":")
    name = name.lower()
    hows: dict[str, tuple[str, ...]] = {"number": tuple(_SIGNS), "date": tuple(_ORDERS)}
    named = next((one for one in TYPES if one == name), None)
    if named is None:
        raise SourceError(
            f"there is no type {written!r}", where=where, fix=f"known: {', '.join(TYPES)}"
        )
    if how and named != "list" and how not in hows.get(name, ()):
        known = " or ".join(f"{name}:{one}" for one in hows.get(name, ())) or name
        raise SourceError(f"a {name} is not written {how!r}", where=where, fix=f"use {known}")
    return ColumnType(named, how)


Reading = Callable[[Any], Any]
"""Converts a non-empty cell to its value; returns None if the cell does not fit."""


def reading(kind: ColumnType, days_only: bool = False) -> Reading:
    """Return the function that reads cells as a type.

    `days_only` drops the time of native times at 00:00, which is how spreadsheets store dates.
    """
    if kind.name == "number":
        return lambda cell: read_number(cell, kind.sign or ".")
    if kind.name == "boolean":
        return read_truth
    if kind.name == "date":
        return lambda cell: read_date(cell, kind.order or "dmy", days_only)
    if kind.name == "list":
        return lambda cell: read_list(cell, kind.how)
    return text_of


def read_number(cell: Any, sign: DecimalSign) -> int | float | None:
    """Read a number, if it can be stored exactly."""
    if isinstance(cell, str):
        if sign == "." and len(cell) <= MAX_DIGITS and PLAIN_NUMBER.fullmatch(cell):
            return float(cell) if "." in cell else int(cell)
        return parse_number(cell.strip(), sign)
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        return None
    shape = shape_of(cell)
    if shape is None or shape.kind != "number":
        return None
    if isinstance(cell, Decimal):
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    return cell


def read_currency(cell: Any) -> str | None:
    """Return the currency beside a number."""
    form = numeral(cell.strip()) if isinstance(cell, str) else None
    return None if form is None else form.currency


def read_truth(cell: Any) -> bool | None:
    """Read true or false."""
    return cell if isinstance(cell, bool) else LOOSE_TRUTHS.get(text_of(cell).strip().lower())


def read_date(cell: Any, order: DayOrder, days_only: bool) -> str | None:
    """Read a date or time as ISO 8601."""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if days_only else iso_time(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return parse_date(cell.strip(), order) if isinstance(cell, str) else None


def read_list(cell: Any, separator: str) -> list[Any]:
    """Read the values of a list."""
    if isinstance(cell, list | tuple):
        return [_element(each) for each in cell]
    text = text_of(cell)
    mark = separator or next((one for one in LIST_SEPARATORS if one in text), "")
    parts = text.split(mark) if mark else [text]
    return [part.strip() for part in parts if part.strip()]


def misfit(column: str, kind: ColumnType, cell: Any) -> RowError:
    """Return the error for a cell that does not fit its column's type."""
    named = {"number": "a number", "boolean": "true or false", "date": "a date"}
    written = text_of(cell)
    shown = written if len(written) <= 40 else f"{written[:39]}…"
    return RowError("bad_value", f"{column} is not {named.get(kind.name, kind.name)}: {shown!r}")


def _element(value: Any) -> Any:
    if isinstance(value, str | bool) or is_empty(value):
        return None if is_empty(value) and not isinstance(value, str) else value
    number = read_number(value, ".")
    return text_of(value) if number is None else number
