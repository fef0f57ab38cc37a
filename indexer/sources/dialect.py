"""Detect how a delimited text separates and quotes its cells, from its first records."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from indexer.sources.headers import MAX_TITLES
from search_engine.errors import SourceError

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = (",", ";", "\t", "|")
RARE_DELIMITER = ":"
"""Also occurs in times and addresses: considered only if no other delimiter separates anything."""

SAMPLE_RECORDS = 200
ENOUGH_ALIKE = 0.5
ALMOST_ALL_ALIKE = 0.9

NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", ":": "colons"}
_SPELLED = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_IN_APOSTROPHES = re.compile(r"'[^']+'(?:([,;\t|:])'[^']+')(?:\1'[^']+')*")
_ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are separated and quoted.

    `escaped`: a quote within a quoted cell is written `\\"`, not doubled. `first_line`: the line
    where the header is expected, 2 below a line like `sep=;`.
    """

    delimiter: str = ","
    quote: str = '"'
    escaped: bool = False
    first_line: int = 1

    def reader(self, lines: Iterable[str], strict: bool = False) -> "Reader":
        """Return a csv reader of these lines."""
        return csv.reader(
            self._unescaped(lines), delimiter=self.delimiter, quotechar=self.quote, strict=strict
        )

    def with_escapes(self) -> "Dialect":
        """Return the same dialect with quotes written `\\"`."""
        return replace(self, escaped=True)

    def notes(self, usual: str) -> Iterator[str]:
        """Sentences about the dialect, if it is unusual."""
        if self.delimiter != usual:
            name = NAMES.get(self.delimiter, repr(self.delimiter))
            yield f"cells are separated by {name}"
        if self.quote != '"':
            yield "cells are quoted with apostrophes"
        if self.escaped:
            yield 'quotes within cells are written \\"'

    def _unescaped(self, lines: Iterable[str]) -> Iterable[str]:
        """Yield the lines with doubled quotes instead of escaped ones."""
        if not self.escaped:
            return lines
        return (_ESCAPED.sub(lambda it: '""' if it[1] == '"' else "\\", line) for line in lines)


def spelled_delimiter(said: str) -> str:
    """Parse a delimiter that a user gives; `tab` and `\\t` mean a tab.

    Raises:
        SourceError: It is not one character, or cannot separate cells.
    """
    delimiter = _SPELLED.get(said.lower(), said)
    if len(delimiter) != 1 or delimiter in '"\r\n\x00':
        raise SourceError(
            f"{said!r} cannot separate cells", where="--delimiter", fix="name one character, or tab"
        )
    return delimiter


def find_dialect(sample: Sequence[str], said: str | None = None) -> Dialect:
    """Detect how the first lines of a text separate and quote cells.

    The delimiter is the one by which most records have as many cells as the header, quotes
    considered; among equals, the one that gives more cells. A line `sep=;` decides by itself.

    Args:
        sample: Whole lines from the start; the last record may be incomplete.
        said: The delimiter that the user gives, if any.
    """
    announced = _SEPARATOR_LINE.fullmatch(sample[0]) if sample else None
    lines = sample[1:] if announced else sample
    delimiter = spelled_delimiter(said) if said else announced[1] if announced else None
    quote = _quote(lines)
    if delimiter is None:
        delimiter = _delimiter(lines, quote)
    return Dialect(delimiter, quote, first_line=2 if announced else 1)


def separates(sample: Sequence[str], dialect: Dialect) -> bool:
    """Return whether the lines are evidently a table: several columns, and rows that fit."""
    return _is_evident(_fit(sample[dialect.first_line - 1 :], dialect.delimiter, dialect.quote))


@dataclass(frozen=True, slots=True, order=True)
class _Fit:
    """How well a delimiter fits: the share of records as wide as the header, and that width.

    The header is the first record; of a `titled` table the first of several cells.
    """

    alike: float
    width: int
    records: int


def _fit(lines: Sequence[str], delimiter: str, quote: str, titled: bool = False) -> _Fit:
    records = _sample_records(lines, delimiter, quote)
    if not records:
        return _Fit(0.0, 0, 0)
    if titled:
        top = records[: MAX_TITLES + 1]
        places = (number for number, record in enumerate(top) if sum(map(bool, record)) > 1)
        records = records[next(places, 0) :]
    width = len(records[0])
    others = records[1:]
    alike = sum(len(record) == width for record in others) / len(others) if others else 1.0
    return _Fit(alike, width, len(records))


def _sample_records(lines: Sequence[str], delimiter: str, quote: str) -> list[list[str]]:
    """Parse the sample; of more than two records the last is dropped, as it may be incomplete."""
    records: list[list[str]] = []
    try:
        for record in csv.reader(lines, delimiter=delimiter, quotechar=quote):
            if record:
                records.append(record)
            if len(records) == SAMPLE_RECORDS:
                break
    except csv.Error:
        pass  # a cell is too large: use the records before it
    return records[:-1] if len(records) > 2 else records


def _delimiter(lines: Sequence[str], quote: str) -> str:
    fits = {each: _fit(lines, each, quote) for each in DELIMITERS}
    separating = [each for each in DELIMITERS if fits[each].width > 1]
    best = max(separating, key=fits.__getitem__, default=None)
    if best is not None and fits[best].alike >= ENOUGH_ALIKE:
        return best
    if _is_evident(_fit(lines, RARE_DELIMITER, quote)):
        return RARE_DELIMITER
    below = {each: _fit(lines, each, quote, titled=True) for each in DELIMITERS}
    evident = [each for each in DELIMITERS if _is_evident(below[each])]
    return max(evident, key=below.__getitem__, default=best or ",")


def _is_evident(fit: _Fit) -> bool:
    return fit.width > 1 and fit.records > 1 and fit.alike >= ALMOST_ALL_ALIKE


def _quote(lines: Sequence[str]) -> str:
    """Return an apostrophe if every name of the header is in apostrophes, else the usual quote."""
    header = next((line.strip() for line in lines if line.strip()), "")
    return "'" if _IN_APOSTROPHES.fullmatch(header.removeprefix("\ufeff")) else '"'
