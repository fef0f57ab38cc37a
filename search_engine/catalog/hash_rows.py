"""Hashes of pictures in the catalog, by which copies are recognised (`images.picture_hash`)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from search_engine.catalog.chunks import in_parts
from search_engine.catalog.collection_rows import Collection, live_of
from search_engine.catalog.dialects.statements import replace_rows
from search_engine.catalog.embedding_writer import EmbeddingWriter
from search_engine.catalog.row_checksums import blob_crc32, is_sound_blob
from search_engine.catalog.tables import LIVE, items, picture_hashes
from search_engine.images.picture_hash import STORED
from search_engine.records import Keys


def hashes_since(connection: Connection, collection_id: int, seq: int) -> tuple[Keys, list[bytes]]:
    """Keys, ascending, and hashes that were written after a change; no empty or damaged ones."""
    query = (
        select(picture_hashes.c.key, picture_hashes.c.hash, picture_hashes.c.crc32)
        .where(picture_hashes.c.collection_id == collection_id, picture_hashes.c.seq > seq)
        .order_by(picture_hashes.c.key)
    )
    found = [
        (key, each)
        for key, each, crc32 in connection.execute(query)
        if is_sound_blob(key, each, crc32) and len(each) == STORED.itemsize
    ]
    return np.array([key for key, _ in found], dtype=np.int64), [each for _, each in found]


def keys_without_hash(connection: Connection, collection: Collection) -> Keys:
    """Keys of the live items whose pictures have no sound hash, ascending."""
    query = (
        select(items.c.key, picture_hashes.c.hash, picture_hashes.c.crc32)
        .outerjoin(picture_hashes, picture_hashes.c.key == items.c.key)
        .where(live_of(collection))
        .order_by(items.c.key)
    )
    rows = connection.execute(query)
    lacking = [key for key, each, crc32 in rows if not is_sound_blob(key, each, crc32)]
    return np.array(lacking, dtype=np.int64)


class File(NamedTuple):
    """The file of an item: the hash of its bytes, and whether its picture was ever hashed."""

    content_hash: str
    is_hashed: bool


def files_of(connection: Connection, keys: Sequence[int]) -> dict[int, File]:
    """The files of the live items among some keys."""
    query = (
        select(items.c.key, items.c.content_hash, picture_hashes.c.seq.is_not(None))
        .outerjoin(picture_hashes, picture_hashes.c.key == items.c.key)
        .where(LIVE)
    )
    return {
        key: File(*found)
        for part in in_parts(keys)
        for key, *found in connection.execute(query.where(items.c.key.in_(part)))
    }


def put_hashes(writer: EmbeddingWriter, collection_id: int, hashes: Mapping[int, bytes]) -> None:
    """Set the hashes of items by key; empty for a picture that has too few details."""
    rows = [
        {
            "key": key,
            "collection_id": collection_id,
            "seq": writer.seq,
            "hash": each,
            "crc32": blob_crc32(key, each),
        }
        for key, each in hashes.items()
    ]
    if rows:
        replace_rows(writer.connection, picture_hashes, rows)
