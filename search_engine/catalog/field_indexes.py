"""One index for each attribute that items have, so that conditions on it need not read every item.

An index holds kind and value of the items that have the attribute, of all collections. It is kept
by the database itself with every change of an item; SQLite's `PRAGMA integrity_check` compares the
two.
Attributes beyond the first `MAX_FIELD_INDEXES` have none: each one costs every writer some time.
Conditions on them read every item's attributes instead.
"""

import logging
from hashlib import blake2b

from sqlalchemy import ColumnElement, Connection, func, select, text, update
from sqlalchemy.exc import DBAPIError

from search_engine.catalog.attributes import is_indexable, json_path
from search_engine.catalog.dialects.statements import is_postgresql, run_as_written
from search_engine.catalog.tables import fields, items

log = logging.getLogger(__name__)

MAX_FIELD_INDEXES = 64
PREFIX = "field_"
DROP_WAIT_MS = 500
LOCK_NOT_AVAILABLE = "55P03"
MALFORMED = "malformed JSON"
"""What SQLite says of attributes that cannot be read, whenever an index or a query needs them."""


def index_fields(connection: Connection) -> None:
    """Make the indexes fit the fields that collections have; part of the caller's transaction.

    Those of fields that no collection has any more are dropped. Fields get theirs in the order in
    which they were first seen.
    """
    row = "ctid" if is_postgresql(connection) else "rowid"
    noted = select(fields.c.name).order_by(text(row))
    names = {index_name(name): name for name in connection.execute(noted).scalars()}
    present = _present(connection)
    for index in sorted(present - names.keys()):
        _drop(connection, index)
    missing = [name for index, name in names.items() if index not in present]
    room = MAX_FIELD_INDEXES - len(present & names.keys())
    for name in [name for name in missing if is_indexable(name)][:room]:
        try:
            run_as_written(connection, _create_index(connection, name))
        except DBAPIError as error:
            if str(error.orig) != MALFORMED:
                raise
            log.warning("no index of attribute %r: some items' attributes cannot be read", name)
            return


def clear_unreadable(connection: Connection, among: ColumnElement[bool]) -> None:
    """Let unreadable attributes of items that are about to be written or removed be none.

    SQLite cannot change a row whose former values it has to look for in an index of attributes.
    """
    unreadable = select(items.c.key).where(among, func.json_valid(items.c.attributes) == 0)
    keys = connection.execute(unreadable).scalars().all()
    if not keys:
        return
    for index in _present(connection):
        _drop(connection, index)
    connection.execute(update(items).where(items.c.key.in_(keys)).values(attributes={}))
    index_fields(connection)


def _present(connection: Connection) -> set[str]:
    """The indexes of fields that there are."""
    found = "SELECT name FROM sqlite_master WHERE type = 'index'"
    if is_postgresql(connection):
        found = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
    return {name for name in connection.execute(text(found)).scalars() if name.startswith(PREFIX)}


def _drop(connection: Connection, index: str) -> None:
    """Drop an index; PostgreSQL would wait for all who read, and others for it, so not for long."""
    if not is_postgresql(connection):
        connection.exec_driver_sql(f"DROP INDEX {index}")
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {DROP_WAIT_MS}")
            connection.exec_driver_sql(f"DROP INDEX {index}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        log.info("index %s stays until nobody reads", index)


def index_name(field: str) -> str:
    """The name of a field's index: letters and digits only, whatever the field's are."""
    digest = blake2b(field.encode("utf-8", "surrogatepass"), digest_size=8)
    return f"{PREFIX}{digest.hexdigest()}"


def _create_index(connection: Connection, field: str) -> str:
    path = json_path(field).replace("'", "''")
    if is_postgresql(connection):
        taken = f"eyedex_at(facts, '{path}')"
        kind, value = (
            f'({part}({taken}) COLLATE "C")' for part in ("eyedex_kind", "eyedex_sortable")
        )
        removed = "false"
    else:
        kind, value = (f"{part}(attributes, '{path}')" for part in ("json_type", "json_extract"))
        removed = "0"
    return (
        f"CREATE INDEX {index_name(field)} ON items (collection_id, {kind}, {value}) "
        f"WHERE removed = {removed} AND {kind} IS NOT NULL"
    )
