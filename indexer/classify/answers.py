"""Write classified rows as CSV, XLSX, Parquet or JSONL, as they come.

Tables have plain columns, some for each vote and each neighbor, so that spreadsheets can sort and
filter them; JSONL has nested lists instead.


Rows go to `FILE.part`, which is renamed to `FILE` when it is complete. An interrupted run leaves
the part.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from indexer.arrow_import import import_arrow
from indexer.classify.batches import BatchRow, ClassifiedRow, shown
from indexer.csv_cells import safe_cell
from indexer.sources.xlsx_table import import_openpyxl
from search_engine.errors import ParameterError
from search_engine.records import Prediction
from search_engine.storage.durable import storage_error

KEPT = 5
"""Votes and neighbors written for each picture."""
ROWS_A_GROUP = 1_000
"""Rows of a Parquet row group: compressed together, and in memory until then."""
MAX_XLSX_TEXT = 32_767
"""Characters of a cell, by the format."""
CUT = "… [cut: a cell of XLSX holds no more]"
MAX_SHEET_ROWS = 2**20 - 1
"""Rows below the header of a sheet, by the format."""

_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

FIELDS = (
    "path",
    "item_id",
    "label",
    "confidence",
    "calibrated",
    "uncalibrated_because",
    "abstained",
    "reason",
    "values",
    "votes",
    "neighbors",
    "error_code",
    "error_reason",
)
"""Fields of a record, in the order of JSONL."""

_NUMBERED = {
    "votes": (("vote", "label"), ("share", "share")),
    "neighbors": (("neighbor", "item_id"), ("score", "score"), ("neighbor_label", "label")),
}
"""The table columns for each element of a list: the column's prefix, and the element's field."""

COLUMNS = tuple(
    column
    for field in FIELDS
    for column in (
        [f"{name}_{n}" for n in range(1, KEPT + 1) for name, _ in _NUMBERED[field]]
        if field in _NUMBERED
        else [field]
    )
)
"""Columns of a table: FIELDS with lists spread out, as `vote_1 share_1 vote_2 ...`."""


class AnswerFile(Protocol):
    """A table that is being written."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Add a row."""
        ...

    def close(self) -> None:
        """Write what is buffered, and close the file."""
        ...


def record_of(row: BatchRow) -> dict[str, Any]:
    """Return a row by column; fields that do not apply are None."""
    path = None if row.path is None else shown(row.path)
    known: dict[str, Any] = {**dict.fromkeys(FIELDS), "path": path, "item_id": row.item_id}
    if not isinstance(row, ClassifiedRow):
        return {**known, "error_code": row.code, "error_reason": row.reason}
    neighbors = [
        {"item_id": one.item.item_id, "score": round(one.score, 6), "label": one.item.label}
        for one in row.neighbors[:KEPT]
    ]
    return {**known, **_prediction(row.prediction), "neighbors": neighbors}


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as a row of a table, in the order of COLUMNS."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    for field, value in record.items():
        if field not in _NUMBERED:
            row[field] = value
            continue
        for number, each in enumerate(value or (), 1):
            row.update({f"{name}_{number}": each[part] for name, part in _NUMBERED[field]})
    return row


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
def answer_file(file: Path, overwrite: bool = False) -> Iterator[AnswerFile]:
    """Open a file for records; an existing one stays until the new one is complete.

    Raises:
        ParameterError, MissingExtraError: As `check_output`.
        StorageError: It cannot be written.
    """
    check_output(file, overwrite=overwrite)
    part = file.with_name(f"{file.name}.part")
    try:
        writer = _WRITERS[file.suffix.lower()](part)
        try:
            yield writer
        finally:
            writer.close()
        os.replace(part, file)
    except OSError as error:
        raise storage_error(error, "writing the answers", file) from error


class _JsonLines:
    """One JSON object a line."""

    def __init__(self, file: Path) -> None:
        self._file: IO[str] = file.open("w", encoding="utf-8")

    def write(self, record: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class _Csv:
    """A header and rows; lists joined by `|`, booleans as `true` and `false`, None as empty.

    Texts that a spreadsheet would take for formulas are escaped (`csv_cells`).
    """

    def __init__(self, file: Path) -> None:
        self._file: IO[str] = file.open("w", encoding="utf-8", newline="")
        self._rows = csv.DictWriter(self._file, COLUMNS, lineterminator="\n")
        self._rows.writeheader()

    def write(self, record: Mapping[str, Any]) -> None:
        self._rows.writerow({name: _csv_cell(value) for name, value in flat(record).items()})

    def close(self) -> None:
        self._file.close()


class _Xlsx:
    """One sheet with a header; texts are stored as texts, even if they look like formulas."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._openpyxl = import_openpyxl(file)
        self._book = self._openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet("answers")
        self._sheet.append(COLUMNS)
        self._count = 0

    def write(self, record: Mapping[str, Any]) -> None:
        self._count += 1
        if self._count > MAX_SHEET_ROWS:
            raise ParameterError(
                f"a sheet holds {MAX_SHEET_ROWS:,} rows",
                where=str(self._file),
                fix="write .csv, .jsonl or .parquet",
            )
        self._sheet.append([self._cell(value) for value in flat(record).values()])

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

    def __init__(self, file: Path) -> None:
        self._arrow, parquet = _pyarrow()
        self._schema = _schema(self._arrow)
        self._file = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Mapping[str, Any]] = []

    def write(self, record: Mapping[str, Any]) -> None:
        self._waiting.append(flat(record))
        if len(self._waiting) >= ROWS_A_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(self._arrow.Table.from_pylist(self._waiting, self._schema))
            self._waiting = []


_WRITERS: dict[str, Callable[[Path], AnswerFile]] = {
    ".csv": _Csv,
    ".xlsx": _Xlsx,
    ".jsonl": _JsonLines,
    ".parquet": _Parquet,
}


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        **prediction.summary(),
        "values": None if prediction.values is None else list(prediction.values),
        "votes": [
            {"label": vote.label, "share": round(vote.share, 6)} for vote in prediction.votes[:KEPT]
        ],
    }


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_cell(_joined(value) if isinstance(value, list) else value)


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "|".join(value)


def _pyarrow() -> tuple[Any, Any]:
    return import_arrow("--output", "write .csv or .jsonl")


def _schema(arrow: Any) -> Any:
    text, number, truth = arrow.string(), arrow.float64(), arrow.bool_()
    types = {
        **dict.fromkeys(COLUMNS, text),
        **{name: number for name in COLUMNS if name.startswith(("confidence", "share_", "score_"))},
        "calibrated": truth,
        "abstained": truth,
        "values": arrow.list_(text),
    }
    return arrow.schema(list(types.items()))
