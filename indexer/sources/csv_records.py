"""Read the records of a delimited text, each with the line on which it begins.

A well-formed text is read by the csv module, which is fast. A text with unclosed quotes, or
unescaped quotes within quoted cells, is read record by record, and implausible records are read
again with the quotes taken literally.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from indexer.sources.dialect import Dialect
from indexer.sources.headers import MAX_COLUMNS
from search_engine.errors import SourceError

MAX_CELL_CHARS = 2**20

ROWS_THAT_FIT = 0.9
"""Share of the lines within a quoted cell that must look like records to doubt the quote."""

OVERSIZE = ["\x00"] * (MAX_COLUMNS + 1)
"""Marks, by identity, a row that is too large to read."""


class BadQuotesError(Exception):
    """The text is not well-formed; `read_each` may be able to read it."""


def read_well_formed(
    lines: Iterable[str], dialect: Dialect, width: int | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of each record; empty lines have no cells.

    Args:
        lines: All lines, starting with the dialect's first.
        dialect: How cells are separated and quoted.
        width: Cells that a record of several lines must have; None for any number.

    Raises:
        BadQuotesError: Text follows a closing quote, a quote is not closed, or a record of several
            lines has another width.
    """
    csv.field_size_limit(MAX_CELL_CHARS)
    reader = dialect.reader(lines, strict=True)
    before = dialect.first_line - 1
    end = 0
    while True:
        try:
            for cells in reader:
                start, end = end + 1, reader.line_num
                if start != end and width is not None and len(cells) != width:
                    raise BadQuotesError
                yield before + start, cells
            return
        except csv.Error as error:
            if "field limit" not in str(error) or reader.line_num != end + 1:
                raise BadQuotesError from None
            end = reader.line_num
            yield before + end, OVERSIZE


def read_each(
    lines: Iterable[str], dialect: Dialect, width: int | None, where: str
) -> Iterator[tuple[int, list[str]]]:
    """Do the same as `read_well_formed` for any text; unclosed quotes become part of their cells.

    Raises:
        SourceError: A quote is not closed, and its line alone is not a record either.
    """
    csv.field_size_limit(MAX_CELL_CHARS)
    source = _Lines(lines)
    reader = dialect.reader(source, strict=True)
    line = dialect.first_line
    while True:
        source.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = None
        taken = source.taken
        if cells is None or (len(taken) > 1 and width is not None and len(cells) != width):
            cells, count = _read_again(taken, cells, dialect, width, f"{where}, line {line}")
            source.put_back(taken[count:])
        else:
            count = len(taken)
        yield line, cells
        line += count


def _read_again(
    taken: Sequence[str], cells: list[str] | None, dialect: Dialect, width: int | None, where: str
) -> tuple[list[str], int]:
    """Return the cells of a malformed record, and how many of the lines belong to it."""
    if len(taken[0]) > MAX_CELL_CHARS:
        return OVERSIZE, 1
    for lines in (taken[:1], taken):
        fitting = _literal_cells_of("".join(lines), dialect, width)
        if fitting and (len(lines) == len(taken) or _are_rows(taken, cells, dialect, width)):
            return fitting, len(lines)
    if cells is not None:
        return cells, len(taken)
    if len(taken) == 1:
        return literal_cells(taken[0], dialect, True), 1
    raise SourceError(
        f"a quote ({dialect.quote}) is opened that is not closed where its cell ends",
        where=where,
        fix="close it, or write quotes within cells twice",
    )


def _are_rows(
    taken: Sequence[str], cells: list[str] | None, dialect: Dialect, width: int | None
) -> bool:
    """Return whether lines within one quoted cell are evidently records themselves.

    The last line may be the start of a longer record.
    """
    rows = taken if cells is not None else taken[:-1]
    fitting = sum(_literal_cells_of(row, dialect, width) is not None for row in rows)
    return fitting >= ROWS_THAT_FIT * len(rows)


def _literal_cells_of(text: str, dialect: Dialect, width: int | None) -> list[str] | None:
    """Return the cells of a record with unescaped quotes, if it then has the expected number.

    A cell that begins with a quote extends to the next quote at the end of a cell; if that does not
    fit, only cells without inner quotes count as quoted.
    """
    for quoted in (True, False):
        found = literal_cells(text, dialect, quoted)
        if len(found) == width or width is None:
            return found
    return None


def literal_cells(text: str, dialect: Dialect, quoted: bool) -> list[str]:
    """Split a record whose quotes are not doubled into cells.

    Args:
        text: The record, including its line end.
        dialect: Its delimiter and quote.
        quoted: Whether cells that begin with a quote may contain unescaped quotes.
    """
    quote, delimiter = dialect.quote, dialect.delimiter
    closing = re.compile(f"{re.escape(quote)}(?={re.escape(delimiter)}|$)")
    rest = text.rstrip("\r\n")
    cells: list[str] = []
    at = 0
    while at <= len(rest):
        end = closing.search(rest, at + 1) if rest.startswith(quote, at) else None
        inner = rest[at + 1 : end.start()] if end else ""
        if end and (quoted or quote not in inner.replace(quote * 2, "")):
            cells.append(inner.replace(quote * 2, quote))
            at = end.end() + 1
            continue
        stop = rest.find(delimiter, at)
        stop = len(rest) if stop < 0 else stop
        cells.append(rest[at:stop])
        at = stop + 1
    return cells


class _Lines:
    """Lines; those taken last can be put back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> "Iterator[str]":
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.taken.append(line)
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        """Put lines back, to be taken next."""
        self._waiting.extendleft(reversed(lines))
