"""The number of the last change to the database, of which each change takes the next."""

from sqlalchemy import Connection, select

from search_engine.catalog.prepared import Prepared
from search_engine.catalog.tables import sequence
from search_engine.errors import CorruptDataError

_NUMBER = Prepared(select(sequence.c.value))


def last_change(connection: Connection) -> int:
    """The number, as a transaction sees it.

    Raises:
        CorruptDataError: It is damaged.
    """
    rows = list(_NUMBER.rows(connection))
    if len(rows) != 1 or not isinstance(rows[0][0], int):
        raise CorruptDataError(
            "the number of the last change to the catalog is damaged",
            fix="restore the catalog from a snapshot",
        )
    return rows[0][0]
