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
    SELECT key FROM items WHERE json_valid(attributes) AND json_type(attributes) = 'object'
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
    readable = connection.exec_driver_sql(_READABLE)
    seal_items(connection, readable.scalars().all())
    _seal_blobs(connection, "pictures", "jpeg")
    _seal_blobs(connection, "picture_hashes", "hash")


def _seal_blobs(connection: sa.Connection, name: str, blob: str) -> None:
    """In steps: pictures of a large catalog do not fit into memory."""
    table = sa.table(name, sa.column("key"), sa.column(blob), sa.column("crc32"))
    key, rows = table.c.key, sa.select(table.c.key, table.c[blob])
    changed = (
        sa.update(table).where(key == sa.bindparam("_key")).values(crc32=sa.bindparam("_crc32"))
    )
    keys = connection.execute(sa.select(key).order_by(key)).scalars().all()
    for start in range(0, len(keys), ROWS_A_STEP):
        step = keys[start : start + ROWS_A_STEP]
        found = connection.execute(rows.where(key.between(step[0], step[-1]))).all()
        sealed = [
            {"_key": number, "_crc32": blob_crc32(number, content)}
            for number, content in found
            if isinstance(content, bytes)
        ]
        if sealed:
            connection.execute(changed, sealed)
