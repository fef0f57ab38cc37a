"""Checksums of items, collections, and of what is kept of pictures.

What can be seen to be damaged gets none, so that it stays damaged. All else is taken as it is.
"""

import sqlalchemy as sa
from alembic import op

from search_engine.catalog.row_checksums import blob_crc32, seal_collection, seal_items

revision = "0013"
down_revision = "0012"

ROWS_A_STEP = 500

_READABLE = """
    json_valid(attributes) AND json_type(attributes) = 'object'
    AND typeof(item_id) = 'text' AND typeof(content_hash) = 'text'
    AND coalesce(typeof(label), 'null') IN ('text', 'null')
    AND coalesce(typeof(product_id), 'null') IN ('text', 'null')
"""


def upgrade() -> None:
    """Add the columns and fill them."""
    for table in ("items", "collections", "pictures", "picture_hashes"):
        op.add_column(table, sa.Column("crc32", sa.BigInteger))
    connection = op.get_bind()
    for number in connection.exec_driver_sql("SELECT id FROM collections").scalars().all():
        seal_collection(connection, number)
    readable = connection.exec_driver_sql(f"SELECT key FROM items WHERE {_READABLE}")  # noqa: S608
    seal_items(connection, readable.scalars().all())
    for table, column in (("pictures", "jpeg"), ("picture_hashes", "hash")):
        _seal_blobs(connection, table, column)


def _seal_blobs(connection: sa.Connection, table: str, column: str) -> None:
    """In steps: pictures of a large catalog do not fit into memory."""
    keys = connection.exec_driver_sql(f"SELECT key FROM {table} ORDER BY key").scalars().all()  # noqa: S608
    rows = f"SELECT key, {column} FROM {table} WHERE key BETWEEN ? AND ?"  # noqa: S608
    changed = f"UPDATE {table} SET crc32 = ? WHERE key = ?"  # noqa: S608
    for start in range(0, len(keys), ROWS_A_STEP):
        step = keys[start : start + ROWS_A_STEP]
        found = connection.exec_driver_sql(rows, (step[0], step[-1])).all()
        sealed = [(blob_crc32(key, blob), key) for key, blob in found if isinstance(blob, bytes)]
        if sealed:
            connection.exec_driver_sql(changed, sealed)
