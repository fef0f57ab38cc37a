"""One index for each attribute that items have, so that conditions on it need not read every item.

An index holds kind and value of the items that have the attribute, of all collections. It is kept
by SQLite itself with every change of an item, and `PRAGMA integrity_check` compares the two.
Attributes beyond the first `MAX_FIELD_INDEXES` have none: each one costs every writer some time.
Conditions on them read every item's attributes instead.
"""

from hashlib import blake2b

from sqlalchemy import Connection, select, text

from search_engine.catalog.attributes import is_indexable, json_path
from search_engine.catalog.tables import fields

MAX_FIELD_INDEXES = 64
PREFIX = "field_"


def index_fields(connection: Connection) -> None:
    """Make the indexes fit the fields that collections have; part of the caller's transaction.

    Those of fields that no collection has any more are dropped. Fields get theirs in the order in
    which they were first seen.
    """
    noted = select(fields.c.name).order_by(text("rowid"))
    names = {index_name(name): name for name in connection.execute(noted).scalars()}
    found = text("SELECT name FROM sqlite_master WHERE type = 'index'")
    present = {name for name in connection.execute(found).scalars() if name.startswith(PREFIX)}
    for index in sorted(present - names.keys()):
        connection.exec_driver_sql(f"DROP INDEX {index}")
    missing = [name for index, name in names.items() if index not in present]
    room = MAX_FIELD_INDEXES - len(present & names.keys())
    for name in [name for name in missing if is_indexable(name)][:room]:
        connection.exec_driver_sql(_create_index(name))


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
