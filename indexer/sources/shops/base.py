"""What a shop's export becomes: a table in which each row is one item with all its pictures."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.sources.base import ColumnReport, Reject
from indexer.sources.mapping import plain_name
from indexer.sources.records import Record, Table
from indexer.sources.shapes import is_empty, text_of

MAX_NAMES = 200
"""Names of options or attributes that become columns; more of them would be data."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A table as it is understood: rewritten rows, columns of fields, types, and what is told.

    `types` are taken where all cells fit. `consumed` are columns that are no longer in the table.
    """

    table: Table
    mapping: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    consumed: tuple[ColumnReport, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RewrittenTable:
    """A table whose records are made of those of another."""

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
    """Records of a table, each changed by itself; rejects stay."""

    def records() -> Iterator[Record | Reject]:
        for record in table.records():
            yield record if isinstance(record, Reject) else change(record)

    return records


def several(cells: Iterable[Any]) -> Any:
    """The filled ones of some cells as one cell: a list if there are several."""
    given = [cell for cell in cells if not is_empty(cell)]
    return given if len(given) > 1 else next(iter(given), None)


class Header:
    """The columns of a table by their plain names, in which spelling does not matter."""

    def __init__(self, table: Table) -> None:
        self._columns: dict[str, str] = {}
        for column in table.columns:
            self._columns.setdefault(plain_name(column), column)

    def has(self, *names: str) -> bool:
        """Whether all of these columns are there."""
        return all(name in self._columns for name in names)

    def first(self, *names: str) -> str | None:
        """The first of these columns that is there."""
        return next((self._columns[name] for name in names if name in self._columns), None)

    def starting(self, *starts: str) -> list[str]:
        """The columns that begin so, in the order of the table."""
        return [column for plain, column in self._columns.items() if plain.startswith(starts)]


def more_pictures(columns: Iterable[str]) -> tuple[ColumnReport, ...]:
    """Reports of columns with more pictures of an item."""
    return tuple(ColumnReport(column, "image", "text", None) for column in columns)


def taken_apart(columns: Iterable[str], names: Iterable[str]) -> tuple[ColumnReport, ...]:
    """Reports of columns whose values are in columns of other names."""
    listed = ", ".join(names)[:200]
    note = f"its values are in {listed}" if listed else None
    return tuple(ColumnReport(column, None, "text", None, note=note) for column in columns)


def filled(cells: Mapping[str, Any], column: str | None) -> str:
    """The text of a cell without space around it; empty where there is none."""
    cell = cells.get(column) if column is not None else None
    return "" if is_empty(cell) else text_of(cell).strip()


def parts(text: str, separator: str = ",") -> list[str]:
    """The values of a list in a cell; a backslash keeps a comma within a value."""
    marked = text.replace(f"\\{separator}", "\x01")
    found = (part.replace("\x01", separator).strip() for part in marked.split(separator))
    return [part for part in found if part]


def one_or_list(values: Iterable[str], as_list: bool) -> Any:
    """Different values as a cell of a column that has lists, or the only value."""
    found = list(dict.fromkeys(values))
    if not found:
        return None
    return found if as_list else found[0]


def free_name(name: str, taken: Iterable[str], suffix: str) -> str:
    """The name, or one with a suffix where a column has it already."""
    known = set(taken)
    while name in known:
        name = f"{name} {suffix}"
    return name
