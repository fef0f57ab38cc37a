"""The order that was learned for a collection, and the one before it, as JSON objects."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, null, select

from search_engine.catalog.damaged import Damaged
from search_engine.catalog.dialects.statements import insert_or
from search_engine.catalog.tables import rerankers

Stored = Mapping[str, Any]


def reranker_version(connection: Connection, collection_id: int) -> int | None:
    """A number that changes with the order in use; None if none is."""
    query = select(rerankers.c.version).where(
        rerankers.c.collection_id == collection_id, rerankers.c.current.is_not(None)
    )
    return connection.execute(query).scalar()


def reranker_in(connection: Connection, collection_id: int) -> Stored | None:
    """The order in use; None if none was learned, or what is stored cannot be read."""
    return _sound(_row(connection, collection_id), "current")


def keep_reranker(connection: Connection, collection_id: int, reranker: Stored) -> None:
    """Use an order from now on; the one before is kept until the next."""
    row = _row(connection, collection_id)
    _put(connection, collection_id, row, dict(reranker), _sound(row, "current"))


def undo_reranker(connection: Connection, collection_id: int) -> tuple[bool, Stored | None]:
    """Go back to the order before, or to none.

    Returns:
        Whether there was one in use, and the order that is in use now.
    """
    row = _row(connection, collection_id)
    if _sound(row, "current") is None:
        return False, None
    former = _sound(row, "former")
    _put(connection, collection_id, row, former, None)
    return True, former


def _put(
    connection: Connection,
    collection_id: int,
    row: Any,
    current: Stored | None,
    former: Stored | None,
) -> None:
    values = {
        "version": 1 if row is None else row.version + 1,
        "current": null() if current is None else dict(current),
        "former": null() if former is None else dict(former),
    }
    adding = insert_or(connection, rerankers).values(collection_id=collection_id, **values)
    connection.execute(adding.on_conflict_do_update(index_elements=["collection_id"], set_=values))


def _row(connection: Connection, collection_id: int) -> Any:
    query = select(rerankers).where(rerankers.c.collection_id == collection_id)
    return connection.execute(query).first()


def _sound(row: Any, name: str) -> Stored | None:
    found: Stored | None = None if row is None else getattr(row, name)
    return None if isinstance(found, Damaged) else found
