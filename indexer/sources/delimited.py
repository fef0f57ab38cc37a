"""Tables with cells separated by a character: CSV, TSV and variants."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path

from indexer.csv_cells import WRAPPED, is_ours, read_cell, unwrapped
from indexer.sources.base import Reject
from indexer.sources.csv_records import (
    MAX_CELL_CHARS,
    OVERSIZE,
    BadQuotesError,
    read_each,
    read_well_formed,
)
from indexer.sources.dialect import find_dialect
from indexer.sources.encodings import find_encoding
from indexer.sources.files import has_suffix, opened_text
from indexer.sources.headerless import missing_header
from indexer.sources.headers import HeaderSurvey, below_titles, check_width, rows_have, title_notes
from indexer.sources.options import SourceOptions
from indexer.sources.records import Record
from search_engine.errors import SourceError

SAMPLE_LINES = 1_000
SAMPLE_CHARS = 2**18

OFTEN_SHORT = 0.05
"""From this share of short records on, the program evidently omits empty cells at the end."""

Rows = Generator[tuple[int, list[str]], None, None]


class DelimitedTable:
    """Records of a delimited text; its encoding and dialect are detected and reported.

    The whole text is read once beforehand, so that general problems are known before the first
    record is used.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self.path = path
        self._encoding = find_encoding(path, options.encoding)
        sample = sample_lines(path, self._encoding.name)
        self._dialect = find_dialect(sample, options.delimiter)
        self._well_formed = True
        self._has_header = True
        self._header = self._read_header()
        self._width = len(self._header)
        check_width(self._width, str(path))
        lengths = self._choose_reading()
        survey = HeaderSurvey(self._header)
        self._least_width = self._survey_columns(survey, lengths)
        columns = survey.columns()
        self._ours = is_ours(columns.names)
        self._unwrap = any(WRAPPED in line.replace('""', '"') for line in sample)
        names = [read_cell(name) for name in columns.names] if self._ours else columns.names
        self.columns: tuple[str, ...] = tuple(names)
        self._places = columns.places
        self.notes = (*self._reading_notes(), *columns.notes, *self._length_notes(lengths))

    def records(self) -> Iterator[Record | Reject]:
        """See Table."""
        width, columns, places = self._width, self.columns, self._places
        pick = None if places == tuple(range(width)) else _picker(places)
        check_nul = self._encoding.may_hold_nul
        for line, cells in self._data_rows():
            if len(cells) != width:
                if not any(cells):
                    continue
                fitted = self._fitted(line, cells)
                if isinstance(fitted, Reject):
                    yield fitted
                    continue
                cells = fitted
            elif not any(cells):
                continue
            if check_nul and any("\x00" in cell for cell in cells):
                yield Reject(line, None, "bad_value", "a cell holds a NUL character")
                continue
            if self._ours:
                cells = [read_cell(cell) for cell in cells]
            elif self._unwrap:
                cells = [unwrapped(cell) for cell in cells]
            yield Record(line, dict(zip(columns, pick(cells) if pick else cells, strict=True)))

    def _fitted(self, line: int, cells: Sequence[str]) -> list[str] | Reject:
        """Return the cells of a record, as many as the header has; or a reject."""
        if cells is OVERSIZE:
            reason = f"a cell has more than {MAX_CELL_CHARS:,} characters"
            return Reject(line, None, "bad_value", reason)
        missing = self._width - len(cells)
        if missing > 0 and len(cells) >= self._least_width:
            return [*cells, *[""] * missing]
        if missing < 0 and not any(cells[self._width :]):
            return list(cells[: self._width])
        reason = f"{len(cells)} cells; the header has {self._width}"
        return Reject(line, None, "ragged_row", reason)

    def _read_header(self) -> list[str]:
        with closing(self._rows(well_formed=False, width=None)) as rows:
            filled = ((line, cells) for line, cells in rows if _has_text(cells))
            first = next(filled, None)
            if first is None:
                raise SourceError(
                    "the file is empty", where=str(self.path), fix="it needs a header line"
                )
            line, cells, self._titles = below_titles(
                chain([first], (each for each in filled if each[1] is not OVERSIZE))
            )
        if cells is OVERSIZE:
            where = f"{self.path}, line {line}"
            raise SourceError("the header has a cell that is too large", where=where)
        header = [str(cells[0]).removeprefix("\ufeff"), *map(str, cells[1:])]
        names = missing_header(header)
        self._has_header = names is None
        return header if names is None else list(names)

    def _choose_reading(self) -> "Counter[int]":
        """Count records by their number of cells, by the first way of reading that works.

        Empty records count as -1.
        """
        usual = self._dialect
        for dialect in (usual, usual.with_escapes()):
            self._dialect = dialect
            try:
                return self._lengths()
            except BadQuotesError:
                pass
        self._dialect, self._well_formed = usual, False
        return self._lengths()

    def _lengths(self) -> "Counter[int]":
        return Counter(len(cells) if any(cells) else -bool(cells) for _, cells in self._data_rows())

    def _survey_columns(self, survey: HeaderSurvey, lengths: "Counter[int]") -> int:
        """Return the least number of cells that a record must have; missing ones are empty.

        Columns that other records leave empty may be missing at the end of a record; any column, if
        many records are short.
        """
        short = {length: count for length, count in lengths.items() if 0 < length < self._width}
        if not short and not survey.is_doubtful:
            return self._width
        empty: set[int] = set()
        ends_empty = False
        for _, cells in self._data_rows():
            if len(cells) >= self._width and any(cells):
                survey.look_at(cells)
                ends_empty = ends_empty or not cells[self._width - 1]
                if short:
                    empty.update(place for place in range(self._width) if not cells[place])
        records = sum(count for length, count in lengths.items() if length > 0)
        if not ends_empty and sum(short.values()) > max(1, OFTEN_SHORT * records):
            return min(short)
        least = self._width
        while least - 1 in empty:
            least -= 1
        return max(least, 1)

    def _data_rows(self) -> Rows:
        """Return line and cells of each record below the header."""
        rows = self._rows(self._well_formed, self._width)
        if not self._has_header:
            return rows
        for _ in islice((cells for _, cells in rows if _has_text(cells)), self._titles + 1):
            pass
        return rows

    def _rows(self, well_formed: bool, width: int | None) -> Rows:
        with opened_text(self.path, self._encoding.name) as text:
            lines: Iterable[str] = islice(text, self._dialect.first_line - 1, None)
            if well_formed:
                yield from read_well_formed(lines, self._dialect, width)
            else:
                yield from read_each(lines, self._dialect, width, str(self.path))

    def _reading_notes(self) -> Iterator[str]:
        if self._encoding.note:
            yield self._encoding.note
        yield from self._dialect.notes(usual_delimiter(self.path))
        yield from title_notes(self._titles)
        if self._unwrap and not self._ours:
            yield 'cells such as ="0123", which keep Excel from counting, are read as 0123'
        if not self._well_formed:
            yield "some quotes are not closed or not doubled: they are taken as they are written"

    def _length_notes(self, lengths: "Counter[int]") -> Iterator[str]:
        filled = sum(lengths[length] for length in range(self._least_width, self._width))
        if filled:
            yield f"{rows_have(filled)} fewer cells than the header: the missing ones are empty"
        if lengths[-1]:
            yield f"{rows_have(lengths[-1])} only empty cells: skipped"


def sample_lines(path: Path, encoding: str) -> list[str]:
    """Read enough of the first lines of a text to detect its dialect."""
    found: list[str] = []
    size = 0
    with opened_text(path, encoding) as text:
        for line in islice(text, SAMPLE_LINES):
            found.append(line)
            size += len(line)
            if size > SAMPLE_CHARS:
                break
    return found


def usual_delimiter(path: Path) -> str:
    """Return the delimiter that the file name suggests."""
    return "\t" if has_suffix(path, (".tsv", ".tab")) else ","


def _has_text(cells: Sequence[str]) -> bool:
    return any(cell.strip("\ufeff ") for cell in cells)


def _picker(places: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Return a function that picks the cells at these positions."""
    if len(places) == 1:
        return lambda cells: (cells[places[0]],)
    return itemgetter(*places)
