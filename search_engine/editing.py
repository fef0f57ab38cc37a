"""The half of `SearchEngine` that changes items and collections."""

from collections.abc import Mapping, Sequence
from typing import Any

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filter_text import GivenFilter, require_filter
from search_engine.collections.changes import Changes
from search_engine.collections.operations import Operation, Outcome, Patch, Put
from search_engine.collections.versions import Expected
from search_engine.data_directory import DataDirectory
from search_engine.images import GivenPicture, picture_bytes
from search_engine.records import Attributes, CatalogItem, Keys, Stored
from search_engine.storage.paths import DEFAULT_COLLECTION


class EditableDirectory(DataDirectory):
    """A data directory whose items and collections can be changed.

    Changes are durable and visible to the next search when a call returns.
    """

    def _begin(self) -> None:
        super()._begin()
        self._changes = Changes(
            self.catalog,
            self._collections,
            self.encoders,
            self._decoder,
            self.settings.lock_wait_s,
        )

    def upsert(
        self,
        item_id: str,
        picture: GivenPicture,
        *,
        label: str | None = None,
        product_id: str | None = None,
        attributes: Attributes | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> CatalogItem:
        """Add an item with its picture, or replace the one of that id.

        The collection is made when it is missing, with the default encoder. The picture itself is
        kept in the catalog, upright and without metadata, at most 1,024 pixels a side.

        Args:
            item_id: See `search_engine.names` for what is accepted, and how it is spelled then.
            picture: Its bytes.
            label: A class, or the path of one (`Home/Mug`).
            product_id: What the pictures of one product have in common.
            attributes: Texts, finite numbers, true, false, None and lists of these by name.
            collection: Where to put it.

        Raises:
            ParameterError: The id, the label, the product id or an attribute cannot be stored.
            ImageError: The picture is refused.
            ExternalEncoderError: The collection's embeddings are made elsewhere.
        """
        known = {"label": label, "product_id": product_id, "attributes": attributes}
        return self.put(item_id, picture, known, collection=collection).item

    def put(
        self,
        item_id: str,
        picture: GivenPicture,
        known: Mapping[str, Any],
        *,
        collection: str = DEFAULT_COLLECTION,
        expected: Expected | None = None,
    ) -> Stored:
        """As `upsert`, and says whether the item is new; `known` is what is known of it by name.

        Raises:
            ItemChangedError: The item, or that there is none, is not what was `expected`.
        """
        given = picture_bytes(picture, self.settings.catalog_limits())
        return self._changes.put(collection, Put(item_id, given, known, expected))

    def change(
        self, operations: Sequence[Operation], *, collection: str = DEFAULT_COLLECTION
    ) -> list[Outcome]:
        """Put, patch and delete items, many at once; an operation that cannot be done harms no
        other.

        Pictures are decoded several at a time and embedded in one batch. What is done is done in
        the order of the operations and in one transaction.

        Args:
            operations: See `search_engine.collections.operations`.
            collection: Which; it is made when it is missing and something is put.

        Returns:
            What became of each, in order: the item, or the error.

        Raises:
            CollectionNotFoundError: It is missing and nothing is put.
            StorageError, LockHeldError: Nothing was done.
        """
        return self._changes.apply(collection, operations)

    def describe(
        self,
        item_id: str,
        changes: Mapping[str, Any],
        *,
        collection: str = DEFAULT_COLLECTION,
        expected: Expected | None = None,
    ) -> CatalogItem:
        """Change `label`, `product_id` or `attributes` of an item, leaving its picture.

        What is not named stays. Attributes are merged in: None removes one. None for a column
        clears it (RFC 7396, JSON merge patch).

        Raises:
            ItemNotFoundError: There is no such item.
            ParameterError: A value cannot be stored.
            ItemChangedError: The item is not as was `expected`.
        """
        return self._changes.describe(self.live(collection), Patch(item_id, changes, expected))

    def remove(
        self,
        *item_ids: str,
        collection: str = DEFAULT_COLLECTION,
        expected: Expected | None = None,
    ) -> None:
        """Remove items, all of them or none; the next search does not find them.

        Raises:
            ItemNotFoundError: There is no such item; names the first.
            ItemChangedError: One is not as was `expected`.
        """
        self._changes.remove(self.live(collection), *item_ids, expected=expected)

    def remove_matching(self, filter: GivenFilter, *, collection: str = DEFAULT_COLLECTION) -> int:
        """Remove the items that fulfil a filter, and say how many these were.

        Raises:
            FilterError: It is none, or does not fit the collection.
        """
        return self._changes.remove_matching(self.live(collection), require_filter(filter))

    def keys_matching(self, filter: GivenFilter, *, collection: str = DEFAULT_COLLECTION) -> Keys:
        """Keys of the items that fulfil a filter, ascending; see `remove_matching`."""
        return self._changes.keys_matching(self.live(collection), require_filter(filter))

    def create_collection(self, name: str) -> Collection:
        """Add an empty collection."""
        return self._changes.create_collection(name)

    def delete_collection(self, name: str) -> None:
        """Remove a collection with everything in it, index files included.

        Raises:
            LockHeldError: It is being indexed; a build of its index in the background gives way.
        """
        self._changes.delete_collection(name)
