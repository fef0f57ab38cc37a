"""Tables made of real bytes, and what is read of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from indexer.sources.base import Reject
from indexer.sources.options import SourceOptions
from indexer.sources.reading import read_table
from indexer.sources.records import Table

Write = Callable[..., Table]


def cells(table: Table) -> list[list[Any]]:
    """Cells of all records in the order of the columns; None where a record lacks one."""
    return [
        [record.cells.get(name) for name in table.columns]
        for record in table.records()
        if not isinstance(record, Reject)
    ]


def rejects(table: Table) -> list[tuple[int, str]]:
    """Line and code of each record that cannot be read."""
    return [(each.line, each.code) for each in table.records() if isinstance(each, Reject)]


def written(path: Path, content: str | bytes, **options: Any) -> Table:
    """The table in a file with this content."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, SourceOptions(**options))
