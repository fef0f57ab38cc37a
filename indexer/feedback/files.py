"""Files of feedback: events of a table or JSON lines, stored; and stored ones written again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import time
from typing import Any

from indexer.answers.files import answer_file, check_output
from indexer.answers.layouts import Columns
from indexer.csv_cells import read_cell
from indexer.sources.base import Reject
from indexer.sources.reading import read_table
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, SourceError
from search_engine.feedback.events import (
    FIELDS,
    MAX_EVENTS,
    Event,
    derived_id,
    event_of,
    event_record,
)
from search_engine.search.options import check_names

WRITTEN: Columns = Columns(
    ("id", "event", "item_id", "query_item_id", "query_vector", "position", "session", "at"),
    {
        "id": "text",
        "event": "text",
        "item_id": "text",
        "query_item_id": "text",
        "query_vector": "text",
        "position": "whole",
        "session": "text",
        "at": "number",
    },
)
"""An export: what `import_feedback` reads."""


@dataclass(slots=True)
class ImportReport:
    """How many events were stored, how many were known, and why others were refused, by line."""

    stored: int = 0
    known: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "stored": self.stored,
            "known": self.known,
            "refused": [{"line": line, "reason": reason} for line, reason in self.refused],
        }


def import_feedback(engine: SearchEngine, collection: str, path: Path) -> ImportReport:
    """Store the events of a table: CSV, JSON lines, Parquet or XLSX, whose columns are the fields.

    An event without an id gets one by its content, so that the same file adds nothing when it is
    imported again.

    Raises:
        SourceError: The file holds no readable table, or has columns that are no fields.
        CollectionNotFoundError, StorageError: As they say.
    """
    report = ImportReport()
    events = _events(path, report)
    while part := list(islice(events, MAX_EVENTS)):
        added = engine.feedback.add([event for _, event in part], collection=collection)
        report.stored += added.stored
        report.known += added.known
        report.refused += [(part[place][0], str(why)) for place, why in added.refused.items()]
    report.refused.sort()
    return report


def export_feedback(
    engine: SearchEngine, collection: str, path: Path, overwrite: bool = False
) -> int:
    """Write all events of items that are still there, as `import_feedback` reads them.

    Returns:
        How many these are.

    Raises:
        ParameterError: The file exists, or is of no kind that can be written.
        StorageError: It cannot be written.
    """
    check_output(path, overwrite=overwrite)
    count = 0
    with answer_file(path, WRITTEN, overwrite) as file:
        for event in engine.feedback.events(collection=collection):
            record = event_record(event)
            if record["item_id"] is None or not (record["query_item_id"] or record["query_vector"]):
                continue
            file.write(record)
            count += 1
    return count


def _events(path: Path, report: ImportReport) -> Iterator[tuple[int, Event]]:
    """The events of a file with their lines; what is none is noted in the report."""
    table = read_table(path)
    try:
        check_names(table.columns, FIELDS, "column")
    except EyedexError as error:
        raise SourceError(f"not a table of feedback: {error}", where=str(path)) from error
    is_ours = path.suffix.lower() == ".csv" and set(table.columns) == set(WRITTEN.fields)
    times: Counter[str] = Counter()
    for record in table.records():
        if isinstance(record, Reject):
            report.refused.append((record.line, record.reason))
            continue
        cells = _read(record.cells.items()) if is_ours else dict(record.cells)
        try:
            yield record.line, event_of(_with_id(cells, times), time())
        except EyedexError as error:
            report.refused.append((record.line, str(error)))


def _read(cells: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: read_cell(cell) if isinstance(cell, str) else cell for name, cell in cells}


def _with_id(cells: Mapping[str, Any], times: Counter[str]) -> dict[str, Any]:
    """The cells with an id; numbers of tables without types are read as such."""
    found = dict(cells)
    if isinstance(found.get("at"), str):
        with suppress(ValueError):
            found["at"] = float(found["at"])
    if not found.get("id"):
        content = derived_id(found, 0)
        found["id"] = derived_id(found, times[content])
        times[content] += 1
    return found
