"""The encoder that a collection had before, and the items of which an encoder has no embedding."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_key = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the column and the table, both empty."""
    op.add_column("collections", sa.Column("former", sa.JSON))
    op.create_table(
        "unsearchable",
        sa.Column("key", _key, sa.ForeignKey("items.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("fingerprint", sa.String(32), primary_key=True),
        sa.Column("reason", sa.String(64), nullable=False),
    )
