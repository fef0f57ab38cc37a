"""Embeddings of crops of pictures, and how many a collection has of each; none so far."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add a table, empty, and a column."""
    op.add_column("collections", sa.Column("patches", sa.Integer))
    op.create_table(
        "patches",
        sa.Column("key", KEY, sa.ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("fingerprint", sa.String(32), primary_key=True),
        sa.Column("collection_id", sa.Integer, sa.ForeignKey("collections.id"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        sa.Column("crc32", sa.BigInteger, nullable=False),
    )
    op.create_index("patches_seq", "patches", ["collection_id", "seq"])
