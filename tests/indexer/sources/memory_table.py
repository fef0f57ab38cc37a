"""A table that was never a file, and how a column of it is understood."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.sources import ColumnReport, Reject, SourceOptions, SourceRow
from indexer.sources.records import Record
from indexer.sources.table import TableSource


@dataclass(frozen=True)
class MemoryTable:
    """Records by columns; a row can be a reject or lack columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any] | Mapping[str, Any] | Reject]
    path: Path = Path("memory.csv")
    notes: Sequence[str] = field(default=())

    def records(self) -> Iterator[Record | Reject]:
        for line, row in enumerate(self.rows, 2):
            if isinstance(row, Reject):
                yield row
            elif isinstance(row, Mapping):
                yield Record(line, dict(row))
            else:
                yield Record(line, dict(zip(self.columns, row, strict=True)))


@dataclass(frozen=True)
class Understood:
    """A column: what was found of it, and the attributes of each row or the code of its reject."""

    report: ColumnReport
    type: str
    values: list[Any]
    rows: list[SourceRow | Reject]

    @property
    def note(self) -> str:
        return self.report.note or ""


def understood(
    cells: Sequence[Any], name: str = "x", options: SourceOptions | None = None
) -> Understood:
    """How a column of these cells is understood in a table without pictures."""
    rows = [[f"i{number}", cell] for number, cell in enumerate(cells)]
    source = TableSource(MemoryTable(["item_id", name], rows), options or SourceOptions())
    found = list(source.rows())
    report = next(one for one in source.columns if one.column == name)
    values = [
        row.code if isinstance(row, Reject) else row.description["attributes"][name]
        for row in found
    ]
    return Understood(report, source.types[name], values, found)
