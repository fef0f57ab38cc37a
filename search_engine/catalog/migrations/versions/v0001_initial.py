"""The first schema: collections, items, embeddings, pictures, fields and the sequence."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None

_key = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "collections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("uid", sa.String(32), nullable=False, unique=True),
        sa.Column("encoder", sa.String(128)),
        sa.Column("encoder_options", sa.JSON, nullable=False),
        sa.Column("fingerprint", sa.String(32)),
        sa.Column("dimension", sa.Integer),
        sqlite_autoincrement=True,
    )
    _create_items()
    op.create_table(
        "embeddings",
        sa.Column("key", _key, sa.ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("fingerprint", sa.String(32), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("crc32", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "pictures",
        sa.Column("key", _key, sa.ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("jpeg", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "fields",
        sa.Column(
            "collection_id",
            sa.Integer,
            sa.ForeignKey("collections.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", sa.Text, primary_key=True),
    )
    sequence = op.create_table(
        "sequence",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(sequence, [{"id": 1, "value": 0}])


def _create_items() -> None:
    op.create_table(
        "items",
        sa.Column("key", _key, primary_key=True, autoincrement=True),
        sa.Column("collection_id", sa.Integer, sa.ForeignKey("collections.id"), nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text),
        sa.Column("label", sa.Text),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("picture", sa.Text),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("index_seq", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "items_live_id",
        "items",
        ["collection_id", "item_id"],
        unique=True,
        sqlite_where=sa.text("removed = 0"),
        postgresql_where=sa.text("removed = false"),
    )
    op.create_index("items_index_seq", "items", ["collection_id", "index_seq"])
    op.create_index("items_label", "items", ["collection_id", "label"])
