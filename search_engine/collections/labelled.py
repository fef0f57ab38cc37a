"""Labelled embeddings: a whole collection, or query photos, with what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import value_of
from search_engine.catalog.store import Catalog
from search_engine.records import Keys, Vectors


@dataclass(frozen=True, slots=True)
class Labelled:
    """Embeddings (N, D) with keys (N,) and a label each, None without one.

    Keys of queries are those of the same pictures in the gallery, or -1: a query never finds
    itself. `products` are product ids or None; `names` identify pictures for people: item ids, or
    paths. Both are empty if not requested.
    """

    vectors: Vectors
    labels: Sequence[str | None]
    keys: Keys
    products: Sequence[str | None] = field(default=())
    names: Sequence[str] = field(default=())


def read_gallery(
    catalog: Catalog, collection: str, target: str = "label", record: Collection | None = None
) -> Labelled:
    """Read all items of a collection that have an embedding, by key, with their value of a target.

    The embeddings are by the encoder of `record` if given, else of the collection.

    Raises:
        CollectionNotFoundError: There is no such collection.
    """
    record = record or catalog.collection(collection)
    changes = catalog.changes_since(record, -1)
    found = catalog.by_keys(changes.keys.tolist())
    here = np.array([key in found for key in changes.keys.tolist()], dtype=bool)
    items = [found[key] for key in changes.keys[here].tolist()]
    return Labelled(
        changes.vectors[here].astype(np.float32),
        [value_of(item, target) for item in items],
        changes.keys[here],
        [item.product_id for item in items],
        [item.item_id for item in items],
    )
