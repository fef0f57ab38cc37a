"""Catalog sources: a folder of pictures or a CSV file, as rows in a stable order.

A row that cannot be used becomes a `Reject` with a code, never an exception; a source that cannot
be used at all raises SourceError before anything is written.
"""

import codecs
import csv
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from indexer.csv_cells import is_ours, read_cell
from search_engine.catalog.attribute_values import check_attributes, is_attribute_name
from search_engine.errors import ParameterError, RowError, SourceError
from search_engine.names import (
    MAX_ID_BYTES,
    check_item_id,
    check_label,
    check_product_id,
    normal,
)

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jpe", ".jfif"}
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

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One picture to be indexed. `line` counts from 1; in a CSV the header is line 1."""

    line: int
    item_id: str
    image: Path
    label: str | None = None
    product_id: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not indexed, and why."""

    line: int
    item_id: str | None
    code: str
    reason: str


class Source(Protocol):
    """Rows in a stable order."""

    @property
    def description(self) -> str:
        """For people."""
        ...

    def __len__(self) -> int:
        """Rows and rejects together."""
        ...

    def rows(self) -> Iterator[SourceRow | Reject]:
        """All rows; can be called again."""
        ...


def open_source(
    path: Path,
    label_from: str | None = None,
    id_column: str = "item_id",
    image_column: str = "image",
    encoding: str = UTF_8,
) -> Source:
    """The source at a path: a folder, or a CSV or TSV file.

    Args:
        path: What to read.
        label_from: `parent` takes the sub-folder path (the default for folders); any other word
            names a CSV column (default: `label`).
        id_column: CSV column with the item's id.
        image_column: CSV column with the picture's path, relative to the CSV file.
        encoding: Of the CSV file.

    Raises:
        SourceError: There is nothing usable.
    """
    if path.is_dir():
        if label_from not in (None, "parent"):
            raise SourceError(
                "a folder takes its labels from the sub-folders",
                where=str(path),
                fix="use --label-from parent, or a CSV file",
            )
        return FolderSource(path)
    if not path.exists():
        raise SourceError("there is no such file or folder", where=str(path))
    if path.suffix.lower() not in (".csv", ".tsv") or not path.is_file():
        raise SourceError(
            "not a folder and not a CSV file", where=str(path), fix="name a folder, .csv or .tsv"
        )
    return CsvSource(path, id_column, image_column, label_from or "label", encoding)


class FolderSource:
    """Every picture below a folder: `item_id` is the relative path, `label` the sub-folder path.

    Files are found by suffix; others are ignored, hidden ones too. Symbolic links to folders are
    not followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = sorted(_pictures_below(root))
        self.description = f"folder {root}"

    def __len__(self) -> int:
        return len(self._files)

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source."""
        root = self._root.resolve()
        for line, relative in enumerate(self._files, 1):
            try:
                yield self._row(line, Path(relative), root)
            except RowError as error:
                yield Reject(line, printable(relative), error.code, error.what)

    def _row(self, line: int, relative: Path, root: Path) -> SourceRow:
        item_id = usable("bad_id", check_item_id, relative.as_posix())
        label = usable("bad_value", check_label, "/".join(relative.parent.parts))
        return SourceRow(line, item_id, confined(root, str(relative)), label)


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
        self._path = path
        self._encoding = _known_encoding(encoding)
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        self._header = self._read_header()
        columns = {"item_id": id_column, "image": image_column, "label": label_column}
        self._columns = {field: normal(name) for field, name in columns.items()}
        self._check_header(required=(self._columns["item_id"], self._columns["image"]))
        self._numeric, self._count = self._survey()
        self.description = f"table {path}"

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

    def _row(self, line: int, record: dict[str, str], root: Path) -> SourceRow:
        item_id = usable("bad_id", check_item_id, record[self._columns["item_id"]])
        special = {*self._columns.values(), "product_id"}
        attributes = {
            name: self._value(name, cell)
            for name, cell in record.items()
            if name not in special and cell != ""
        }
        return SourceRow(
            line=line,
            item_id=item_id,
            image=confined(root, record[self._columns["image"]]),
            label=usable("bad_value", check_label, record.get(self._columns["label"])),
            product_id=usable("bad_value", check_product_id, record.get("product_id")),
            attributes=usable("bad_value", check_attributes, attributes),
        )

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


def usable(code: str, check: Callable[[Any], T], value: Any) -> T:
    """What a check of the core lets through.

    Raises:
        RowError: It refuses the value; the row is refused by that code.
    """
    try:
        return check(value)
    except ParameterError as error:
        raise RowError(code, f"{error.what}; {error.fix}") from None


def confined(root: Path, relative: str) -> Path:
    """The file below `root`, symbolic links resolved.

    Raises:
        RowError: The path is absolute, leads out of the root, or leads nowhere.
    """
    if not relative or "\x00" in relative or len(relative) > 4_096:
        raise RowError("bad_path", "the picture's path is empty or unusable")
    if "://" in relative:
        raise RowError("url_denied", "pictures are read from files only")
    if Path(relative).is_absolute() or relative.startswith("~"):
        raise RowError("bad_path", "the picture's path is not relative to the source")
    try:
        path = (root / relative).resolve(strict=True)
    except FileNotFoundError:
        sought = str(root / relative).encode("utf-8", "backslashreplace").decode()
        raise RowError("missing_file", f"there is no such picture: {sought}") from None
    except (OSError, RuntimeError) as error:
        raise RowError("bad_path", "the picture's path cannot be followed") from error
    if not path.is_relative_to(root):
        raise RowError("bad_path", "the picture's path leads out of the source")
    return path


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


def _pictures_below(root: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(error.filename))

    for folder, folders, files in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if Path(name).suffix.lower() in PICTURE_SUFFIXES and not name.startswith("."):
                yield os.path.relpath(os.path.join(folder, name), root)


def printable(item_id: str) -> str | None:
    """An id for a reject: as an item of it would have it, or as far as it can be shown."""
    shown = "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in normal(item_id)[:MAX_ID_BYTES]
    )
    return shown or None
