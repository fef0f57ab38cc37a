"""One place for all that encoders learn from a catalog: projections, and now networks too."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Give the table its wider name."""
    op.rename_table("projections", "learned")
