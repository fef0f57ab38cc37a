"""Dates and times as people write them in tables, and as they are stored: ISO 8601.

A time with a zone is an instant and is stored in UTC (`2025-12-31T11:30:00Z`); one without stays
without. Whether `01/02/2025` has the day or the month first, only the whole column can tell.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Literal, NamedTuple

DayOrder = Literal["dmy", "mdy"]

_TIME = (
    r"(?:[T ,]{1,2}(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<part>\d{1,9}))?)?"
    r"(?: ?(?P<zone>[Zz]|UTC|[+-]\d\d(?::?\d\d)?))?)?"
)
_YEAR_FIRST = re.compile(
    rf"(?P<year>\d{{4}})(?P<mark>[-/])(?P<one>\d\d)(?P=mark)(?P<two>\d\d){_TIME}", re.ASCII
)
_YEAR_LAST = re.compile(
    rf"(?P<one>\d{{1,2}})(?P<mark>[./-])(?P<two>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_TIME}",
    re.ASCII,
)


class DateForm(NamedTuple):
    """How a cell can be read as a date: with the day or the month first, and with a zone or not.

    A date that begins with the year can be read with either order.
    """

    dmy: bool
    mdy: bool
    zoned: bool = False
    year_first: bool = False

    def has(self, order: DayOrder) -> bool:
        """Whether the cell can be read in this order."""
        return self.dmy if order == "dmy" else self.mdy


@lru_cache(maxsize=2**14)
def date_form(text: str) -> DateForm | None:
    """How a text without space around it can be read as a date; None where it is none."""
    dmy, mdy = parse_date(text, "dmy"), parse_date(text, "mdy")
    if dmy is None and mdy is None:
        return None
    zoned = (dmy or mdy or "").endswith("Z")
    year_first = _YEAR_FIRST.fullmatch(text) is not None
    return DateForm(dmy is not None, mdy is not None, zoned, year_first)


@lru_cache(maxsize=2**14)
def parse_date(text: str, order: DayOrder = "dmy") -> str | None:
    """The date or time in ISO 8601; None where it is none in this order."""
    match = _YEAR_FIRST.fullmatch(text)
    if match is not None:
        month, day = match["one"], match["two"]
    else:
        match = _YEAR_LAST.fullmatch(text)
        if match is None:
            return None
        day, month = match["one"], match["two"]
        if order == "mdy":
            day, month = month, day
    try:
        found = date(int(match["year"]), int(month), int(day))
        return found.isoformat() if match["hour"] is None else iso_time(_moment(found, match))
    except (ValueError, OverflowError):
        return None


def iso_time(moment: datetime) -> str:
    """A time in ISO 8601, in UTC where it has a zone."""
    precision = "milliseconds" if moment.microsecond and not moment.microsecond % 1_000 else "auto"
    if moment.tzinfo is None:
        return moment.isoformat(timespec=precision)
    in_utc = moment.astimezone(UTC).replace(tzinfo=None)
    return in_utc.isoformat(timespec=precision) + "Z"


def _moment(day: date, match: "re.Match[str]") -> datetime:
    part = (match["part"] or "")[:6].ljust(6, "0")
    clock = time(int(match["hour"]), int(match["minute"]), int(match["second"] or 0), int(part))
    return datetime.combine(day, clock, _zone(match["zone"]))


def _zone(written: str | None) -> timezone | None:
    if written is None:
        return None
    if written in ("Z", "z", "UTC"):
        return UTC
    digits = written[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if written[0] == "-" else offset)
