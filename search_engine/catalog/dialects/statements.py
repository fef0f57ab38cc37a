"""Parts of statements that SQLite and PostgreSQL spell differently."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Connection,
    Select,
    Table,
    TextClause,
    bindparam,
    column,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_ITEMS_OF_TEXTS = (
    "SELECT asked.value, items.item_id FROM {texts} CROSS JOIN items "
    "WHERE items.collection_id = :collection AND items.removed = {false} AND {condition}"
)
"""CROSS JOIN: SQLite keeps the order of the tables then, and looks each text up in an index."""


def is_postgresql(connection: Connection) -> bool:
    """Whether the catalog is in PostgreSQL."""
    return connection.dialect.name == "postgresql"


def run_as_written(connection: Connection, statements: str) -> None:
    """Run statements in which nothing stands for a parameter."""
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def listed_keys(name: str | None, keys: str | None = None) -> Select[tuple[int]]:
    """The keys of a JSON list, however many: of a parameter of that name, or those given."""
    given: BindParameter[str] = bindparam(name, keys, required=keys is None)
    return select(func.json_each(given).table_valued(column("value", BigInteger)).c.value)


def items_of_texts(connection: Connection, condition: str) -> TextClause:
    """Ids of live items for each of some texts, `asked.value`, by a condition that indexes answer.

    Its parameters are `texts`, a JSON list, and `collection`.
    """
    texts, false = "json_each(:texts) AS asked", "0"
    if is_postgresql(connection):
        texts, false = "json_array_elements_text(CAST(:texts AS json)) AS asked(value)", "false"
    return text(_ITEMS_OF_TEXTS.format(texts=texts, false=false, condition=condition))


def insert_or(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that can be told what to do where a row is there already."""
    return postgresql.insert(table) if is_postgresql(connection) else sqlite.insert(table)


def replace_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store whole rows, in place of those of the same primary key."""
    if not is_postgresql(connection):
        connection.execute(insert(table).prefix_with("OR REPLACE"), rows)
        return
    adding = postgresql.insert(table)
    key = [each.name for each in table.primary_key]
    values = {each.name: adding.excluded[each.name] for each in table.c if each.name not in key}
    connection.execute(adding.on_conflict_do_update(index_elements=key, set_=values), rows)


class is_text(FunctionElement[bool]):  # noqa: N801 - a function
    """Whether a column of texts has one: neither nothing, nor the bytes that damage left."""

    type = Boolean()
    inherit_cache = True


class is_no_text(FunctionElement[bool]):  # noqa: N801 - a function
    """Whether damage has left bytes in the place of a text; PostgreSQL lets none in."""

    type = Boolean()
    inherit_cache = True


@compiles(is_text)
def _is_text(element: Any, compiler: Any, **kw: Any) -> str:
    """As a range, which an index serves: SQLite has all texts below all bytes."""
    return f"{compiler.process(element.clauses, **kw)} < x''"


@compiles(is_text, "postgresql")
def _is_text_there(element: Any, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(element.clauses, **kw)} IS NOT NULL"


@compiles(is_no_text)
def _is_no_text(element: Any, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(element.clauses, **kw)} >= x''"


@compiles(is_no_text, "postgresql")
def _is_no_text_there(element: Any, compiler: Any, **kw: Any) -> str:
    return "false"
