"""Write answers as CSV, XLSX, Parquet or JSONL, as they come.

Tables have plain columns, so that spreadsheets can sort and filter them; JSONL may have lists.

Rows go to `FILE.part`, which is renamed to `FILE` when it is complete. An interrupted run leaves
the part.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from indexer.answers.layouts import Columns, Kind, Record
from indexer.arrow_import import import_arrow
from indexer.csv_cells import safe_cell
from indexer.sources.xlsx_table import import_openpyxl
from search_engine.errors import ParameterError
from search_engine.storage.durable import storage_error

ROWS_A_GROUP = 1_000
"""Rows of a Parquet row group: compressed together, and in memory until then."""
MAX_XLSX_TEXT = 32_767
"""Characters of a cell, by the format."""
CUT = "… [cut: a cell of XLSX holds no more]"
MAX_SHEET_ROWS = 2**20 - 1
"""Rows below the header of a sheet, by the format."""

_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class AnswerFile(Protocol):
    """A table that is being written."""

    def write(self, record: Record) -> None:
        """Add a record."""
        ...

    def close(self) -> None:
        """Write what is buffered, and close the file."""
        ...


def check_output(file: Path, source: Path | None = None, overwrite: bool = False) -> None:
    """Refuse an output file that cannot or should not be written, before any work is done.

    Raises:
        ParameterError: The format or the folder does not exist, the file is the source, or it
            exists and may not be replaced.
        MissingExtraError: The format needs a package that is not installed.
    """
    suffix = file.suffix.lower()
    if suffix not in _WRITERS:
        raise ParameterError(
            f"not a format that can be written: {file.suffix or 'no suffix'}",
            where=str(file),
            fix=f"use one of {', '.join(_WRITERS)}",
        )
    if not file.parent.is_dir():
        raise ParameterError("there is no such folder", where=str(file.parent))
    if file.is_dir():
        raise ParameterError("this is a folder", where=str(file))
    if source is not None and file.exists() and source.exists() and file.samefile(source):
        raise ParameterError("this is what is read", where=str(file), fix="name another file")
    if file.exists() and not overwrite:
        fix = "name another file, or add --overwrite"
        raise ParameterError("there is such a file already", where=str(file), fix=fix)
    if suffix == ".parquet":
        _pyarrow()
    if suffix == ".xlsx":
        import_openpyxl(file)


@contextmanager
def answer_file(file: Path, layout: Columns, overwrite: bool = False) -> Iterator[AnswerFile]:
    """Open a file for records of a layout; an existing one stays until the new one is complete.

    Raises:
        ParameterError, MissingExtraError: As `check_output`.
        StorageError: It cannot be written.
    """
    check_output(file, overwrite=overwrite)
    part = file.with_name(f"{file.name}.part")
    try:
        writer = _WRITERS[file.suffix.lower()](part, layout)
        try:
            yield writer
        finally:
            writer.close()
        os.replace(part, file)
    except OSError as error:
        raise storage_error(error, "writing the answers", file) from error


class _JsonLines:
    """One JSON object a line."""

    def __init__(self, file: Path, _: Columns) -> None:
        self._file: IO[str] = file.open("w", encoding="utf-8")

    def write(self, record: Record) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class _Csv:
    """A header and rows; lists joined by `|`, booleans as `true` and `false`, None as empty.

    Texts that a spreadsheet would take for formulas are escaped (`csv_cells`).
    """

    def __init__(self, file: Path, layout: Columns) -> None:
        self._file: IO[str] = file.open("w", encoding="utf-8", newline="")
        self._flat = layout.flat
        self._rows = csv.DictWriter(self._file, [*layout.columns], lineterminator="\n")
        self._rows.writeheader()

    def write(self, record: Record) -> None:
        self._rows.writerow({name: _csv_cell(value) for name, value in self._flat(record).items()})

    def close(self) -> None:
        self._file.close()


class _Xlsx:
    """One sheet with a header; texts are stored as texts, even if they look like formulas."""

    def __init__(self, file: Path, layout: Columns) -> None:
        self._file = file
        self._openpyxl = import_openpyxl(file)
        self._book = self._openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet("answers")
        self._sheet.append([*layout.columns])
        self._flat = layout.flat
        self._count = 0

    def write(self, record: Record) -> None:
        self._count += 1
        if self._count > MAX_SHEET_ROWS:
            raise ParameterError(
                f"a sheet holds {MAX_SHEET_ROWS:,} rows",
                where=str(self._file),
                fix="write .csv, .jsonl or .parquet",
            )
        self._sheet.append([self._cell(value) for value in self._flat(record).values()])

    def close(self) -> None:
        self._book.save(self._file)

    def _cell(self, value: Any) -> Any:
        if not isinstance(value, str | list):
            return value
        text = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", _joined(value))
        if len(text) > MAX_XLSX_TEXT:
            text = text[: MAX_XLSX_TEXT - len(CUT)] + CUT
        cell = self._openpyxl.cell.WriteOnlyCell(self._sheet, text)
        cell.data_type = "s"
        return cell


class _Parquet:
    """Typed columns, compressed in groups of rows."""

    def __init__(self, file: Path, layout: Columns) -> None:
        self._arrow, parquet = _pyarrow()
        self._schema = _schema(self._arrow, layout)
        self._flat = layout.flat
        self._file = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Record] = []

    def write(self, record: Record) -> None:
        self._waiting.append(self._flat(record))
        if len(self._waiting) >= ROWS_A_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(self._arrow.Table.from_pylist(self._waiting, self._schema))
            self._waiting = []


_WRITERS: dict[str, Callable[[Path, Columns], AnswerFile]] = {
    ".csv": _Csv,
    ".xlsx": _Xlsx,
    ".jsonl": _JsonLines,
    ".parquet": _Parquet,
}


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_cell(_joined(value) if isinstance(value, list) else value)


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "|".join(value)


def _pyarrow() -> tuple[Any, Any]:
    return import_arrow("--output", "write .csv or .jsonl")


def _schema(arrow: Any, layout: Columns) -> Any:
    types: dict[Kind, Any] = {
        "text": arrow.string(),
        "number": arrow.float64(),
        "whole": arrow.int64(),
        "truth": arrow.bool_(),
        "texts": arrow.list_(arrow.string()),
    }
    return arrow.schema([(name, types[kind]) for name, kind in layout.columns.items()])
