"""What people did with what searches showed them, what was learned from that, and shapes."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add tables, empty, and shapes of pictures, unknown of those that are there."""
    op.add_column("items", sa.Column("shape", sa.LargeBinary))
    op.create_table(
        "feedback_queries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("collection_id", sa.Integer, sa.ForeignKey("collections.id"), nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("item_key", sa.Integer, sa.ForeignKey("items.key", ondelete="CASCADE")),
        sa.Column("fingerprint", sa.String(32)),
        sa.Column("vector", sa.LargeBinary),
        sa.Column("crc32", sa.BigInteger),
    )
    op.create_index(
        "feedback_queries_digest", "feedback_queries", ["collection_id", "digest"], unique=True
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("collection_id", sa.Integer, sa.ForeignKey("collections.id"), nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("query_id", sa.Integer, sa.ForeignKey("feedback_queries.id"), nullable=False),
        sa.Column(
            "item_key", sa.Integer, sa.ForeignKey("items.key", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("event", sa.String(8), nullable=False),
        sa.Column("position", sa.Integer),
        sa.Column("session", sa.Text),
        sa.Column("at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("feedback_event", "feedback", ["collection_id", "event_id"], unique=True)
    op.create_index("feedback_query", "feedback", ["query_id"])
    op.create_index("feedback_at", "feedback", ["at"])
    op.create_table(
        "rerankers",
        sa.Column(
            "collection_id",
            sa.Integer,
            sa.ForeignKey("collections.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("current", sa.JSON),
        sa.Column("former", sa.JSON),
    )
