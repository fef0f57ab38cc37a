"""What is needed to search large catalogs: indexes of live items, and a checksum of their keys."""

import numpy as np
import sqlalchemy as sa
from alembic import op

from search_engine.catalog.checksum import key_checksum
from search_engine.catalog.field_indexes import index_fields

revision = "0002"
down_revision = "0001"

_collections = sa.table(
    "collections",
    sa.column("id", sa.Integer),
    sa.column("key_count", sa.BigInteger),
    sa.column("key_checksum", sa.BigInteger),
)


def upgrade() -> None:
    """Add the columns and fill them; index labels, product ids and every attribute."""
    op.add_column(
        "collections", sa.Column("key_count", sa.BigInteger, nullable=False, server_default="0")
    )
    op.add_column(
        "collections", sa.Column("key_checksum", sa.BigInteger, nullable=False, server_default="0")
    )
    op.add_column("collections", sa.Column("index_factory", sa.String(128)))
    op.drop_index("items_label", "items")
    _create_live_index("items_live", "collection_id")
    _create_live_index("items_live_label", "collection_id", "label")
    _create_live_index("items_live_product", "collection_id", "product_id")
    connection = op.get_bind()
    _sum_up_keys(connection)
    index_fields(connection)


def _create_live_index(name: str, *columns: str) -> None:
    op.create_index(
        name,
        "items",
        list(columns),
        sqlite_where=sa.text("removed = 0"),
        postgresql_where=sa.text("removed = false"),
    )


def _sum_up_keys(connection: sa.Connection) -> None:
    live = sa.text("SELECT key FROM items WHERE collection_id = :id AND removed = 0")
    for number in connection.execute(sa.select(_collections.c.id)).scalars().all():
        found = connection.execute(live, {"id": number}).scalars()
        keys = np.fromiter(found, dtype=np.int64)
        connection.execute(
            sa.update(_collections)
            .where(_collections.c.id == number)
            .values(key_count=len(keys), key_checksum=key_checksum(keys))
        )
