"""Checksums for rows that a test writes past the catalog's writer."""

from pathlib import Path

from search_engine.catalog.dialects import sqlite
from search_engine.catalog.row_checksums import seal_collection, seal_items


def reseal(data: Path) -> None:
    """Give all items and collections the checksums of what they hold now."""
    engine = sqlite.writer_engine(data / "catalog.sqlite")
    with engine.begin() as connection:
        for number in connection.exec_driver_sql("SELECT id FROM collections").scalars().all():
            seal_collection(connection, number)
        keys = connection.exec_driver_sql("SELECT key FROM items").scalars().all()
        seal_items(connection, keys)
    engine.dispose()
