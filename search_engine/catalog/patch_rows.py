"""Patches in the catalog: embeddings of crops of pictures, packed as one row for each picture."""

import logging
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, select, update

from search_engine.catalog.changes import Changes, newer_in
from search_engine.catalog.collection_rows import Collection, live_of
from search_engine.catalog.dialects.statements import replace_rows
from search_engine.catalog.embedding_writer import EmbeddingWriter
from search_engine.catalog.last_change import last_change
from search_engine.catalog.patch_keys import PER_KEY, row_keys
from search_engine.catalog.tables import collections, embeddings, items, patches
from search_engine.catalog.vectors import is_sound, pack, unpack
from search_engine.records import Keys

log = logging.getLogger(__name__)

PICTURES_A_READ = 512


def patch_changes(connection: Connection, collection: Collection, seq: int) -> Changes:
    """All that an index of patches at `seq` lacks, by their own keys (`patch_keys`).

    Damaged ones are left out and logged.
    """
    now = last_change(connection)
    count, dimension = collection.patches or 0, collection.dimension or 0
    query = (
        select(patches.c.key, patches.c.vectors, patches.c.crc32)
        .where(patches.c.collection_id == collection.id, patches.c.seq > seq)
        .where(patches.c.fingerprint == collection.fingerprint)
        .order_by(patches.c.key)
    )
    size = count * dimension
    keys: list[int] = []
    changed: list[int] = []
    parts = [np.empty((0, dimension), dtype=np.float16)]
    reading = connection.execution_options(yield_per=PICTURES_A_READ).execute(query)
    for rows in reading.partitions():
        sound = [row for row in rows if is_sound(row.vectors, row.crc32, size, row.key)]
        changed += [row.key for row in rows]
        keys += [row.key for row in sound]
        vectors = unpack([row.vectors for row in sound], size)
        parts.append(vectors.reshape(-1, dimension))
    if len(keys) < len(changed):
        log.error("damaged patches, not searchable: %d items", len(changed) - len(keys))
    rows_now = row_keys(np.array(keys, dtype=np.int64), count)
    gone = np.array(changed, dtype=np.int64)
    if seq >= 0:
        gone = np.union1d(gone, newer_in(connection, collection, seq))
    removed = np.setdiff1d(row_keys(gone), rows_now)
    return Changes(now, rows_now, np.concatenate(parts), removed)


def keys_with_patches(connection: Connection, collection: Collection) -> Keys:
    """Keys of the items that have patches by the collection's encoder, (N,), int64, ascending."""
    query = (
        select(patches.c.key)
        .where(patches.c.collection_id == collection.id)
        .where(patches.c.fingerprint == collection.fingerprint)
        .order_by(patches.c.key)
    )
    return np.fromiter(connection.execute(query).scalars(), dtype=np.int64)


def keys_without_patches(connection: Connection, collection: Collection) -> Keys:
    """Keys of the live items that have an embedding by the collection's encoder but no patches."""
    of_encoder = embeddings.c.fingerprint == collection.fingerprint
    has = select(patches.c.key).where(
        patches.c.key == items.c.key, patches.c.fingerprint == collection.fingerprint
    )
    query = (
        select(items.c.key)
        .join(embeddings, (embeddings.c.key == items.c.key) & of_encoder)
        .where(live_of(collection), ~has.exists())
        .order_by(items.c.key)
    )
    return np.fromiter(connection.execute(query).scalars(), dtype=np.int64)


def count_patched(connection: Connection, collection: Collection) -> int:
    """How many items have patches by the collection's encoder."""
    query = select(func.count()).where(
        patches.c.collection_id == collection.id,
        patches.c.fingerprint == collection.fingerprint,
    )
    return int(connection.execute(query).scalar_one())


def set_patches(writer: EmbeddingWriter, collection_id: int, count: int) -> bool:
    """Say how many crops of each picture are embedded; those that there are go if it is another.

    Args:
        writer: The transaction.
        collection_id: Of the collection.
        count: One of `encoders.patches.LATTICES`; 0 for none.

    Returns:
        Whether it is another.
    """
    assert count < PER_KEY
    this = collections.c.id == collection_id
    known = writer.connection.execute(select(collections.c.patches).where(this)).scalar_one()
    if (known or 0) == count:
        return False
    writer.connection.execute(delete(patches).where(patches.c.collection_id == collection_id))
    writer.connection.execute(update(collections).where(this).values(patches=count or None))
    return writer.seq > 0


def put_patches(
    writer: EmbeddingWriter,
    collection_id: int,
    fingerprint: str,
    vectors: Mapping[int, NDArray[np.float32]],
    as_of: int | None = None,
) -> None:
    """Store the patches (P, D) of live items by key.

    Items that were removed are passed over, and those that got another picture after `as_of`.
    """
    if not vectors:
        return
    rows = []
    kept = writer.unchanged([*vectors], as_of)
    for key in sorted(kept):
        packed, crc32 = pack(vectors[key], key)
        rows.append(
            {
                "key": key,
                "fingerprint": fingerprint,
                "collection_id": collection_id,
                "seq": writer.seq,
                "vectors": packed,
                "crc32": crc32,
            }
        )
    if rows:
        replace_rows(writer.connection, patches, rows)
