"""Hashes of pictures, by which copies are recognised."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add a table, empty: the next indexing run fills it."""
    op.create_table(
        "picture_hashes",
        sa.Column(
            "key",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("items.key", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("collection_id", sa.Integer, sa.ForeignKey("collections.id"), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_index("picture_hashes_seq", "picture_hashes", ["collection_id", "seq"])
