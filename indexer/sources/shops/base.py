"""Rewrite a shop's export to a table in which each row is one item with all its pictures."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.sources.base import ColumnReport, Reject
from indexer.sources.mapping import plain_name
from indexer.sources.records import Record, Table
from indexer.sources.shapes import is_empty, text_of

MAX_NAMES = 200
"""Names of options or attributes that become columns; with more of them they are left as data."""


@dataclass(frozen=True, slots=True)
class Layout:
    """An interpreted table: rewritten rows, columns of fields, types, and notes.

    `types` apply if all cells fit. `consumed` are columns that are no longer in the table.
    """

    table: Table
    mapping: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    consumed: tuple[ColumnReport, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RewrittenTable:
    """A table whose records are made from those of another."""

    path: Path
    columns: Sequence[str]
    notes: Sequence[str]
    make: Callable[[], Iterator[Record | Reject]]

    def records(self) -> Iterator[Record | Reject]:
        """See Table."""
        return self.make()


def each_changed(
    table: Table, change: Callable[[Record], Record]
) -> Callable[[], Iterator[Record | Reject]]:
    """Apply a change to each record; rejects are kept."""

    def records() -> Iterator[Record | Reject]:
        for record in table.records():
            yield record if isinstance(record, Reject) else change(record)

    return records


def several(cells: Iterable[Any]) -> Any:
    """Join the filled cells, and those of lists among them, to one: a list if there are several."""
    apart = (each for cell in cells for each in (cell if isinstance(cell, list) else [cell]))
    given = [cell for cell in apart if not is_empty(cell)]
    return given if len(given) > 1 else next(iter(given), None)


class Header:
    """The columns of a table by normalised name."""

    def __init__(self, table: Table) -> None:
        self._columns: dict[str, str] = {}
        for column in table.columns:
            self._columns.setdefault(plain_name(column), column)

    def has(self, *names: str) -> bool:
        """Return whether all of these columns exist."""
        return all(name in self._columns for name in names)

    def first(self, *names: str) -> str | None:
        """Return the first of these columns that exists."""
        return next((self._columns[name] for name in names if name in self._columns), None)

    def starting(self, *starts: str) -> list[str]:
        """Return the columns with this prefix, in table order."""
        return [column for plain, column in self._columns.items() if plain.startswith(starts)]


def more_pictures(columns: Iterable[str]) -> tuple[ColumnReport, ...]:
    """Report columns with more pictures of an item."""
    return tuple(ColumnReport(column, "image", "text", None) for column in columns)


def taken_apart(columns: Iterable[str], names: Iterable[str]) -> tuple[ColumnReport, ...]:
    """Report columns whose values were moved to columns of other names."""
    listed = ", ".join(names)[:200]
    note = f"its values are in {listed}" if listed else None
    return tuple(ColumnReport(column, None, "text", None, note=note) for column in columns)


def filled(cells: Mapping[str, Any], column: str | None) -> str:
    """Return the trimmed text of a cell; empty if there is none."""
    cell = cells.get(column) if column is not None else None
    return "" if is_empty(cell) else text_of(cell).strip()


def parts(text: str, separator: str = ",") -> list[str]:
    """Split a list in a cell; a backslash keeps a comma within a value."""
    marked = text.replace(f"\\{separator}", "\x01")
    found = (part.replace("\x01", separator).strip() for part in marked.split(separator))
    return [part for part in found if part]


def one_or_list(values: Iterable[str], as_list: bool) -> Any:
    """Return the distinct values as a list cell, or the only value."""
    found = list(dict.fromkeys(values))
    if not found:
        return None
    return found if as_list else found[0]


def free_name(name: str, taken: Iterable[str], suffix: str) -> str:
    """Return the name, with a suffix if a column has it already."""
    known = set(taken)
    while name in known:
        name = f"{name} {suffix}"
    return name
