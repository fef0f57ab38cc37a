"""Items together with their embeddings, read in parts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.item_rows import ITEM_COLUMNS, item_of
from search_engine.catalog.key_queries import is_among
from search_engine.catalog.tables import LIVE, embeddings, items
from search_engine.catalog.vectors import is_sound, unpack
from search_engine.records import CatalogItem, Keys


@dataclass(frozen=True, slots=True)
class EmbeddedItems:
    """Items by key and their embeddings (N, D), float16.

    `missing` are the ids of items that have no embedding, or a damaged one.
    """

    items: tuple[CatalogItem, ...]
    vectors: NDArray[np.float16]
    missing: tuple[str, ...]


def read_embedded(connection: Connection, collection: Collection, keys: Keys) -> EmbeddedItems:
    """The live items of some keys, in one query: let them be some thousands at most."""
    by_encoder = (embeddings.c.key == items.c.key) & (
        embeddings.c.fingerprint == collection.fingerprint
    )
    query = (
        select(*ITEM_COLUMNS, embeddings.c.vector, embeddings.c.crc32.label("vector_crc32"))
        .outerjoin(embeddings, by_encoder)
        .where(is_among(keys), LIVE)
        .order_by(items.c.key)
    )
    dimension = collection.dimension or 0
    found, blobs, missing = [], [], []
    for row in connection.execute(query):
        *known, vector, crc32 = row
        item = item_of(known)
        if vector is not None and is_sound(vector, crc32, dimension, item.key):
            found.append(item)
            blobs.append(vector)
        else:
            missing.append(item.item_id)
    return EmbeddedItems(tuple(found), unpack(blobs, dimension), tuple(missing))
