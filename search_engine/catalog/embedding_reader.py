"""What is read of embeddings: vectors, what encoders learned, and which items lack one."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from search_engine.catalog.changes import Changes, changes_in
from search_engine.catalog.chunks import in_parts
from search_engine.catalog.collection_rows import Collection, is_former, live_of
from search_engine.catalog.connections import CatalogConnections
from search_engine.catalog.tables import collections, embeddings, items, learned, unsearchable
from search_engine.catalog.vectors import is_sound, unpack
from search_engine.errors import CorruptDataError, ItemNotFoundError
from search_engine.records import Keys

log = logging.getLogger(__name__)


class EmbeddingReader(CatalogConnections):
    """The part of a catalog that has to do with embeddings; see `store.Catalog`."""

    def vector(self, collection: Collection, key: int) -> NDArray[np.float32]:
        """The stored embedding of an item, shape (1, D), float32.

        Raises:
            ItemNotFoundError: The item is gone or has no embedding.
            CorruptDataError: The embedding does not match its checksum.
        """
        query = select(embeddings.c.vector, embeddings.c.crc32).where(
            embeddings.c.key == key, embeddings.c.fingerprint == collection.fingerprint
        )
        with self._query() as connection:
            row = connection.execute(query).first()
        if row is None or collection.dimension is None:
            raise ItemNotFoundError("there is no embedding of this item")
        if not is_sound(row.vector, row.crc32, collection.dimension, key):
            raise CorruptDataError(
                "the embedding of this item is damaged",
                where=self.where,
                fix="remove the item and add it again",
            )
        return unpack([row.vector], collection.dimension).astype(np.float32)

    def vectors(
        self, collection: Collection, keys: Sequence[int]
    ) -> dict[int, NDArray[np.float32]]:
        """Stored embeddings by key, each (D,); one that is missing or damaged is left out."""
        dimension = collection.dimension or 0
        packed = self.packed_vectors(keys, collection.fingerprint or "")
        sound = {
            key: vector
            for key, (vector, crc32) in packed.items()
            if is_sound(vector, crc32, dimension, key)
        }
        rows = unpack(list(sound.values()), dimension).astype(np.float32)
        return dict(zip(sound, rows, strict=True))

    def packed_vectors(self, keys: Sequence[int], fingerprint: str) -> dict[int, tuple[bytes, int]]:
        """Stored embeddings by an encoder, as `vectors.pack` makes them, by key; not verified."""
        found: dict[int, tuple[bytes, int]] = {}
        with self.read() as connection:
            for part in in_parts(keys):
                query = select(embeddings.c.key, embeddings.c.vector, embeddings.c.crc32).where(
                    embeddings.c.key.in_(part), embeddings.c.fingerprint == fingerprint
                )
                for row in connection.execute(query):
                    found[row.key] = (row.vector, row.crc32)
        return found

    def learned(self, sha256: str) -> bytes:
        """What an encoder learned from the catalog, by the hash of its bytes.

        Raises:
            CorruptDataError: It is not there, or damaged.
        """
        query = select(learned.c.data).where(learned.c.sha256 == sha256)
        with self._query() as connection:
            found: bytes | None = connection.execute(query).scalar()
        if found is None or _sha256(found) != sha256:
            raise CorruptDataError(
                f"what a collection's encoder learned, {sha256[:12]}, is "
                f"{'missing' if found is None else 'damaged'}",
                where=self.where,
                fix="restore the catalog from a snapshot",
            )
        return found

    def former(self, collection: Collection) -> Collection | None:
        """The collection with the encoder that it had before; None if nothing is kept of one."""
        found = self._former(collection)
        if found is None:
            return None
        if not is_former(found):
            log.error("the former encoder of collection %s cannot be read", collection.name)
            return None
        return replace(collection, **found)

    def former_is_unreadable(self, collection: Collection) -> bool:
        """Whether something is kept of a former encoder that does not say which that is."""
        found = self._former(collection)
        return found is not None and not is_former(found)

    def _former(self, collection: Collection) -> dict[str, Any] | None:
        query = select(collections.c.former).where(collections.c.id == collection.id)
        with self._query() as connection:
            found: dict[str, Any] | None = connection.execute(query).scalar()
        return found

    def keys_without(
        self, collection: Collection, fingerprint: str, since: int | None = None
    ) -> Keys:
        """Keys of the live items that have no embedding by an encoder, (N,), int64, ascending.

        Only of those that got their picture after the change `since`, if that is given.
        """
        has = select(embeddings.c.key).where(
            embeddings.c.key == items.c.key, embeddings.c.fingerprint == fingerprint
        )
        query = select(items.c.key).where(live_of(collection), ~has.exists()).order_by(items.c.key)
        if since is not None:
            query = query.where(items.c.index_seq > since)
        with self._query() as connection:
            return np.fromiter(connection.execute(query).scalars(), dtype=np.int64)

    def unsearchable(self, collection: Collection) -> dict[int, str]:
        """The live items of which the collection's encoder has no embedding: key and reason.

        The reason is the code of an error, such as `picture_not_found`.
        """
        query = (
            select(items.c.key, unsearchable.c.reason)
            .join(unsearchable, unsearchable.c.key == items.c.key)
            .where(live_of(collection), unsearchable.c.fingerprint == collection.fingerprint)
            .order_by(items.c.key)
        )
        with self._query() as connection:
            return {row.key: row.reason for row in connection.execute(query)}

    def changes_since(self, collection: Collection, seq: int) -> Changes:
        """All that an index at `seq` lacks, in one consistent read.

        Keys ascend. An item that was added and removed since then is only in `removed`, and so is
        one that was changed but has no sound embedding.
        """
        with self.read() as connection:
            return changes_in(connection, collection, seq)


def _sha256(stored: object) -> str | None:
    """The hash of stored bytes; None for anything else."""
    return hashlib.sha256(stored).hexdigest() if isinstance(stored, bytes) else None
