"""Statements past a catalog's writer, in whichever database it is, and checksums for their rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from search_engine.catalog.dialects.opened import database_of
from search_engine.catalog.row_checksums import seal_collection, seal_items
from search_engine.storage.paths import DataPaths


@contextmanager
def past_writer(data: Path) -> Iterator[Connection]:
    """A transaction in the database of a data directory."""
    database = database_of(DataPaths(data), lock_wait_s=10)
    database.find(create=False)
    try:
        with database.writers.begin() as connection:
            yield connection
    finally:
        database.readers.dispose()
        database.dispose_writers(wait=False)


def execute(data: Path, *statements: str, **values: Any) -> Sequence[Any]:
    """Execute statements as another program would; gives the rows of the last one, if it has any.

    Values stand in them as `:name`. Readers see that something has changed.
    """
    with past_writer(data) as connection:
        for statement in statements:
            done = connection.execute(text(statement), values)
        rows = done.all() if done.returns_rows else []
        if not rows:
            connection.execute(text("UPDATE sequence SET value = value + 1"))
        return rows


def reseal(data: Path) -> None:
    """Give all items and collections the checksums of what they hold now."""
    with past_writer(data) as connection:
        for number in connection.exec_driver_sql("SELECT id FROM collections").scalars().all():
            seal_collection(connection, number)
        keys = connection.exec_driver_sql("SELECT key FROM items").scalars().all()
        seal_items(connection, keys)
