"""Small catalogs with made-up vectors, for tests that need no pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.writer import ItemDraft
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.records import Vectors
from search_engine.storage.paths import DataPaths

DIMENSION = 8
FINGERPRINT = "f" * 32
NAME = "default"


def unit_vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def open_catalog(data: Path) -> Catalog:
    return Catalog(DataPaths(data), lock_wait_s=5.0)


def bound_collection(catalog: Catalog, name: str = NAME) -> Collection:
    """A new collection that is bound to an encoder nobody can make."""
    with catalog.write() as writer:
        writer.create_collection(name)
    with catalog.write() as writer:
        writer.set_encoder(catalog.collection(name).id, "made-up", {}, FINGERPRINT, DIMENSION)
    return catalog.collection(name)


def draft(item_id: str, vector: NDArray[np.float32] | None = None, **known: Any) -> ItemDraft:
    """An item whose vector, unless given, follows from its id."""
    if vector is None:
        vector = unit_vectors(1, seed=sum(item_id.encode()))[0]
    return ItemDraft(item_id, known.pop("content_hash", f"hash of {item_id}"), vector, **known)


def put(
    catalog: Catalog, collection: Collection, drafts: Sequence[ItemDraft | str]
) -> dict[str, int]:
    """Store items in one transaction; keys by id."""
    full = [draft(each) if isinstance(each, str) else each for each in drafts]
    with catalog.write() as writer:
        keys = writer.put(collection.id, FINGERPRINT, full)
    return dict(zip([each.item_id for each in full], keys, strict=True))


def put_attributes(
    catalog: Catalog, collection: Collection, attributes: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """Store items with these attributes; keys by id."""
    return put(
        catalog, collection, [draft(name, attributes=values) for name, values in attributes.items()]
    )


def remove(catalog: Catalog, *keys: int) -> None:
    with catalog.write() as writer:
        writer.remove(keys)


def settings_of(catalog: Catalog) -> Settings:
    return Settings(data=catalog.paths.root)


def live(catalog: Catalog, collection: Collection) -> LiveCollection:
    return LiveCollection(catalog, collection, settings_of(catalog))
