"""`Feedback`: the events of collections, added, read and deleted."""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from search_engine.catalog import feedback_rows as rows
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.vectors import pack
from search_engine.config import Settings
from search_engine.errors import (
    EyedexError,
    ItemNotFoundError,
    ParameterError,
    QueryExpiredError,
)
from search_engine.feedback.events import MAX_EVENTS, Event
from search_engine.search.given_vectors import unit_vector
from search_engine.search.query_cache import QueryCache, QueryToken
from search_engine.search.shared_tokens import resolved
from search_engine.storage.paths import DEFAULT_COLLECTION

READ_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Added:
    """What became of events: how many were stored, how many were known by their ids, and what was
    wrong with others, by their places."""

    stored: int
    known: int
    refused: dict[int, EyedexError]


class Feedback:
    """The feedback of one data directory. For several threads."""

    def __init__(self, catalog: Catalog, queries: QueryCache, settings: Settings) -> None:
        self._catalog = catalog
        self._queries = queries
        self._days = settings.feedback_days
        self._most = settings.feedback_max_events

    def add(self, events: Sequence[Event], *, collection: str = DEFAULT_COLLECTION) -> Added:
        """Store events; one that cannot be stored harms no other.

        Those that are older than the retention are removed on the way, and the oldest of all where
        there are more than are kept.

        Raises:
            ParameterError: There are more than 1,000.
            CollectionNotFoundError, ReadOnlyError, LockHeldError, StorageError: As they say.
        """
        if len(events) > MAX_EVENTS:
            raise ParameterError(
                f"{len(events):,} events", where="events", fix=f"give at most {MAX_EVENTS:,}"
            )
        record, now = self._catalog.collection(collection), time.time()
        ids = [each.item_id for each in events]
        ids += [each.query_item_id for each in events if each.query_item_id is not None]
        known = self._catalog.get_many(record, list(dict.fromkeys(ids)))
        keys = {name: item.key for name, item in known.items()}
        ready: list[rows.StoredEvent] = []
        refused: dict[int, EyedexError] = {}
        for place, event in enumerate(events):
            try:
                ready.append(self._stored(record, event, keys, now))
            except EyedexError as error:
                refused[place] = error
        stored = 0
        with self._catalog.write() as writer:
            if ready:
                stored = rows.add_events(writer.connection, record.id, ready)
            rows.prune_events(writer.connection, self._most, self._oldest(now))
        return Added(stored, len(ready) - stored, refused)

    def page(
        self,
        after: int,
        limit: int,
        session: str | None = None,
        *,
        collection: str = DEFAULT_COLLECTION,
    ) -> list[rows.ListedEvent]:
        """Events behind a number in the order in which they were stored, at most `limit`.

        Raises:
            CollectionNotFoundError: There is no such collection.
        """
        record = self._catalog.collection(collection)
        wanted = rows.Selection(record.id, session, since=self._oldest(time.time()))
        with self._catalog.read() as connection:
            return rows.events_in(connection, wanted, after, limit)

    def events(
        self, session: str | None = None, *, collection: str = DEFAULT_COLLECTION
    ) -> Iterator[rows.ListedEvent]:
        """All events, in the order in which they were stored."""
        after = 0
        while page := self.page(after, READ_AT_ONCE, session, collection=collection):
            yield from page
            after = page[-1].number

    def count(self, session: str | None = None, *, collection: str = DEFAULT_COLLECTION) -> int:
        """How many events there are."""
        record = self._catalog.collection(collection)
        wanted = rows.Selection(record.id, session, since=self._oldest(time.time()))
        with self._catalog.read() as connection:
            return rows.count_events(connection, wanted)

    def delete(
        self,
        session: str | None = None,
        before: float | None = None,
        *,
        collection: str = DEFAULT_COLLECTION,
    ) -> int:
        """Remove the events of a session, before a moment, or all; says how many.

        Raises:
            CollectionNotFoundError, ReadOnlyError, LockHeldError, StorageError: As they say.
        """
        record = self._catalog.collection(collection)
        with self._catalog.write() as writer:
            return rows.delete_events(writer.connection, rows.Selection(record.id, session, before))

    def _oldest(self, now: float) -> float:
        return now - timedelta(days=self._days).total_seconds()

    def _stored(
        self, record: Collection, event: Event, keys: dict[str, int], now: float
    ) -> rows.StoredEvent:
        if event.at is not None and event.at < self._oldest(now):
            raise ParameterError(
                f"it is older than {self._days:g} days, after which feedback is removed",
                where="at",
                fix="set EYEDEX_FEEDBACK_DAYS to keep it for longer",
            )
        return rows.StoredEvent(
            event_id=event.id or uuid.uuid4().hex,
            query=self._query(record, event, keys),
            item_key=_key(event.item_id, "item_id", keys),
            event=event.event,
            position=event.position,
            session=event.session,
            at=now if event.at is None else event.at,
        )

    def _query(self, record: Collection, event: Event, keys: dict[str, int]) -> rows.StoredQuery:
        """What was asked with, as it is stored: an item by its key, else an embedding."""
        if event.query_item_id is not None:
            return rows.StoredQuery(_key(event.query_item_id, "query_item_id", keys))
        if event.query_token is not None:
            token = resolved(self._queries, QueryToken(event.query_token), record)
            known = self._queries.get(token)
            if known is None or known.fingerprint != record.fingerprint:
                raise QueryExpiredError(
                    "this query_token is not known any more",
                    fix="send feedback while the answer is shown, or the query_vector",
                )
            vector = known.vector
        else:
            if record.dimension is None or event.query_vector is None:
                raise ParameterError("nothing is indexed yet", where="query_vector")
            vector = unit_vector(event.query_vector, record.dimension)
        return rows.StoredQuery(None, record.fingerprint, *pack(vector[0]))


def _key(item_id: str, where: str, keys: dict[str, int]) -> int:
    if item_id not in keys:
        raise ItemNotFoundError(f"there is no item {item_id!r}", where=where)
    return keys[item_id]
