"""Statements that every search asks, compiled once: what is left is the database's own work.

SQLAlchemy finds and binds a statement that it has compiled before in the time that SQLite needs for
ten such answers. So these few are given to the driver as the text that they compile to.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Dialect, Select

_Processor = Callable[[Any], Any] | None


class Prepared:
    """A statement for the driver of a database; rows come as the types of its columns say."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, tuple[_Processor, ...]]] = {}

    def rows(self, connection: Connection, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows for some values of its parameters."""
        text, names, processors = self._for(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            if names is None:
                cursor.execute(text, values)
            else:
                cursor.execute(text, tuple(values[name] for name in names))
            found = cursor.fetchall()
        finally:
            cursor.close()
        if not any(processors):
            yield from found
            return
        for row in found:
            yield tuple(
                value if process is None else process(value)
                for value, process in zip(row, processors, strict=True)
            )

    def _for(self, dialect: Dialect) -> tuple[str, tuple[str, ...] | None, tuple[_Processor, ...]]:
        """The text, the order of parameters unless they go by name, and what makes of values."""
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect)
            processors = tuple(
                each.type.dialect_impl(dialect).result_processor(dialect, None)
                for each in self._statement.selected_columns
            )
            names = tuple(compiled.positiontup or ()) if compiled.positional else None
            self._compiled[dialect.name] = str(compiled), names, processors
        return self._compiled[dialect.name]
