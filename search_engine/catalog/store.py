"""The catalog for readers: collections, items, vectors, and what changed since when."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection, func, select

from search_engine.catalog.changes import newer_in
from search_engine.catalog.collection_rows import (
    Collection,
    collection_in,
    collections_in,
    live_of,
)
from search_engine.catalog.embedding_reader import EmbeddingReader
from search_engine.catalog.facets import count_values, has_field
from search_engine.catalog.groups import Group, groups_of, item_ids_of, keys_in_groups
from search_engine.catalog.hash_rows import File, files_of, hashes_since, keys_without_hash
from search_engine.catalog.item_rows import (
    ITEM_COLUMNS,
    item_of,
    items_by_keys,
    live_item,
    live_items,
)
from search_engine.catalog.key_queries import KeyQuery, select_keys
from search_engine.catalog.labels import LabelCount, LabelQuery, count_labels
from search_engine.catalog.last_change import last_change
from search_engine.catalog.listing import Order, Place, list_keys
from search_engine.catalog.picture_colors import palettes_of
from search_engine.catalog.row_checksums import is_sound_blob
from search_engine.catalog.tables import (
    collections,
    fields,
    items,
    pictures,
)
from search_engine.errors import (
    DamagedPictureError,
)
from search_engine.records import CatalogItem, FacetCount, Keys

log = logging.getLogger(__name__)

T = TypeVar("T")


class Catalog(EmbeddingReader):
    """One data directory's catalog. Safe to use from several threads."""

    def unreadable(self, collection: Collection, limit: int) -> list[str]:
        """Ids of live items whose attributes cannot be read, at most so many; this looks at all."""
        query = select(items.c.item_id).where(
            live_of(collection), func.json_valid(items.c.attributes) == 0
        )
        with self._query() as connection:
            return list(connection.execute(query.limit(limit)).scalars())

    def seq(self) -> int:
        """The number of the last change to the database.

        Raises:
            CorruptDataError: It is damaged.
        """
        with self._query() as connection:
            return last_change(connection)

    def collections(self) -> list[Collection]:
        """All collections by name."""
        with self._query() as connection:
            return collections_in(connection)

    def collection(self, name: str) -> Collection:
        """The collection of that name.

        Raises:
            CollectionNotFoundError: There is none.
        """
        with self._query() as connection:
            return collection_in(connection, name)

    def count(self, collection: Collection) -> int:
        """Number of live items."""
        return self.key_state(collection)[0]

    def key_state(self, collection: Collection) -> tuple[int, int]:
        """Number and checksum of the live keys, in no time: every change keeps them (`checksum`).

        An index whose keys have the same two holds the same keys. Both are 0 for a collection that
        was deleted.
        """
        query = select(collections.c.key_count, collections.c.key_checksum)
        with self._query() as connection:
            row = connection.execute(query.where(collections.c.id == collection.id)).first()
        return (row.key_count, row.key_checksum) if row else (0, 0)

    def get(self, collection: Collection, item_id: str) -> CatalogItem:
        """The live item of that id, however its accents are coded.

        A decomposed spelling is found too where an old catalog has both.

        Raises:
            ItemNotFoundError: There is none.
            ParameterError: The id is no text.
        """
        with self._query() as connection:
            return live_item(connection, collection.id, item_id)

    def get_many(self, collection: Collection, item_ids: Sequence[str]) -> dict[str, CatalogItem]:
        """Live items by id; unknown ids are left out."""
        with self.read() as connection:
            return live_items(connection, collection.id, item_ids)

    def by_keys(self, keys: Sequence[int]) -> dict[int, CatalogItem]:
        """Live items by key; removed ones are left out."""
        with self._query() as connection:
            return items_by_keys(connection, keys)

    def page(self, collection: Collection, after_key: int, limit: int) -> list[CatalogItem]:
        """Up to `limit` live items with keys above `after_key`, by key."""
        query = select(*ITEM_COLUMNS).where(live_of(collection), items.c.key > after_key)
        with self._query() as connection:
            rows = connection.execute(query.order_by(items.c.key).limit(limit)).all()
        return [item_of(row) for row in rows]

    def item_ids(self, collection: Collection) -> Iterator[str]:
        """Ids of all live items."""
        with self.read() as connection:
            query = select(items.c.item_id).where(live_of(collection))
            yield from connection.execution_options(yield_per=10_000).scalars(query)

    def keys_by_hash(self, collection: Collection) -> dict[str, int]:
        """The key of a live item for each picture, by content hash."""
        query = select(items.c.content_hash, items.c.key).where(live_of(collection))
        with self._query() as connection:
            return {row.content_hash: row.key for row in connection.execute(query)}

    def keys_where(
        self, collection: Collection, query: KeyQuery, among: Keys | None = None
    ) -> Keys:
        """Keys of the live items that a query asks for; see `key_queries.select_keys`."""
        return self.ask(lambda connection: select_keys(connection, collection.id, query, among))

    def listed(
        self,
        collection: Collection,
        order: Order,
        limit: int,
        within: Keys | None = None,
        after: Place | None = None,
    ) -> list[tuple[Place, CatalogItem]]:
        """The first live items behind a place in an order, and where they stand; see `listing`."""

        def read(connection: Connection) -> list[tuple[Place, CatalogItem]]:
            places = list_keys(connection, collection.id, order, limit, within=within, after=after)
            found = items_by_keys(connection, [key for *_, key in places])
            return [(place, found[place[-1]]) for place in places]

        return self.ask(read)

    def groups_of(self, keys: Sequence[int], field: str) -> dict[int, Group]:
        """The group of live items by their value of a field; see `groups`."""
        return self.ask(lambda connection: groups_of(connection, keys, field))

    def item_ids_of(self, keys: Sequence[int]) -> dict[int, str]:
        """The ids of the live items among some keys."""
        return self.ask(lambda connection: item_ids_of(connection, keys))

    def files_of(self, keys: Sequence[int]) -> dict[int, File]:
        """The files of the live items among some keys."""
        return self.ask(lambda connection: files_of(connection, keys)) if keys else {}

    def keys_in_groups(self, collection: Collection, field: str, groups: Iterable[Group]) -> Keys:
        """Keys of all live items of some groups, shape (N,), int64, ascending."""
        return self.ask(lambda connection: keys_in_groups(connection, collection.id, field, groups))

    def facets(
        self, collection: Collection, names: Sequence[str], query: KeyQuery | None = None
    ) -> dict[str, tuple[FacetCount, ...]]:
        """How many live items have which value of some fields, most frequent first.

        Args:
            collection: Where to count.
            names: `label`, `product_id` or attributes.
            query: Count only the items that it asks for.
        """

        def count(connection: Connection) -> dict[str, tuple[FacetCount, ...]]:
            within = None if query is None else select_keys(connection, collection.id, query)
            return {name: count_values(connection, collection.id, name, within) for name in names}

        return self.ask(count)

    def labels(self, collection: Collection, query: LabelQuery | None = None) -> list[LabelCount]:
        """The labels of live items, by label; every one unless the query says which."""
        with self._query() as connection:
            return count_labels(connection, collection.id, query or LabelQuery())

    def has_value(self, collection: Collection, field: str) -> bool:
        """Whether some live item has a value of `label`, `product_id` or an attribute."""
        query = select(items.c.key).where(live_of(collection), has_field(field)).limit(1)
        return self.ask(lambda connection: connection.execute(query).first() is not None)

    def fields(self, collection: Collection) -> list[str]:
        """Names of all attributes that items of the collection have or had."""
        query = select(fields.c.name).where(fields.c.collection_id == collection.id)
        with self._query() as connection:
            return sorted(connection.execute(query).scalars())

    def picture_jpeg(self, key: int) -> bytes | None:
        """The picture that the catalog itself holds for an item, if it does.

        Raises:
            DamagedPictureError: It does not match its checksum.
        """
        query = (
            select(items.c.item_id, pictures.c.jpeg, pictures.c.crc32)
            .join(pictures, pictures.c.key == items.c.key)
            .where(pictures.c.key == key)
        )
        with self._query() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if not is_sound_blob(key, row.jpeg, row.crc32):
            raise DamagedPictureError(
                "its picture does not match its checksum",
                where=f"item {row.item_id!r}",
                fix="put its picture again, or remove the item",
            )
        jpeg: bytes = row.jpeg
        return jpeg

    def palettes(self, keys: Sequence[int]) -> dict[int, bytes]:
        """Packed palettes of live items by key; those that are unknown are left out."""
        return self.ask(lambda connection: palettes_of(connection, keys))

    def keys(self, collection: Collection, until: int | None = None) -> Keys:
        """Keys of the live items, (N,), int64, ascending.

        Only of those whose picture is as it was at the change `until`, if that is given.
        """
        query = select(items.c.key).where(live_of(collection)).order_by(items.c.key)
        with self.read() as connection:
            found = np.fromiter(connection.execute(query).scalars(), dtype=np.int64)
            if until is None:
                return found
            return found[~np.isin(found, newer_in(connection, collection, until))]

    def newer(self, collection: Collection, seq: int) -> Keys:
        """Keys of items that got their picture, or were removed, after a change; (N,), int64."""
        with self._query() as connection:
            return newer_in(connection, collection, seq)

    def is_changed(self, collection: Collection, since: int) -> bool:
        """Whether an item was added, changed or removed after a change.

        Also if the catalog does not know that change, as after restoring an older one.
        """
        if since > self.seq():
            return True
        changed = select(items.c.key).where(
            items.c.collection_id == collection.id, items.c.seq > since
        )
        with self._query() as connection:
            return connection.execute(changed.limit(1)).first() is not None

    def hashes_since(self, collection: Collection, seq: int) -> tuple[Keys, list[bytes]]:
        """Hashes of pictures that were written after a change, by key; see `hash_rows`."""
        with self._query() as connection:
            return hashes_since(connection, collection.id, seq)

    def keys_without_hash(self, collection: Collection) -> Keys:
        """Keys of the live items whose pictures were never hashed, (N,), int64, ascending."""
        with self._query() as connection:
            return keys_without_hash(connection, collection)
