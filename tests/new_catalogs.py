"""New catalogs without the time that migrations take.

Hundreds of tests begin with an empty catalog. The first one of a process is migrated; what that
executed is executed again for the others. Older catalogs, other versions and other databases than
SQLite are always migrated.
"""

from collections.abc import Callable
from typing import Any

from alembic import command
from sqlalchemy import Connection, event

READS = ("SELECT", "PRAGMA")
migrate: Callable[..., None] = command.upgrade


class Replayed:
    """Takes the place of `alembic.command.upgrade`."""

    def __init__(self) -> None:
        self._executed: list[tuple[str, Any]] | None = None

    def __call__(self, config: Any, revision: str, **options: Any) -> None:
        connection: Connection = config.attributes["connection"]
        if revision != "head" or not _is_new(connection):
            migrate(config, revision, **options)
        elif self._executed is None:
            self._executed = _recorded(connection, lambda: migrate(config, revision, **options))
        else:
            cursor = connection.connection.cursor()
            for statement, parameters in self._executed:
                cursor.execute(statement, parameters)
            cursor.close()


def _is_new(connection: Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return False
    found = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    return found == 0


def _recorded(connection: Connection, run: Callable[[], None]) -> list[tuple[str, Any]]:
    """What was executed meanwhile, but for what only reads."""
    executed: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().startswith(READS):
            executed.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return executed
