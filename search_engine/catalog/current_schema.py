"""The schema of this version in one script: a new catalog on SQLite needs no migrations.

    python -m search_engine.catalog.current_schema

writes the script again, which a test asks for after a migration was added.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, create_engine, literal_column, select, table

from search_engine.catalog.database import migrate

FILE = Path(__file__).with_name("migrations") / "current.sql"
_DEFINITIONS = """
SELECT master.sql FROM sqlite_master AS master
LEFT JOIN pragma_table_list AS listed ON listed.name = master.name
WHERE master.sql IS NOT NULL AND master.name NOT GLOB 'sqlite_*' AND listed.type IS NOT 'shadow'
ORDER BY master.rowid
"""
_WITH_ROWS = ("alembic_version", "sequence")
_BETWEEN = ";\n\n"


def make_current_schema(connection: Connection) -> None:
    """Give an empty database the tables, indexes and triggers that all migrations would."""
    for statement in FILE.read_text(encoding="utf-8").split(_BETWEEN):
        connection.exec_driver_sql(statement)


def migrated_schema() -> str:
    """The script, from a database in memory that went through all migrations."""
    with create_engine("sqlite://").begin() as connection:
        migrate(connection)
        return _BETWEEN.join(_statements(connection)) + "\n"


def _statements(connection: Connection) -> Iterator[str]:
    for (definition,) in connection.exec_driver_sql(_DEFINITIONS):
        yield "\n".join(line.rstrip() for line in definition.strip().splitlines() if line.strip())
    everything: ColumnElement[Any] = literal_column("*")
    for name in _WITH_ROWS:
        for row in connection.execute(select(everything).select_from(table(name))):
            values = ", ".join(repr(value) for value in row)
            yield f"INSERT INTO {name} VALUES ({values})"  # noqa: S608


if __name__ == "__main__":
    FILE.write_text(migrated_schema(), encoding="utf-8")
