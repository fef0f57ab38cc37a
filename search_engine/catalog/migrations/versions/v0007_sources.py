"""Which source an item comes from, how sources are understood, and types of attributes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add two columns and a table, all empty."""
    op.add_column("items", sa.Column("source", sa.Text))
    op.add_column("fields", sa.Column("type", sa.String(16)))
    op.create_table(
        "sources",
        sa.Column(
            "collection_id",
            sa.Integer,
            sa.ForeignKey("collections.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
