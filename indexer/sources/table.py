"""A table of items and their pictures as a source."""

import codecs
import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from indexer.csv_cells import is_ours, read_cell
from indexer.sources.base import ColumnReport, Reject, SourceRow, confined, printable, usable
from search_engine.catalog.attribute_values import check_attributes, is_attribute_name
from search_engine.errors import RowError, SourceError
from search_engine.names import (
    check_item_id,
    check_label,
    check_product_id,
    normal,
)

UTF_8 = "utf-8-sig"
"""UTF-8 with or without the mark that spreadsheets put first."""

MAX_CELL_CHARS = 2**20
MAX_COLUMNS = 1_000
NUMERIC_SHARE = 0.9
"""A column is numeric when at least this share of its filled cells are numbers."""

_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)

OVERSIZE = ["\x00"]
"""Stands for the cells of a row that is too large to be read."""


class CsvSource:
    """A table with a header: an id, a picture's path relative to the file, and what else is known.

    `label` and `product_id` are special; every other column is an attribute. A column whose cells
    are numbers in nine rows of ten is numeric, and a row that disagrees is rejected.
    """

    def __init__(
        self,
        path: Path,
        id_column: str,
        image_column: str,
        label_column: str,
        encoding: str = UTF_8,
    ) -> None:
        self.path = self._path = path
        self._encoding = _known_encoding(encoding)
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        self._header = self._read_header()
        columns = {"item_id": id_column, "image": image_column, "label": label_column}
        self._columns = {field: normal(name) for field, name in columns.items()}
        self._check_header(required=(self._columns["item_id"], self._columns["image"]))
        self._numeric, self._count = self._survey()
        self.description = f"table {path}"
        self.notes: tuple[str, ...] = ()
        self.columns: tuple[ColumnReport, ...] = ()

    def __len__(self) -> int:
        return self._count

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source."""
        root = self._path.parent.resolve()
        for line, cells in self._records():
            item_id: str | None = None
            try:
                record = self._record(cells)
                item_id = printable(record[self._columns["item_id"]])
                yield self._row(line, record, root)
            except RowError as error:
                yield Reject(line, item_id, error.code, error.what)

    def ids(self) -> Iterator[str]:
        """See Source."""
        place = self._header.index(self._columns["item_id"])
        for _, cells in self._records():
            if len(cells) > place and (item_id := printable(cells[place])):
                yield item_id

    def _row(self, line: int, record: dict[str, str], root: Path) -> SourceRow:
        item_id = usable("bad_id", check_item_id, record[self._columns["item_id"]])
        return SourceRow(
            line, item_id, confined(root, record[self._columns["image"]]), self._description(record)
        )

    def _description(self, record: dict[str, str]) -> dict[str, Any]:
        """What the table says of an item: an empty cell clears, an absent column does not."""
        found: dict[str, Any] = {}
        if self._columns["label"] in record:
            found["label"] = usable("bad_value", check_label, record[self._columns["label"]])
        if "product_id" in record:
            found["product_id"] = usable("bad_value", check_product_id, record["product_id"])
        special = {*self._columns.values(), "product_id"}
        attributes = {
            name: self._value(name, cell) if cell else None
            for name, cell in record.items()
            if name not in special
        }
        found["attributes"] = usable("bad_value", check_attributes, attributes)
        return found

    def _record(self, cells: Sequence[str]) -> dict[str, str]:
        if cells == OVERSIZE:
            raise RowError("bad_value", f"a cell has more than {MAX_CELL_CHARS:,} characters")
        if len(cells) != len(self._header):
            raise RowError("ragged_row", f"{len(cells)} cells; the header has {len(self._header)}")
        if any("\x00" in cell for cell in cells):
            raise RowError("bad_value", "a cell holds a NUL character")
        return dict(zip(self._header, cells, strict=True))

    def _value(self, name: str, cell: str) -> str | float | int:
        if name not in self._numeric:
            return cell
        number = parse_number(cell)
        if number is None:
            raise RowError("bad_value", f"{name} is not a finite number: {cell[:40]!r}")
        return number

    def _read_header(self) -> list[str]:
        for _, cells in self._read_records():
            names = [normal(name.strip()) for name in cells]
            return [read_cell(name) for name in names] if is_ours(names) else names
        raise SourceError("the file is empty", where=str(self._path), fix="it needs a header line")

    def _check_header(self, required: Sequence[str]) -> None:
        names = self._header
        repeated = sorted({name for name in names if names.count(name) > 1})
        missing = [name for name in required if name not in names]
        bad = [name for name in names if not is_attribute_name(name)]
        found = ", ".join(names[:20])
        for problem, which in (("lacks", missing), ("repeats", repeated), ("cannot use", bad)):
            if which:
                raise SourceError(
                    f"the header {problem} the column {', '.join(map(repr, which[:5]))}",
                    where=str(self._path),
                    fix=f"found: {found[:300]}; --id-col and --image-col name other columns",
                )
        if len(names) > MAX_COLUMNS:
            raise SourceError(f"more than {MAX_COLUMNS} columns", where=str(self._path))

    def _survey(self) -> tuple[frozenset[str], int]:
        """Which columns are numeric, and the number of rows."""
        filled = dict.fromkeys(self._header, 0)
        numbers = dict.fromkeys(self._header, 0)
        count = 0
        for _, cells in self._records():
            count += 1
            for name, cell in zip(self._header, cells, strict=False):
                if cell:
                    filled[name] += 1
                    numbers[name] += parse_number(cell) is not None
        numeric = (
            name for name in self._header if filled[name] * NUMERIC_SHARE <= numbers[name] > 0
        )
        return frozenset(numeric), count

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        records = self._read_records()
        next(records, None)
        if is_ours(self._header):
            return ((line, [read_cell(cell) for cell in cells]) for line, cells in records)
        return records

    def _read_records(self) -> Iterator[tuple[int, list[str]]]:
        csv.field_size_limit(MAX_CELL_CHARS)
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                reader = csv.reader(file, delimiter=self._delimiter)
                while (cells := _next_cells(reader)) is not None:
                    if cells:
                        yield reader.line_num, cells
        except UnicodeDecodeError as error:
            where = f" at byte {_first_bad_byte(self._path)}" if self._encoding == UTF_8 else ""
            raise SourceError(
                f"not {'UTF-8' if self._encoding == UTF_8 else self._encoding}{where}",
                where=str(self._path),
                fix="save the table as UTF-8, or name its encoding with --encoding",
            ) from error
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", where=str(self._path)) from error


def _known_encoding(name: str) -> str:
    try:
        return UTF_8 if codecs.lookup(name).name == "utf-8" else name
    except LookupError:
        raise SourceError(f"there is no encoding {name!r}", where="--encoding") from None


def _next_cells(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row; None at the end."""
    try:
        return next(reader, None)
    except csv.Error:
        return OVERSIZE


def _first_bad_byte(path: Path) -> int:
    """Where a file stops to be UTF-8; the decoder itself counts from its last buffer."""
    position = 0
    with path.open("rb") as file:
        for line in file:
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return position + error.start
            position += len(line)
    return position


def parse_number(cell: str) -> int | float | None:
    """A finite number in plain ASCII notation; None for anything else.

    Leading zeros mark a code, not a number: `007` stays text.
    """
    if not _NUMBER.fullmatch(cell):
        return None
    number = float(cell)
    if not math.isfinite(number) or abs(number) > 1e300:
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
