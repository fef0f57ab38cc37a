"""The catalog for its one writer: every method is part of the surrounding transaction."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, case, delete, func, insert, select, update

from search_engine.catalog.checksum import key_checksum, signed_64
from search_engine.catalog.chunks import in_parts
from search_engine.catalog.embedding_writer import EmbeddingWriter
from search_engine.catalog.feedback_rows import delete_feedback
from search_engine.catalog.field_indexes import clear_unreadable, index_fields
from search_engine.catalog.hash_rows import put_hashes
from search_engine.catalog.item_rows import find_item, live_item
from search_engine.catalog.patch_rows import put_patches
from search_engine.catalog.picture_colors import WITHOUT_COLORS
from search_engine.catalog.row_checksums import (
    blob_crc32,
    require_sound_items,
    seal_collection,
    seal_items,
    seal_rows,
    sound_items,
)
from search_engine.catalog.tables import (
    LIVE,
    collections,
    embeddings,
    fields,
    items,
    patches,
    picture_hashes,
    pictures,
    rerankers,
    sources,
    unsearchable,
)
from search_engine.catalog.vectors import pack
from search_engine.errors import (
    CollectionExistsError,
    ParameterError,
)
from search_engine.images import PictureColors
from search_engine.records import Attributes, CatalogItem

MAX_FACTORY = 128


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """An item to be written.

    `vector` is the embedding, shape (D,), float32. The picture is either a file (`picture`) or
    bytes that the catalog keeps (`jpeg`). Without `colors` those that are known of the same bytes
    stay. `picture_hash` is by `images.picture_hash`; None where nobody looked at the picture.
    `patches` are embeddings of crops, (P, D), where they were made with it.
    """

    item_id: str
    content_hash: str
    vector: NDArray[np.float32]
    label: str | None = None
    product_id: str | None = None
    attributes: Attributes | None = None
    picture: str | None = None
    jpeg: bytes | None = None
    source: str | None = None
    colors: PictureColors | None = None
    picture_hash: bytes | None = None
    patches: NDArray[np.float32] | None = None


class CatalogWriter(EmbeddingWriter):
    """What can be changed. Takes one sequence number for the whole transaction."""

    def create_collection(self, name: str) -> None:
        """Add an empty collection.

        Raises:
            CollectionExistsError: The name is taken.
        """
        taken = select(collections.c.id).where(collections.c.name == name)
        if self._connection.execute(taken).first():
            raise CollectionExistsError(f"there is a collection {name!r} already")
        values = {"name": name, "uid": uuid.uuid4().hex, "encoder_options": {}}
        made = self._connection.execute(insert(collections).values(values))
        assert made.inserted_primary_key is not None
        seal_collection(self._connection, made.inserted_primary_key[0])
        _ = self.seq

    def set_index_factory(self, collection_id: int, factory: str | None) -> None:
        """Fix the kind of a collection's index, by its FAISS factory string.

        Args:
            collection_id: Of the collection.
            factory: None lets the kind be chosen automatically again.

        Raises:
            ParameterError: The text is empty or longer than 128 characters.
        """
        if factory is not None and not 1 <= len(factory) <= MAX_FACTORY:
            raise ParameterError(
                "not a kind of index", where="index", fix=f"give 1 to {MAX_FACTORY} characters"
            )
        self._change_collection(collection_id, index_factory=factory)
        _ = self.seq

    def delete_collection(self, collection_id: int) -> None:
        """Remove a collection with everything in it; its keys are never used again."""
        delete_feedback(self._connection, collection_id)
        keys = select(items.c.key).where(items.c.collection_id == collection_id)
        for table in (embeddings, unsearchable, pictures):
            self._connection.execute(delete(table).where(table.c.key.in_(keys)))
        for table in (fields, sources, rerankers, patches, picture_hashes):
            self._connection.execute(delete(table).where(table.c.collection_id == collection_id))
        index_fields(self._connection)  # before the items, which have fewer indexes to leave then
        clear_unreadable(self._connection, items.c.collection_id == collection_id)
        self._connection.execute(delete(items).where(items.c.collection_id == collection_id))
        self._connection.execute(delete(collections).where(collections.c.id == collection_id))
        self._drop_learned()
        _ = self.seq

    def find(self, collection_id: int, item_id: str) -> CatalogItem | None:
        """The live item of that id, as this transaction leaves it; None if there is none."""
        return find_item(self._connection, collection_id, item_id)

    def get(self, collection_id: int, item_id: str) -> CatalogItem:
        """The live item of that id, as this transaction leaves it.

        Raises:
            ItemNotFoundError: There is none.
        """
        return live_item(self._connection, collection_id, item_id)

    def put(self, collection_id: int, fingerprint: str, drafts: Sequence[ItemDraft]) -> list[int]:
        """Add items, or replace those whose id is there; ids must differ within one call.

        Returns:
            The keys, in the order of the drafts.

        Raises:
            ParameterError: An attribute is nothing that JSON can hold.
        """
        for draft in drafts:
            _check_attributes(draft.attributes or {})
        known = self._live_keys(collection_id, [draft.item_id for draft in drafts])
        added = [draft for draft in drafts if draft.item_id not in known]
        replaced = [draft for draft in drafts if draft.item_id in known]
        inserted = self._insert(collection_id, added)
        keys = {**known, **inserted}
        self._count_keys(collection_id, added=list(inserted.values()))
        self._clear_damaged([known[draft.item_id] for draft in replaced])
        self._update(replaced, known)
        seal_items(self._connection, [*keys.values()])
        self._replace_vectors(fingerprint, [(keys[draft.item_id], draft) for draft in drafts])
        self._replace_pictures([(keys[draft.item_id], draft) for draft in drafts])
        self._delete_by_key(picture_hashes, [*keys.values()])
        hashes = {keys[draft.item_id]: draft.picture_hash for draft in drafts}
        put_hashes(self, collection_id, {k: each for k, each in hashes.items() if each is not None})
        crops = {keys[each.item_id]: each.patches for each in drafts if each.patches is not None}
        put_patches(self, collection_id, fingerprint, crops)
        self._note_fields(collection_id, [draft.attributes or {} for draft in drafts])
        return [keys[draft.item_id] for draft in drafts]

    def describe(self, collection_id: int, changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Change columns by key: `label product_id attributes picture`, and of a moved item its id.

        Vectors stay; so an item whose picture has other bytes is `put`.

        Raises:
            DamagedRecordError: An item is damaged, which `put` mends.
        """
        require_sound_items(self._connection, [*changes])
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for key, values in changes.items():
            _check_attributes(values.get("attributes") or {})
            row = {f"_{name}": value for name, value in values.items()}
            alike.setdefault(tuple(sorted(values)), []).append({"_key": key, **row})
        for columns, rows in alike.items():
            bound = {name: bindparam(f"_{name}", type_=items.c[name].type) for name in columns}
            statement = update(items).where(items.c.key == bindparam("_key"))
            self._connection.execute(statement.values(**bound, seq=self.seq), rows)
        seal_items(self._connection, [*changes])
        self._note_fields(
            collection_id, [values.get("attributes") or {} for values in changes.values()]
        )

    def set_colors(self, colors: Mapping[int, PictureColors]) -> None:
        """Store the colours and shapes of live items' pictures, by key, unless they have some.

        Damaged items are passed over.
        """
        sound = sound_items(self._connection, [*colors])
        rows = [
            {
                f"_{name}": value
                for name, value in {"key": key, **_color_values(colors[key])}.items()
            }
            for key in sound
        ]
        values: dict[str, Any] = {
            column.name: bindparam(f"_{column.name}") for column in _COLOR_COLUMNS
        }
        statement = (
            update(items)
            .where(items.c.key == bindparam("_key"), LIVE, WITHOUT_COLORS)
            .values(**values)
        )
        if rows:
            self._connection.execute(statement, rows)
            seal_items(self._connection, sound)
            _ = self.seq

    def remove(self, keys: Sequence[int]) -> None:
        """Turn items into tombstones; their vectors and pictures are deleted."""
        tombstone = {"removed": True, "seq": self.seq, "index_seq": self.seq}
        for collection_id, live in self._live_of(keys).items():
            self._count_keys(collection_id, removed=live)
        self._clear_damaged(keys)
        for part in in_parts(keys):
            self._connection.execute(update(items).where(items.c.key.in_(part)).values(tombstone))
        seal_items(self._connection, keys)
        for table in (embeddings, unsearchable, patches, pictures, picture_hashes):
            self._delete_by_key(table, keys)

    def _clear_damaged(self, keys: Sequence[int]) -> None:
        """Forget of damaged items what is kept of items whose picture stays."""
        for part in in_parts(keys):
            clear_unreadable(self._connection, items.c.key.in_(part))
        sound = set(sound_items(self._connection, keys))
        for part in in_parts([key for key in keys if key not in sound]):
            cleared = update(items).where(items.c.key.in_(part))
            self._connection.execute(cleared.values(palette=None, colors=None, shape=None))

    def _live_keys(self, collection_id: int, item_ids: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for part in in_parts(item_ids):
            query = select(items.c.item_id, items.c.key).where(
                items.c.collection_id == collection_id, LIVE, items.c.item_id.in_(part)
            )
            found.update((row.item_id, row.key) for row in self._connection.execute(query))
        return found

    def _live_of(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """Those of the keys that are live, by collection."""
        found: dict[int, list[int]] = {}
        for part in in_parts(list(dict.fromkeys(keys))):
            query = select(items.c.collection_id, items.c.key).where(items.c.key.in_(part), LIVE)
            for collection_id, key in self._connection.execute(query):
                found.setdefault(collection_id, []).append(key)
        return found

    def _count_keys(
        self, collection_id: int, added: Sequence[int] = (), removed: Sequence[int] = ()
    ) -> None:
        """Let number and checksum of the live keys follow a change."""
        if not added and not removed:
            return
        columns = (collections.c.key_count, collections.c.key_checksum)
        this = collections.c.id == collection_id
        count, checksum = self._connection.execute(select(*columns).where(this)).one()
        count += len(added) - len(removed)
        checksum += key_checksum(np.array(added, dtype=np.int64))
        checksum -= key_checksum(np.array(removed, dtype=np.int64))
        self._connection.execute(
            update(collections)
            .where(this)
            .values(key_count=count, key_checksum=signed_64(checksum))
        )

    def _insert(self, collection_id: int, drafts: Sequence[ItemDraft]) -> dict[str, int]:
        if not drafts:
            return {}
        rows = [
            {
                **self._columns(draft),
                **_colors(draft),
                "item_id": draft.item_id,
                "collection_id": collection_id,
                "removed": False,
            }
            for draft in drafts
        ]
        statement = insert(items).returning(items.c.key, sort_by_parameter_order=True)
        keys = self._connection.execute(statement, rows).scalars().all()
        return {draft.item_id: key for draft, key in zip(drafts, keys, strict=True)}

    def _update(self, drafts: Sequence[ItemDraft], keys: Mapping[str, int]) -> None:
        if drafts:
            rows = [
                {
                    **self._columns(draft),
                    "_key": keys[draft.item_id],
                    "_hash": draft.content_hash,
                    **{f"_{name}": value for name, value in _colors(draft).items()},
                }
                for draft in drafts
            ]
            statement = update(items).where(items.c.key == bindparam("_key"))
            self._connection.execute(statement.values(**_KEPT_COLORS), rows)

    def _columns(self, draft: ItemDraft) -> dict[str, Any]:
        return {
            "product_id": draft.product_id,
            "label": draft.label,
            "attributes": dict(draft.attributes or {}),
            "content_hash": draft.content_hash,
            "picture": draft.picture,
            "source": draft.source,
            "seq": self.seq,
            "index_seq": self.seq,
        }

    def _replace_vectors(self, fingerprint: str, drafts: Sequence[tuple[int, ItemDraft]]) -> None:
        for table in (embeddings, unsearchable, patches):
            self._delete_by_key(table, [key for key, _ in drafts])
        rows = []
        for key, draft in drafts:
            vector, crc32 = pack(draft.vector, key)
            rows.append({"key": key, "fingerprint": fingerprint, "vector": vector, "crc32": crc32})
        if rows:
            self._connection.execute(insert(embeddings), rows)

    def _replace_pictures(self, drafts: Sequence[tuple[int, ItemDraft]]) -> None:
        self._delete_by_key(pictures, [key for key, _ in drafts])
        rows = [
            {"key": key, "jpeg": draft.jpeg, "crc32": blob_crc32(key, draft.jpeg)}
            for key, draft in drafts
            if draft.jpeg
        ]
        if rows:
            self._connection.execute(insert(pictures), rows)

    def _note_fields(self, collection_id: int, attributes: Sequence[Attributes]) -> None:
        names = list(dict.fromkeys(name for mapping in attributes for name in mapping))
        if not names:
            return
        query = select(fields.c.name).where(fields.c.collection_id == collection_id)
        known = set(self._connection.execute(query).scalars())
        rows = [
            {"collection_id": collection_id, "name": name} for name in names if name not in known
        ]
        if rows:
            self._connection.execute(insert(fields), rows)
            new = fields.c.name.in_([row["name"] for row in rows])
            seal_rows(self._connection, fields, (fields.c.collection_id == collection_id) & new)
            index_fields(self._connection)


def _colors(draft: ItemDraft) -> dict[str, Any]:
    """The columns of a draft's colours."""
    if draft.colors is None:
        return {column.name: None for column in _COLOR_COLUMNS}
    return _color_values(draft.colors)


def _color_values(colors: PictureColors) -> dict[str, Any]:
    names = json.dumps(colors.names)
    return {"palette": colors.palette, "colors": names, "shape": colors.shape}


_COLOR_COLUMNS = (items.c.palette, items.c.colors, items.c.shape)

_KEPT_COLORS = {
    column.name: func.coalesce(
        bindparam(f"_{column.name}", type_=column.type),
        case((items.c.content_hash == bindparam("_hash"), column)),
    )
    for column in _COLOR_COLUMNS
}
"""Colours of a changed item: those that are given, else those of the same picture."""


def _check_attributes(attributes: Attributes) -> None:
    """Python writes NaN and infinity as no JSON that SQLite reads: filters on it would all fail.

    Half a surrogate pair is no text that SQLite could give back.
    """
    try:
        if not all(isinstance(name, str) for name in attributes):
            raise TypeError("a name is not a text")
        json.dumps(dict(attributes), allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"an attribute cannot be stored: {error}",
            where="attributes",
            fix="use texts, finite numbers, true, false, null and lists of these",
        ) from error
