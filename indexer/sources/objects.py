"""Tables with objects as cells: `size: {"width": 3}` becomes a column `size.width`.

Objects are split one level deep; deeper ones stay as JSON text.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from indexer.sources.base import Reject
from indexer.sources.records import Record, Table
from indexer.sources.shapes import text_of
from search_engine.names import normal

LOOKED_AT = 1_000
"""Objects must occur among so many first records for a column to be split."""
MAX_KEYS = 200
"""A column of objects with more distinct keys than this is not split."""


def without_objects(table: Table) -> Table:
    """Return the table itself, or one with the objects split into columns."""
    sample = (record for record in islice(table.records(), LOOKED_AT) if isinstance(record, Record))
    if not any(isinstance(cell, dict) for record in sample for cell in record.cells.values()):
        return table
    keys: dict[str, dict[str, None]] = {}
    for record in table.records():
        if isinstance(record, Record):
            for name, cell in record.cells.items():
                if isinstance(cell, dict) and len(keys.get(name, ())) <= MAX_KEYS:
                    keys.setdefault(name, {}).update(dict.fromkeys(map(str, cell)))
    taken = set(table.columns)
    apart = {
        name: {key: f"{name}.{normal(key)}" for key in found}
        for name, found in keys.items()
        if len(found) <= MAX_KEYS and not _is_picture(found)
    }
    apart = {name: found for name, found in apart.items() if not taken & set(found.values())}
    return _FlatTable(table, apart) if apart else table


class _FlatTable:
    """A table in which the members of objects are columns."""

    def __init__(self, table: Table, apart: Mapping[str, Mapping[str, str]]) -> None:
        self._table = table
        self._apart = apart
        columns: list[str] = []
        for name in table.columns:
            columns += apart[name].values() if name in apart else [name]
        self.columns: Sequence[str] = tuple(columns)
        listed = ", ".join(f"{name}.{next(iter(keys))}" for name, keys in apart.items() if keys)
        self.notes = (
            *table.notes,
            f"objects become columns such as {listed[:200]}; what is deeper stays as JSON text",
        )

    @property
    def path(self) -> Path:
        """See Table."""
        return self._table.path

    def records(self) -> Iterator[Record | Reject]:
        """See Table."""
        for record in self._table.records():
            yield record if isinstance(record, Reject) else self._flat(record)

    def _flat(self, record: Record) -> Record:
        cells: dict[str, Any] = {}
        for name, cell in record.cells.items():
            if name not in self._apart:
                cells[name] = cell
            elif isinstance(cell, dict):
                by_key = {str(key): value for key, value in cell.items()}
                for key, column in self._apart[name].items():
                    if key in by_key:
                        value = by_key[key]
                        cells[column] = text_of(value) if isinstance(value, dict) else value
            else:
                cells.update(dict.fromkeys(self._apart[name].values()))
        return Record(record.line, cells)


def _is_picture(keys: Mapping[str, None]) -> bool:
    """Return whether objects are pictures as datasets store them: bytes and a path."""
    return {"bytes", "path"} <= set(keys)
