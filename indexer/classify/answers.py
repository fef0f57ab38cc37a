"""Classified rows as files: CSV, JSONL or Parquet, written as they come.

While it grows the file is called `FILE.part`; it gets its name when it is complete. A run that was
interrupted leaves the part.
"""

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from indexer.arrow_import import import_arrow
from indexer.classify.batches import BatchRow, ClassifiedRow, shown
from indexer.csv_cells import safe_cell
from search_engine.errors import ParameterError
from search_engine.records import Prediction
from search_engine.storage.durable import storage_error

COLUMNS = (
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
NESTED = ("values", "votes", "neighbors")
"""Columns of lists: JSON in a CSV."""
KEPT = 5
"""Votes and neighbors of each picture that are written down."""
ROWS_A_GROUP = 1_000
"""Rows that Parquet compresses together, and that are in memory until then."""


class AnswerFile(Protocol):
    """A table that is being written."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Add a row."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


def record_of(row: BatchRow) -> dict[str, Any]:
    """A row by column; what does not apply is None."""
    path = None if row.path is None else shown(row.path)
    known: dict[str, Any] = {**dict.fromkeys(COLUMNS), "path": path, "item_id": row.item_id}
    if not isinstance(row, ClassifiedRow):
        return {**known, "error_code": row.code, "error_reason": row.reason}
    neighbors = [
        {"item_id": one.item.item_id, "score": round(one.score, 6), "label": one.item.label}
        for one in row.neighbors[:KEPT]
    ]
    return {**known, **_prediction(row.prediction), "neighbors": neighbors}


def check_output(file: Path, source: Path | None = None) -> None:
    """Refuse what could not be written, before any work is done.

    Raises:
        ParameterError: The format is not known, there is no such folder, or it is the source.
        MissingExtraError: Parquet needs a package that is not installed.
    """
    if file.suffix.lower() not in _WRITERS:
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
    if file.suffix.lower() == ".parquet":
        _pyarrow()


@contextmanager
def answer_file(file: Path) -> Iterator[AnswerFile]:
    """A file to write rows to; a former one of this name stays until the new one is complete.

    Raises:
        ParameterError, MissingExtraError: As `check_output`.
        StorageError: It cannot be written.
    """
    check_output(file)
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
    """A header and rows; lists are JSON, booleans `true` and `false`, None is empty.

    No text is one that a spreadsheet would compute (`csv_cells`).
    """

    def __init__(self, file: Path) -> None:
        self._file: IO[str] = file.open("w", encoding="utf-8", newline="")
        self._rows = csv.DictWriter(self._file, COLUMNS, lineterminator="\n")
        self._rows.writeheader()

    def write(self, record: Mapping[str, Any]) -> None:
        self._rows.writerow({name: _cell(value) for name, value in record.items()})

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """Typed columns, compressed in groups of rows."""

    def __init__(self, file: Path) -> None:
        self._arrow, parquet = _pyarrow()
        self._schema = _schema(self._arrow)
        self._file = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Mapping[str, Any]] = []

    def write(self, record: Mapping[str, Any]) -> None:
        self._waiting.append(record)
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
    ".jsonl": _JsonLines,
    ".parquet": _Parquet,
}


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        "label": prediction.label,
        "confidence": round(prediction.confidence, 6),
        "calibrated": prediction.calibrated,
        "uncalibrated_because": prediction.uncalibrated_because,
        "abstained": prediction.abstained,
        "reason": prediction.reason,
        "values": None if prediction.values is None else list(prediction.values),
        "votes": [
            {"label": vote.label, "share": round(vote.share, 6)} for vote in prediction.votes[:KEPT]
        ],
    }


def _cell(value: Any) -> Any:
    if isinstance(value, list | bool):
        return json.dumps(value, ensure_ascii=False)
    return safe_cell(value)


def _pyarrow() -> tuple[Any, Any]:
    return import_arrow("--output", "write .csv or .jsonl")


def _schema(arrow: Any) -> Any:
    text, number = arrow.string(), arrow.float64()
    types = {
        **dict.fromkeys(COLUMNS, text),
        "confidence": number,
        "calibrated": arrow.bool_(),
        "abstained": arrow.bool_(),
        "values": arrow.list_(text),
        "votes": arrow.list_(arrow.struct({"label": text, "share": number})),
        "neighbors": arrow.list_(arrow.struct({"item_id": text, "score": number, "label": text})),
    }
    return arrow.schema(list(types.items()))
