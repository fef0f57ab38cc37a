"""What is written of embeddings: encoders of collections, vectors, and what encoders learned."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select, update

from search_engine.catalog.chunks import in_parts
from search_engine.catalog.damaged import Damaged
from search_engine.catalog.dialects.statements import replace_rows
from search_engine.catalog.last_change import last_change
from search_engine.catalog.row_checksums import is_sound_collection, seal_collection
from search_engine.catalog.tables import (
    FORMER,
    LEARNED,
    LIVE,
    collections,
    embeddings,
    items,
    learned,
    patches,
    sequence,
    unsearchable,
)
from search_engine.catalog.vectors import pack
from search_engine.errors import (
    CollectionNotFoundError,
    ModelMismatchError,
)


class EmbeddingWriter:
    """The part of a transaction that changes embeddings; see `writer.CatalogWriter`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seq: int | None = None

    @property
    def connection(self) -> Connection:
        """The transaction, for parts of the catalog that have a module of their own."""
        return self._connection

    @property
    def seq(self) -> int:
        """This transaction's sequence number."""
        if self._seq is None:
            self._connection.execute(update(sequence).values(value=sequence.c.value + 1))
            self._seq = last_change(self._connection)
        return self._seq

    def set_encoder(
        self,
        collection_id: int,
        name: str,
        options: Mapping[str, Any],
        fingerprint: str,
        dimension: int,
    ) -> None:
        """Bind a collection to its encoder; the same one again changes nothing.

        Raises:
            CollectionNotFoundError: It was deleted meanwhile.
            ModelMismatchError: It is bound to another one.
        """
        row = self._connection.execute(
            select(collections.c.fingerprint).where(collections.c.id == collection_id)
        ).first()
        if row is None:
            raise CollectionNotFoundError("the collection was deleted meanwhile")
        found = row.fingerprint
        if found not in (None, fingerprint):
            raise ModelMismatchError(
                f"the collection holds embeddings of encoder {found}, not of {fingerprint}",
                fix="index into another --collection",
            )
        if found is None:
            self.change_encoder(collection_id, name, options, fingerprint, dimension)

    def change_encoder(
        self,
        collection_id: int,
        name: str,
        options: Mapping[str, Any],
        fingerprint: str,
        dimension: int,
    ) -> None:
        """Let a collection have another encoder from now on; its embeddings are there already.

        The one that it had becomes its former encoder.
        """
        this = collections.c.id == collection_id
        had = self._connection.execute(
            select(*(collections.c[column] for column in FORMER)).where(this)
        ).one()
        values: dict[str, Any] = {
            "encoder": name,
            "encoder_options": dict(options),
            "fingerprint": fingerprint,
            "dimension": dimension,
        }
        if had.fingerprint not in (None, fingerprint):
            values["former"] = dict(had._mapping)
        self._change_collection(collection_id, **values)
        _ = self.seq  # what was kept of the former encoder is out of date

    def forget_former(self, collection_id: int) -> None:
        """Let a collection have no former encoder; `keep_vectors_of` deletes what that leaves."""
        self._connection.execute(
            update(collections).where(collections.c.id == collection_id).values(former=None)
        )

    def add_vectors(
        self,
        fingerprint: str,
        keys: Sequence[int],
        vectors: NDArray[np.float32],
        as_of: int | None = None,
    ) -> None:
        """Embeddings (N, D) of live items by another encoder, beside those that they have.

        Items that were removed meanwhile are passed over, and those that got another picture since
        the change `as_of`, from whose state the embeddings are made.
        """
        unchanged = self.unchanged(keys, as_of)
        rows = []
        for key, vector in zip(keys, vectors, strict=True):
            if key in unchanged:
                packed, crc32 = pack(vector, key)
                rows.append(
                    {"key": key, "fingerprint": fingerprint, "vector": packed, "crc32": crc32}
                )
        if rows:
            replace_rows(self._connection, embeddings, rows)

    def replace_vectors(
        self, keys: Sequence[int], vectors: Mapping[str, NDArray[np.float32]]
    ) -> None:
        """Give live items other embeddings in place of all that they have.

        Args:
            keys: Of the items; those that were removed meanwhile are passed over.
            vectors: By fingerprint of the encoder, each (N, D) in the order of the keys.
        """
        for table in (embeddings, unsearchable, patches):
            self._delete_by_key(table, keys)
        for part in in_parts(keys):
            changed = update(items).where(items.c.key.in_(part), LIVE)
            self._connection.execute(changed.values(seq=self.seq, index_seq=self.seq))
        for fingerprint, rows in vectors.items():
            self.add_vectors(fingerprint, keys, rows)

    def keep_vectors_of(self, collection_id: int, fingerprints: Sequence[str]) -> int:
        """Delete a collection's embeddings by all encoders but these, and what belongs to them.

        That is what is noted of items without one, and what was learned for encoders that no
        collection has any more.

        Returns:
            How many embeddings were deleted.
        """
        keys = select(items.c.key).where(items.c.collection_id == collection_id)
        notes, crops, rows = (
            delete(table).where(table.c.key.in_(keys), table.c.fingerprint.not_in(fingerprints))
            for table in (unsearchable, patches, embeddings)
        )
        self._connection.execute(notes)
        self._connection.execute(crops)
        self._drop_learned()
        return self._connection.execute(rows).rowcount

    def note_unsearchable(
        self, collection_id: int, fingerprint: str, reasons: Mapping[int, str]
    ) -> None:
        """Say which items of a collection an encoder has no embedding of, and why, by key.

        What was said before of this encoder is replaced; items that are removed or have one are
        passed over.
        """
        keys = select(items.c.key).where(items.c.collection_id == collection_id)
        self._connection.execute(
            delete(unsearchable).where(
                unsearchable.c.key.in_(keys), unsearchable.c.fingerprint == fingerprint
            )
        )
        wanted = self.unchanged([*reasons], None)
        for part in in_parts([*reasons]):
            has = embeddings.c.key.in_(part) & (embeddings.c.fingerprint == fingerprint)
            wanted.difference_update(
                self._connection.execute(select(embeddings.c.key).where(has)).scalars()
            )
        rows = [
            {"key": key, "fingerprint": fingerprint, "reason": reasons[key]}
            for key in sorted(wanted)
        ]
        if rows:
            self._connection.execute(insert(unsearchable), rows)

    def keep_learned(self, sha256: str, data: bytes) -> None:
        """Store what an encoder learned, by its hash; what is there already stays."""
        known = select(learned.c.sha256).where(learned.c.sha256 == sha256)
        if self._connection.execute(known).first() is None:
            self._connection.execute(insert(learned).values(sha256=sha256, data=data))

    def _change_collection(self, collection_id: int, **values: Any) -> None:
        """Change columns of a collection; a damaged one stays damaged."""
        is_sound = is_sound_collection(self._connection, collection_id)
        this = collections.c.id == collection_id
        self._connection.execute(update(collections).where(this).values(values))
        if is_sound:
            seal_collection(self._connection, collection_id)

    def unchanged(self, keys: Sequence[int], as_of: int | None) -> set[int]:
        """Those of the keys that are live and have had the same picture since a change."""
        found: set[int] = set()
        for part in in_parts(list(dict.fromkeys(keys))):
            query = select(items.c.key).where(items.c.key.in_(part), LIVE)
            if as_of is not None:
                query = query.where(items.c.index_seq <= as_of)
            found.update(self._connection.execute(query).scalars())
        return found

    def _drop_learned(self) -> None:
        """Delete what belongs to no encoder, former ones included.

        Nothing is where options of an encoder cannot be read: they may name it.
        """
        used: set[str] = set()
        query = select(collections.c.encoder_options, collections.c.former)
        for options, former in self._connection.execute(query):
            if isinstance(options, Damaged) or isinstance(former, Damaged):
                return
            for each in (options, (former or {}).get("encoder_options")):
                used.update((each or {}).get(option, "") for option in LEARNED)
        self._connection.execute(delete(learned).where(learned.c.sha256.not_in(used)))

    def _delete_by_key(self, table: Any, keys: Sequence[int]) -> None:
        for part in in_parts(keys):
            self._connection.execute(delete(table).where(table.c.key.in_(part)))
