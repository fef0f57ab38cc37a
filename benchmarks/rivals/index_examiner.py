"""What is asked of a vector index, in its own process: how long, how good, how large."""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals.base import IndexEngine, Place, Rows
from benchmarks.rivals.exact import Truth, exact_truth, index_recall
from benchmarks.rivals.registry import INDEXES, create
from benchmarks.rivals.sizes import resident_bytes
from benchmarks.rivals.timing import latencies_ms, passes_per_second, percentile

WARM_ROWS = 1_000
"""Rows of an index that is built before the measured one and thrown away."""
WARM_QUERIES = 50


@dataclass(frozen=True, slots=True)
class Gallery:
    """Rows (N, D) and queries (Q, D) in files, with the truth for k, so that processes share them.

    `load` maps the rows: what an engine reads of them is not counted as its memory.
    """

    folder: Path
    k: int

    def save(self, base: Rows, queries: Rows) -> None:
        """Write all files; the truth is found by brute force."""
        truth = exact_truth(base, queries, self.k)
        for name, array in (
            ("base", base),
            ("queries", queries),
            ("last_scores", truth.last_scores),
            ("places", truth.places),
        ):
            np.save(self.folder / f"{name}.npy", array)

    def load(self) -> tuple[Rows, Rows, Truth]:
        """Rows, queries and truth."""
        base: Rows = np.load(self.folder / "base.npy", mmap_mode="r")
        queries, last, places = (
            np.load(self.folder / f"{name}.npy") for name in ("queries", "last_scores", "places")
        )
        return base, queries, Truth(last, places)


class IndexExaminer:
    """One engine and the gallery that it is examined with. All answers can be pickled."""

    def __init__(self, engine: str, gallery: Gallery, place: Place) -> None:
        self._make = partial(create, INDEXES[engine], place)
        self._engine: IndexEngine = self._make()
        self._k = gallery.k
        self._base, self._queries, self._truth = gallery.load()

    def build(self) -> dict[str, Any]:
        """Build the index: seconds, and bytes a vector by several measures.

        `resident` is what the process holds more after building and a first search than before; a
        small index was built and searched then, so what a library sets up once is not counted.
        """
        self._build_and_search(self._base[:WARM_ROWS])
        self._engine.close()
        self._engine = self._make()
        before = resident_bytes()["anonymous"]
        build_s = self._build_and_search(self._base)
        resident = resident_bytes()["anonymous"] - before
        count = len(self._base)
        said = self._engine.memory_bytes()
        return {
            "build_s": round(build_s, 2),
            "resident_bytes_per_vector": round(resident / count, 1),
            "serialized_bytes_per_vector": None if said is None else round(said / count, 1),
            "mapped_bytes_per_vector": round(self._engine.mapped_bytes() / count, 1),
        }

    def try_effort(self, effort: int) -> tuple[float, float]:
        """Recall at k, and queries a second of one pass."""
        self._engine.set_effort(effort)
        started = time.perf_counter()
        found = self._engine.search(self._queries, self._k)
        taken = time.perf_counter() - started
        recall = index_recall(found, self._truth, self._base, self._queries)
        return recall, len(found) / taken

    def efforts(self) -> list[int]:
        """What there is to try, ascending."""
        return list(self._engine.efforts)

    def setting(self, effort: int) -> str:
        """How the index is built, and searched with that effort."""
        self._engine.set_effort(effort)
        return self._engine.setting

    def queries_per_second(self, effort: int) -> float:
        """All queries in one call, with all threads."""
        self._engine.set_effort(effort)
        search = partial(self._engine.search, self._queries, self._k)
        return len(self._queries) * passes_per_second(search)

    def single_ms(self, effort: int) -> tuple[float, float]:
        """One query a call: median and 99th percentile over all queries."""
        self._engine.set_effort(effort)
        asks = [partial(self._engine.search_one, query, self._k) for query in self._queries]
        latencies_ms(asks[:WARM_QUERIES])
        taken, _ = latencies_ms(asks)
        return percentile(taken, 0.5), percentile(taken, 0.99)

    def close(self) -> None:
        """Give the index back."""
        self._engine.close()

    def _build_and_search(self, base: Rows) -> float:
        """Seconds of building; the search is not counted."""
        started = time.perf_counter()
        self._engine.build(base)
        build_s = time.perf_counter() - started
        self._engine.set_effort(self._engine.efforts[0])
        self._engine.search(self._queries, self._k)
        self._engine.search_one(self._queries[0], self._k)
        return build_s
