"""Checksums of access keys, of how sources are understood, and of fields.

What is there is taken as it is.
"""

import sqlalchemy as sa
from alembic import op

from search_engine.catalog.row_checksums import SEALED, seal_rows

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the columns and fill them."""
    for table in SEALED:
        op.add_column(table.name, sa.Column("crc32", sa.BigInteger))
        seal_rows(op.get_bind(), table, sa.true())
