"""Ours, whole: items through the catalog's writer, a published generation, searches by the engine.

`search_one` asks the collection's snapshot and gets keys; `similar` is what users call: it looks
up the item and its vector, filters, and returns items with their attributes, where the others
return numbers only.
"""

from typing import Any

import faiss
import numpy as np

from benchmarks.rivals.base import Ids, Place, Row, Rows, padded
from benchmarks.rivals.items import ItemTable
from search_engine.catalog.filters import Condition
from search_engine.catalog.writer import ItemDraft
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.records import Keys
from search_engine.storage.paths import DEFAULT_COLLECTION

FINGERPRINT = "0" * 32
"""Of an encoder that does not exist: no picture is looked at here."""
ITEMS_A_TRANSACTION = 1_000


class EyedexProduct:
    """See ProductEngine."""

    documentation = "README.md"

    def __init__(self, place: Place) -> None:
        faiss.omp_set_num_threads(place.threads)
        self._engine = SearchEngine(settings=Settings(data=place.folder / "eyedex-data"))
        self._engine.create_collection(DEFAULT_COLLECTION)
        self._keys: Keys = np.empty(0, dtype=np.int64)

    @property
    def setting(self) -> str:
        """See ProductEngine."""
        base = self._snapshot().base
        return f"{base.spec.factory} chosen by itself" if base else "delta only"

    def ingest(self, vectors: Rows, items: ItemTable) -> None:
        """See ProductEngine."""
        catalog, collection = self._engine.catalog, self._engine.live(DEFAULT_COLLECTION).record
        with catalog.write() as writer:
            writer.set_encoder(collection.id, "made-up", {}, FINGERPRINT, vectors.shape[1])
        keys: list[int] = []
        for start in range(0, len(vectors), ITEMS_A_TRANSACTION):
            part = range(start, min(start + ITEMS_A_TRANSACTION, len(vectors)))
            drafts = [_draft(number, vectors[number], items) for number in part]
            with catalog.write() as writer:
                keys += writer.put(collection.id, FINGERPRINT, drafts)
        self._keys = np.array(keys, dtype=np.int64)
        self._engine.live(DEFAULT_COLLECTION).compact()
        self._engine.similar("0")

    def search_one(self, query: Row, k: int) -> Ids:
        """See ProductEngine."""
        keys, _ = self._snapshot().search(query[None], k).row(0)
        return padded(np.searchsorted(self._keys, keys), k)

    def similar(self, item: int, query: Row, k: int, condition: Condition | None) -> Ids:
        """See ProductEngine."""
        found = self._engine.similar(str(item), k=k, filter=condition)
        return padded(np.array([int(one.item.item_id) for one in found.neighbors], np.int64), k)

    def close(self) -> None:
        """See ProductEngine."""
        self._engine.close()

    def _snapshot(self) -> Any:
        snapshot = self._engine.live(DEFAULT_COLLECTION).snapshot()
        assert snapshot is not None, "search comes after ingest"
        return snapshot


def _draft(number: int, vector: Row, items: ItemTable) -> ItemDraft:
    return ItemDraft(
        item_id=str(number),
        content_hash=f"{number:064x}",
        vector=vector,
        label=str(items.label[number]),
        attributes={"price": float(items.price[number]), "brand": str(items.brand[number])},
    )
