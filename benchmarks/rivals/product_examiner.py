"""What is asked of a product, in its own process: how fast, what it found, how large."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals.base import Ids, Place, ProductEngine, Row, Rows
from benchmarks.rivals.items import ItemTable
from benchmarks.rivals.registry import PRODUCTS, create
from benchmarks.rivals.sizes import disk_bytes, resident_bytes
from benchmarks.rivals.timing import latencies_ms
from search_engine.catalog.filters import Condition

LEAST_QUERIES = 5
"""So many are asked even if the time is up before."""


@dataclass(frozen=True, slots=True)
class Stock:
    """The items to take in, in files: rows (N, D) and their attributes."""

    folder: Path

    def save(self, base: Rows, items: ItemTable) -> None:
        """Write both files."""
        np.save(self.folder / "base.npy", base)
        np.savez(self.folder / "items.npz", price=items.price, brand=items.brand, label=items.label)

    def load(self) -> tuple[Rows, ItemTable]:
        """Rows, mapped, and attributes."""
        with np.load(self.folder / "items.npz") as columns:
            return np.load(self.folder / "base.npy", mmap_mode="r"), ItemTable(**columns)


@dataclass(frozen=True, slots=True)
class Question:
    """A search for what is similar to a stored item, under a condition."""

    item: int
    query: Row
    condition: Condition | None


class ProductExaminer:
    """One product and what it is filled with. All answers can be pickled."""

    def __init__(self, engine: str, stock: Stock, place: Place) -> None:
        self._engine: ProductEngine = create(PRODUCTS[engine], place)
        self._stock = stock
        self._folder = place.folder
        self._before = resident_bytes()

    def ingest(self) -> dict[str, Any]:
        """Take everything in until it is durable and indexed: seconds, and items a second."""
        base, items = self._stock.load()
        started = time.perf_counter()
        self._engine.ingest(base, items)
        taken = time.perf_counter() - started
        return {
            "setting": self._engine.setting,
            "documentation": self._engine.documentation,
            "ingest_s": round(taken, 2),
            "items_per_second": round(len(items) / taken, 1),
        }

    def search(self, queries: Rows, k: int, seconds: float) -> tuple[list[float], Ids]:
        """Latencies in milliseconds, and what was found, of as many queries as there is time."""
        return self._ask([partial(self._engine.search_one, query, k) for query in queries], seconds)

    def similar(
        self, questions: Sequence[Question], k: int, seconds: float
    ) -> tuple[list[float], Ids]:
        """As `search`, for questions."""
        asks = [
            partial(self._engine.similar, each.item, each.query, k, each.condition)
            for each in questions
        ]
        return self._ask(asks, seconds)

    def sizes(self) -> dict[str, float]:
        """Megabytes: resident now and before anything was taken in, the peak, and on disk.

        `resident` is anonymous memory and file pages that are mapped and were touched.
        """
        now = resident_bytes()
        values = {
            "resident_mb": now["anonymous"] + now["file"],
            "anonymous_mb": now["anonymous"],
            "resident_before_mb": self._before["anonymous"] + self._before["file"],
            "peak_mb": now["peak"],
            "disk_mb": disk_bytes(self._folder),
        }
        return {name: round(value / 1e6, 1) for name, value in values.items()}

    def close(self) -> None:
        """Close the product."""
        self._engine.close()

    def _ask(self, asks: Sequence[Callable[[], Ids]], seconds: float) -> tuple[list[float], Ids]:
        """The first is asked once more before, for warming up."""
        asks[0]()
        taken, found = latencies_ms(asks, seconds, LEAST_QUERIES)
        return taken, np.stack(found)
