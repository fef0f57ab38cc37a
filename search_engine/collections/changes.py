"""Changes that an application makes, one at a time: items and collections."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from search_engine.catalog.collection_rows import Collection, check_collection_name
from search_engine.catalog.descriptions import changed_columns, check_description
from search_engine.catalog.filters import Filter, compile_filter
from search_engine.catalog.store import Catalog
from search_engine.catalog.writer import ItemDraft
from search_engine.collections.default_encoder import CollectionEncoders
from search_engine.collections.live import LiveCollection
from search_engine.collections.opened import OpenCollections
from search_engine.collections.pictures import KEPT_PICTURE_SIDE_PX, content_hash
from search_engine.encoders.base import encode_picture
from search_engine.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    ModelMismatchError,
)
from search_engine.images import PICTURE_QUALITY
from search_engine.images.decoder import Decoder
from search_engine.names import check_item_id
from search_engine.records import CatalogItem, Keys, Stored


class Changes:
    """Writes to a catalog; each change is durable and can be found when its call returns."""

    def __init__(
        self,
        catalog: Catalog,
        collections: OpenCollections,
        encoders: CollectionEncoders,
        decoder: Decoder,
        lock_wait_s: float,
    ) -> None:
        self._catalog = catalog
        self._collections = collections
        self._encoders = encoders
        self._decoder = decoder
        self._lock_wait_s = lock_wait_s

    def put(
        self, collection: str, item_id: str, picture: bytes, known: Mapping[str, Any]
    ) -> Stored:
        """Add an item with its picture, or replace the one of that id; see `SearchEngine.put`."""
        item_id, known = check_item_id(item_id), check_description(known)
        while (stored := self._put(collection, item_id, picture, known)) is None:
            pass
        return stored

    def _put(
        self, collection: str, item_id: str, picture: bytes, known: Mapping[str, Any]
    ) -> Stored | None:
        """Embed and store an item; None where the collection became another one meanwhile."""
        live = self._live_or_new(collection)
        encoder = self._encoders.for_pictures(live)
        decoded = self._decoder.decode(picture, encoder.spec.preprocessing)
        draft = ItemDraft(
            item_id=item_id,
            content_hash=content_hash(picture),
            vector=encode_picture(encoder, decoded)[0],
            jpeg=self._decoder.render(picture, KEPT_PICTURE_SIDE_PX, PICTURE_QUALITY),
            **known,
        )
        spec = encoder.spec
        try:
            with self._catalog.write() as writer:
                writer.set_encoder(live.record.id, spec.name, {}, spec.fingerprint, spec.dimension)
                is_new = writer.find(live.record.id, item_id) is None
                writer.put(live.record.id, spec.fingerprint, [draft])
                item = writer.get(live.record.id, item_id)  # later it may be gone again
        except CollectionNotFoundError:
            return None
        except ModelMismatchError:
            if self._catalog.collection(collection).fingerprint == live.record.fingerprint:
                raise
            return None
        live.snapshot()
        return Stored(item, is_new)

    def describe(
        self, live: LiveCollection, item_id: str, changes: Mapping[str, Any]
    ) -> CatalogItem:
        """Change what is known of an item, leaving its picture; see `SearchEngine.describe`."""
        with self._catalog.write() as writer:
            item = writer.get(live.record.id, item_id)
            changed = changed_columns(item, changes)
            if not changed:
                return item
            writer.describe(live.record.id, {item.key: changed})
            return writer.get(live.record.id, item_id)

    def remove(self, live: LiveCollection, *item_ids: str) -> None:
        """Remove items, all of them or none.

        Raises:
            ItemNotFoundError: There is no such item; names the first.
        """
        with self._catalog.write() as writer:
            writer.remove([writer.get(live.record.id, item_id).key for item_id in item_ids])
        live.snapshot()

    def remove_matching(self, live: LiveCollection, parsed: Filter) -> int:
        """Remove the items that fulfil a filter, and say how many these were."""
        with self._catalog.write() as writer:
            keys = self.keys_matching(live, parsed)
            writer.remove(keys.tolist())
        live.snapshot()
        return len(keys)

    def keys_matching(self, live: LiveCollection, parsed: Filter) -> Keys:
        """Keys of the items that fulfil a filter, ascending."""
        return self._catalog.keys_where(live.record, compile_filter(live.fitted(parsed).filter))

    def create_collection(self, name: str) -> Collection:
        """Add an empty collection."""
        check_collection_name(name)
        with self._catalog.write() as writer:
            writer.create_collection(name)
        return self._catalog.collection(name)

    def delete_collection(self, name: str) -> None:
        """Remove a collection with everything in it, index files included.

        Raises:
            LockHeldError: It is being indexed; a build of its index in the background gives way.
        """
        self._catalog.collection(name)  # else there is nothing to wait for
        paths = self._catalog.paths
        self._collections.retire(name)
        with self._catalog.indexing(name, wait_s=self._lock_wait_s):
            collection = self._catalog.collection(name)
            with self._catalog.write() as writer:
                writer.delete_collection(collection.id)
            for folder in (paths.index(name), paths.classifiers(name), paths.tuning(name)):
                shutil.rmtree(folder, ignore_errors=True)
            paths.rejects(name).unlink(missing_ok=True)

    def _live_or_new(self, name: str) -> LiveCollection:
        check_collection_name(name)
        while True:
            if name not in {collection.name for collection in self._catalog.collections()}:
                with suppress(CollectionExistsError):  # somebody else was faster
                    self.create_collection(name)
            with suppress(CollectionNotFoundError):  # somebody deleted it at once
                return self._collections.newest(name)
