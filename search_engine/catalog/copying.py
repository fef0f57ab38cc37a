"""A whole catalog copied from one database to another, of either kind, as of one commit."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text, update

from search_engine.catalog.damaged import Damaged
from search_engine.catalog.dialects.statements import is_postgresql
from search_engine.catalog.field_indexes import index_fields
from search_engine.catalog.last_change import last_change
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import metadata, sequence
from search_engine.errors import CorruptDataError, ParameterError

ROWS_A_STEP = 200
"""Pictures are among what is copied: so many of them fit into memory."""


def copy_catalog(source: Catalog, target: Catalog) -> None:
    """Copy every row into a catalog in which nothing was ever written.

    Rows keep their keys, numbers and checksums, so that indexes and files fit the copy too.

    Raises:
        ParameterError: There is something in the target.
        CorruptDataError: A row of the source cannot be read; `check` names it.
    """
    if target.seq() or target.collections():
        raise ParameterError(
            "there is a catalog in that database already",
            where=target.where,
            fix="name an empty database, or delete what is in this one",
        )
    with source.read() as reading, target.write() as writer:
        writing = writer.connection
        for table in metadata.sorted_tables:
            if table is not sequence:
                _copy_table(source, reading, writing, table)
        writing.execute(update(sequence).values(value=last_change(reading)))
        index_fields(writing)


def _copy_table(source: Catalog, reading: Connection, writing: Connection, table: Table) -> None:
    rows = _rows(source, reading, table)
    while step := list(islice(rows, ROWS_A_STEP)):
        writing.execute(insert(table), step)
    (key, *others) = table.primary_key
    if is_postgresql(writing) and not others and key.type.python_type is int:
        last = select(func.max(key)).scalar_subquery()
        number = text("pg_get_serial_sequence(:table, :key)").bindparams(
            table=table.name, key=key.name
        )
        writing.execute(select(func.setval(number, func.coalesce(last, 1), last.is_not(None))))


def _rows(source: Catalog, reading: Connection, table: Table) -> Iterator[dict[str, Any]]:
    found = reading.execution_options(yield_per=ROWS_A_STEP).execute(select(table))
    for row in found.mappings():
        if any(isinstance(value, Damaged) for value in row.values()):
            raise CorruptDataError(
                f"a row of {table.name} cannot be read",
                where=source.where,
                fix="`eyedex check` names it",
            )
        yield dict(row)
