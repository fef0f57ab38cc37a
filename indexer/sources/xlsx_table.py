"""Tables in Excel workbooks and compatible ones (.xlsx), read row by row."""

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from indexer.sources.base import Reject
from indexer.sources.headers import (
    SHOWN,
    HeaderSurvey,
    below_titles,
    check_width,
    rows_have,
    title_notes,
)
from indexer.sources.mapping import names_any
from indexer.sources.merged_cells import Filling, Merged, merged_over_rows
from indexer.sources.options import AS_FOUND, SourceOptions
from indexer.sources.padded_cells import as_shown, has_padding
from indexer.sources.records import Record
from search_engine.errors import EyedexError, MissingExtraError, SourceError
from search_engine.names import normal

MAX_UNPACKED_BYTES = 2**30
"""Limit of all parts of a workbook; 1,000,000 rows of 6 columns have about 300 MiB."""

MAX_TEXTS_BYTES = 2**28
"""Limit of the part with the texts of all cells, which is held in memory."""

TEXTS = "xl/sharedStrings.xml"
MAX_ROWS = 2**20
"""Rows of a sheet, by the format."""

BATCH_ROWS = 1_000
ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})

Row = tuple[int, Sequence[Any]]


class XlsxTable:
    """Records of one sheet; its first row with cells is the header, but for titles above it.

    The sheet is the one that the options name. Else it is the first that names most of ids and
    pictures in its header; hidden ones only count if no other has cells. A line is the number of a
    row in its sheet. Formulas have their saved results.
    """

    def __init__(self, path: Path, options: SourceOptions = AS_FOUND) -> None:
        self.path = path
        self._options = options
        self._openpyxl = import_openpyxl(path)
        _check_parts(path)
        self._sheet, others = self._choose_sheet()
        self._header_row, header, titles = below_titles(self._filled_rows(self._sheet))
        self._width, empty_rows = self._measure()
        check_width(self._width, str(path))
        self._merged = self._merged_cells()
        survey = HeaderSurvey(_text(cell) for cell in _filled_up(header, self._width))
        if survey.is_doubtful:
            for _, cells in self._data_rows():
                survey.look_at(cells)
        columns = survey.columns()
        self._places = columns.places
        self.columns = columns.names
        self.notes = (
            *_sheet_notes(self._sheet, others),
            *title_notes(titles),
            *columns.notes,
            *_empty_notes(empty_rows),
            *_merged_notes(sum(map(len, self._merged.values()))),
        )

    def records(self) -> Iterator[Record | Reject]:
        """See Table."""
        for row, cells in self._data_rows():
            kept = [cells[place] for place in self._places]
            if ERRORS.intersection(cell for cell in kept if isinstance(cell, str)):
                yield self._error_reject(row, cells)
            else:
                yield Record(row, dict(zip(self.columns, map(_plain, kept), strict=True)))

    def _error_reject(self, row: int, cells: Sequence[Any]) -> Reject:
        place = next(place for place in self._places if cells[place] in ERRORS)
        address = f"{self._openpyxl.utils.get_column_letter(place + 1)}{row}"
        return Reject(row, None, "bad_value", f"cell {address} is the error {cells[place]}")

    def _choose_sheet(self) -> tuple[str, list[str]]:
        """Return the title of the sheet to read, and those of the others."""
        wanted = self._options.sheet
        with self._workbook() as book:
            titles = [sheet.title for sheet in book.worksheets]
            filled = [
                sheet
                for sheet in book.worksheets
                if wanted in (None, sheet.title) and next(self._rows(sheet), None) is not None
            ]
            chosen = max(filled, key=self._suitability, default=None)
        if chosen is None:
            raise self._no_sheet(titles)
        return chosen.title, [other for other in titles if other != chosen.title]

    def _suitability(self, sheet: Any) -> tuple[bool, int]:
        """Whether a sheet is visible, and how many of ids and pictures its header names."""
        _, header, _ = below_titles(self._rows(sheet))
        names = {normal(_text(cell).strip()) for cell in header}
        said = {**self._options.known_columns, **self._options.columns}
        fields = [
            field
            for field in ("item_id", "image")
            if said.get(field) in names or names_any(field, names)
        ]
        return sheet.sheet_state == "visible", len(fields)

    def _no_sheet(self, titles: Sequence[str]) -> SourceError:
        wanted, where = self._options.sheet, str(self.path)
        if wanted is None:
            fix = "it needs a sheet with a header row"
            return SourceError("the file is empty", where=where, fix=fix)
        if wanted in titles:
            return SourceError(f"the sheet {wanted!r} is empty", where=where, fix="name another")
        known = ", ".join(map(repr, titles))
        return SourceError(f"there is no sheet {wanted!r}", where=where, fix=f"it has {known}")

    def _measure(self) -> tuple[int, int]:
        """Return the width of the table, and how many rows within it are empty."""
        last, width, count = self._header_row, 0, 0
        for number, cells in self._filled_rows(self._sheet):
            if number >= self._header_row:
                last, width, count = number, max(width, len(cells)), count + 1
        return width, last - self._header_row + 1 - count

    def _merged_cells(self) -> Merged:
        """The cells below the header that are merged over several rows."""
        with self._workbook() as book, book[self._sheet]._get_source() as source:
            merged = merged_over_rows(source, str(self.path))
        return {row: cells for row, cells in merged.items() if row > self._header_row}

    def _data_rows(self) -> Iterator[Row]:
        merged = Filling(self._merged)
        for number, cells in self._filled_rows(self._sheet):
            if number > self._header_row:
                yield number, merged.filled(number, _filled_up(cells, self._width))

    def _filled_rows(self, title: str) -> Iterator[Row]:
        """Yield the rows of a sheet, as `_rows`."""
        with self._workbook() as book:
            yield from self._rows(book[title])

    def _rows(self, sheet: Any) -> Iterator[Row]:
        """Yield rows that have cells, up to the last of them, with their numbers."""
        sheet.reset_dimensions()  # the dimensions declared in the file are often wrong
        padded = has_padding(sheet.parent._number_formats)
        rows = sheet.iter_rows(values_only=not padded)
        number = 0
        while batch := _next_rows(rows):
            for cells in batch:
                number += 1
                if kept := _trimmed(as_shown(cells) if padded else cells):
                    yield number, kept
            if number > MAX_ROWS:
                raise SourceError(f"more than {MAX_ROWS:,} rows", where=str(self.path))

    @contextmanager
    def _workbook(self) -> Iterator[Any]:
        """Open the workbook; errors name the file."""
        try:
            with self.path.open("rb") as file:
                book = self._load(file)
                try:
                    yield book
                finally:
                    book.close()
        except EyedexError:
            raise
        except Exception as error:  # a damaged workbook raises many kinds of errors
            reason = str(error).split("\n")[0][:120] or type(error).__name__
            raise SourceError(
                f"the workbook cannot be read: {reason}", where=str(self.path)
            ) from error

    def _load(self, file: BinaryIO) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, irrelevant here
            return self._openpyxl.load_workbook(file, read_only=True, data_only=True)


