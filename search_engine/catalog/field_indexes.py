"""One index for each attribute that items have, so that conditions on it need not read every item.

An index holds kind and value of the items that have the attribute, of all collections. It is kept
by SQLite itself with every change of an item, and `PRAGMA integrity_check` compares the two.
Attributes beyond the first `MAX_FIELD_INDEXES` have none: each one costs every writer some time.
Conditions on them read every item's attributes instead.
"""

import logging
from hashlib import blake2b

from sqlalchemy import ColumnElement, Connection, func, select, text, update
from sqlalchemy.exc import DBAPIError

from search_engine.catalog.attributes import is_indexable, json_path
from search_engine.catalog.tables import fields, items

log = logging.getLogger(__name__)

MAX_FIELD_INDEXES = 64
PREFIX = "field_"
MALFORMED = "malformed JSON"
"""What SQLite says of attributes that cannot be read, whenever an index or a query needs them."""


def index_fields(connection: Connection) -> None:
    """Make the indexes fit the fields that collections have; part of the caller's transaction.

    Those of fields that no collection has any more are dropped. Fields get theirs in the order in
    which they were first seen.
    """
    noted = select(fields.c.name).order_by(text("rowid"))
    names = {index_name(name): name for name in connection.execute(noted).scalars()}
    present = _present(connection)
    for index in sorted(present - names.keys()):
        connection.exec_driver_sql(f"DROP INDEX {index}")
    missing = [name for index, name in names.items() if index not in present]
    room = MAX_FIELD_INDEXES - len(present & names.keys())
    for name in [name for name in missing if is_indexable(name)][:room]:
        try:
            connection.exec_driver_sql(_create_index(name))
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
        connection.exec_driver_sql(f"DROP INDEX {index}")
    connection.execute(update(items).where(items.c.key.in_(keys)).values(attributes={}))
    index_fields(connection)


def _present(connection: Connection) -> set[str]:
    """The indexes of fields that there are."""
    found = text("SELECT name FROM sqlite_master WHERE type = 'index'")
    return {name for name in connection.execute(found).scalars() if name.startswith(PREFIX)}


def index_name(field: str) -> str:
    """The name of a field's index: letters and digits only, whatever the field's are."""
    digest = blake2b(field.encode("utf-8", "surrogatepass"), digest_size=8)
    return f"{PREFIX}{digest.hexdigest()}"


def _create_index(field: str) -> str:
    path = json_path(field).replace("'", "''")
    kind, value = (f"{part}(attributes, '{path}')" for part in ("json_type", "json_extract"))
    return (
        f"CREATE INDEX {index_name(field)} ON items (collection_id, {kind}, {value}) "
        f"WHERE removed = 0 AND {kind} IS NOT NULL"
    )
