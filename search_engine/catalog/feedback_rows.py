"""Rows of feedback: what people did with what a search showed them, and what they asked with."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select

from search_engine.catalog.chunks import in_parts
from search_engine.catalog.dialects.statements import insert_or
from search_engine.catalog.tables import feedback, feedback_queries, items


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """What was asked with: an item, or an embedding as `vectors.pack` packs it, with its encoder's
    fingerprint."""

    item_key: int | None = None
    fingerprint: str | None = None
    vector: bytes = b""
    crc32: int = 0

    @property
    def digest(self) -> str:
        """Tells it from other queries of its collection."""
        named = repr((self.item_key, self.fingerprint)).encode() + self.vector
        return blake2b(named, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event; `at` is in seconds since 1970, `position` counts from 1."""

    event_id: str
    query: StoredQuery
    item_key: int
    event: str
    position: int | None
    session: str | None
    at: float


@dataclass(frozen=True, slots=True)
class ListedEvent(StoredEvent):
    """An event as it is read again, with its number, and the ids of its items while they are live.

    `query_item_id` is None where an embedding was asked with.
    """

    number: int = 0
    item_id: str | None = None
    query_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events of a collection: of a session, before or from a moment on; None for any."""

    collection_id: int
    session: str | None = None
    before: float | None = None
    since: float | None = None

    @property
    def condition(self) -> ColumnElement[bool]:
        """The same in SQL."""
        parts = [feedback.c.collection_id == self.collection_id]
        if self.session is not None:
            parts.append(feedback.c.session == self.session)
        if self.before is not None:
            parts.append(feedback.c.at < self.before)
        if self.since is not None:
            parts.append(feedback.c.at >= self.since)
        return and_(*parts)


def add_events(connection: Connection, collection_id: int, events: Sequence[StoredEvent]) -> int:
    """Store the events whose ids are new; says how many these were."""
    numbers = _query_numbers(connection, collection_id, [each.query for each in events])
    stored = 0
    for part in in_parts(events):
        rows = [_row(collection_id, each, numbers[each.query.digest]) for each in part]
        adding = insert_or(connection, feedback).values(rows).on_conflict_do_nothing()
        stored += len(connection.execute(adding.returning(feedback.c.id)).all())
    return stored


def events_in(
    connection: Connection, wanted: Selection, after: int, limit: int
) -> list[ListedEvent]:
    """Events behind a number, in the order in which they were stored."""
    asked = items.alias()
    query = (
        select(
            feedback.c.id,
            feedback.c.event_id,
            feedback.c.item_key,
            feedback.c.event,
            feedback.c.position,
            feedback.c.session,
            feedback.c.at,
            feedback_queries.c.item_key.label("query_key"),
            feedback_queries.c.fingerprint,
            feedback_queries.c.vector,
            feedback_queries.c.crc32,
            items.c.item_id,
            items.c.removed,
            asked.c.item_id.label("query_item_id"),
            asked.c.removed.label("query_removed"),
        )
        .join(feedback_queries, feedback_queries.c.id == feedback.c.query_id)
        .join(items, items.c.key == feedback.c.item_key)
        .outerjoin(asked, asked.c.key == feedback_queries.c.item_key)
        .where(wanted.condition, feedback.c.id > after)
        .order_by(feedback.c.id)
        .limit(limit)
    )
    return [_listed(row) for row in connection.execute(query)]


def count_events(connection: Connection, wanted: Selection) -> int:
    """How many events these are."""
    query = select(func.count()).select_from(feedback).where(wanted.condition)
    return int(connection.execute(query).scalar_one())


def delete_events(connection: Connection, wanted: Selection) -> int:
    """Remove events, and queries that nothing is left of; says how many events."""
    return _delete_where(connection, wanted.condition)


def prune_events(connection: Connection, most: int, before: float) -> int:
    """Remove the events of all collections that are older than a moment, or not among the last
    `most`; says how many."""
    last = connection.execute(select(func.max(feedback.c.id))).scalar() or 0
    return _delete_where(connection, (feedback.c.at < before) | (feedback.c.id <= last - most))


def delete_feedback(connection: Connection, collection_id: int) -> None:
    """Remove all feedback of a collection."""
    for table in (feedback, feedback_queries):
        connection.execute(delete(table).where(table.c.collection_id == collection_id))


def _delete_where(connection: Connection, condition: ColumnElement[bool]) -> int:
    asked = select(feedback.c.query_id).distinct().where(condition)
    queries = list(connection.execute(asked).scalars())
    if not queries:
        return 0
    removed = connection.execute(delete(feedback).where(condition)).rowcount
    for part in in_parts(queries):
        used = select(feedback.c.query_id).where(feedback.c.query_id == feedback_queries.c.id)
        unused = feedback_queries.c.id.in_(part) & ~used.exists()
        connection.execute(delete(feedback_queries).where(unused))
    return removed


def _query_numbers(
    connection: Connection, collection_id: int, queries: Sequence[StoredQuery]
) -> dict[str, int]:
    """The number of each query by its digest; new ones are stored."""
    by_digest = {each.digest: each for each in queries}
    for part in in_parts(list(by_digest)):
        rows = [_query_row(collection_id, digest, by_digest[digest]) for digest in part]
        connection.execute(
            insert_or(connection, feedback_queries).values(rows).on_conflict_do_nothing()
        )
    found: dict[str, int] = {}
    for part in in_parts(list(by_digest)):
        named = select(feedback_queries.c.digest, feedback_queries.c.id).where(
            feedback_queries.c.collection_id == collection_id, feedback_queries.c.digest.in_(part)
        )
        found.update((row.digest, row.id) for row in connection.execute(named))
    return found


def _query_row(collection_id: int, digest: str, query: StoredQuery) -> dict[str, Any]:
    is_item = query.item_key is not None
    return {
        "collection_id": collection_id,
        "digest": digest,
        "item_key": query.item_key,
        "fingerprint": query.fingerprint,
        "vector": None if is_item else query.vector,
        "crc32": None if is_item else query.crc32,
    }


def _row(collection_id: int, event: StoredEvent, query: int) -> dict[str, Any]:
    return {
        "collection_id": collection_id,
        "event_id": event.event_id,
        "query_id": query,
        "item_key": event.item_key,
        "event": event.event,
        "position": event.position,
        "session": event.session,
        "at": event.at,
    }


def _listed(row: Any) -> ListedEvent:
    return ListedEvent(
        event_id=row.event_id,
        query=StoredQuery(row.query_key, row.fingerprint, row.vector or b"", row.crc32 or 0),
        item_key=row.item_key,
        event=row.event,
        position=row.position,
        session=row.session,
        at=row.at,
        number=row.id,
        item_id=None if row.removed else row.item_id,
        query_item_id=None if row.query_removed else row.query_item_id,
    )