def _check_parts(path: Path) -> None:
    """Refuse a workbook whose parts declare a larger size than a table can have.

    No part is ever unpacked beyond its declared size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {part.filename: part.file_size for part in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise SourceError(f"the workbook cannot be read: {error}", where=str(path)) from error
    if sum(sizes.values()) > MAX_UNPACKED_BYTES or sizes.get(TEXTS, 0) > MAX_TEXTS_BYTES:
        raise SourceError(
            f"the workbook unpacks to {sum(sizes.values()):,} bytes",
            where=str(path),
            fix="save the sheet as CSV",
        )


def _next_rows(rows: Iterator[Sequence[Any]]) -> list[Sequence[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid dates, which become error cells
        return list(islice(rows, BATCH_ROWS))


def _trimmed(cells: Sequence[Any]) -> Sequence[Any]:
    """Drop empty cells at the end."""
    width = len(cells)
    while width and cells[width - 1] in (None, ""):
        width -= 1
    return cells[:width]


def _filled_up(cells: Sequence[Any], width: int) -> Sequence[Any]:
    return (*cells, *[None] * (width - len(cells)))


def _text(cell: Any) -> str:
    return "" if cell is None else str(_plain(cell))


def _plain(cell: Any) -> Any:
    """Return whole numbers as int: sheets only know floats."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return cell


def _sheet_notes(sheet: str, others: Sequence[str]) -> Iterator[str]:
    if others:
        shown = ", ".join(map(repr, others[:SHOWN]))
        more = f" and {len(others) - SHOWN:,} more" if len(others) > SHOWN else ""
        yield f"read from the sheet {sheet!r}; left out: {shown}{more}"


def _empty_notes(count: int) -> Iterator[str]:
    if count:
        yield f"{rows_have(count)} only empty cells: skipped"


def _merged_notes(count: int) -> Iterator[str]:
    if count == 1:
        yield "a cell is merged over several rows: its value counts for each of them"
    elif count:
        yield f"{count:,} cells are merged over several rows: their values count for each of these"


def import_openpyxl(path: Path) -> Any:
    """Import openpyxl, an optional package.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError(
            "XLSX needs a package that is not installed",
            where=str(path),
            fix="pip install 'eyedex[xlsx]', or save the sheet as CSV",
        ) from None
    return openpyxl
