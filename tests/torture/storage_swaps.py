"""G8: many readers while generations come and go: every answer is of one generation, old ones go.

Each swap exchanges all items in one transaction and publishes an index of the new ones, so that an
answer that mixes two generations has ids that were never there together.
"""

import gc
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.indexes.base import Index
from tests.small_catalog import bound_collection, draft, live, open_catalog, unit_vectors
from tests.torture.campaign import workplace
from tests.torture.goals import Goal, Reached, tries

READERS = 64
ITEMS = 6
SWITCH_INTERVAL_S = 0.0002
"""Else the one that publishes waits for 64 readers at every step."""
PAUSE_S = 0.02
ADOPTION_S = 60.0
MAPPED = 2
"""The last generation, once by who published it and once by who serves it."""


class Readers:
    """Threads that ask one opened collection for all it has, again and again."""

    def __init__(self, opened: LiveCollection) -> None:
        self.answers: set[frozenset[int]] = set()
        self.generations: set[str | None] = set()
        self.errors: list[BaseException] = []
        self._asked = [0] * READERS
        self._opened = opened
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(n,)) for n in range(READERS)]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def queries(self) -> int:
        """How many were answered so far."""
        return sum(self._asked)

    def wait_for(self, queries: int) -> None:
        """Wait until so many were answered, or one was not."""
        while self.queries < queries and not self.errors:
            time.sleep(PAUSE_S)

    def _read(self, number: int) -> None:
        query = unit_vectors(1, seed=number)
        try:
            while not self._over.wait(PAUSE_S):
                snapshot = self._opened.snapshot()
                assert snapshot is not None
                keys, scores = snapshot.search(query, 10 * ITEMS).row(0)
                assert sorted(scores.tolist(), reverse=True) == scores.tolist()
                self.answers.add(frozenset(keys.tolist()))
                self.generations.add(snapshot.generation)
                self._asked[number] += 1
        except BaseException as error:  # noqa: BLE001 - whatever it is, it must be told
            self.errors.append(error)


def swap(scale: float, _seed: int) -> Reached:
    """Swap generations below readers, and see what they were answered and what stays behind."""
    swaps, wanted = tries(1_000, scale, at_least=10), tries(1_000_000, scale, at_least=1_000)
    folder = Path(mkdtemp(prefix="swaps-", dir=workplace()))
    with _short_turns(), open_catalog(folder) as catalog:
        collection = bound_collection(catalog)
        publisher, server = live(catalog, collection), live(catalog, collection)
        keys = _exchange(catalog, collection, 0, [])
        complete = {frozenset(keys)}
        bases: list[weakref.ref[Index]] = []
        with Readers(server) as readers:
            for number in range(1, swaps + 1):
                keys = _exchange(catalog, collection, number, keys)
                complete.add(frozenset(keys))
                name = publisher.compact(force=True)
                assert name is not None
                bases.append(weakref.ref(_base_of(server, name)))
                readers.wait_for(number * wanted // swaps)
                if readers.errors:
                    break
        mixed, seen = len(readers.answers - complete), len(readers.generations)
        gc.collect()
        kept = sum(base() is not None for base in bases[:-1]) + max(0, _mapped(folder) - MAPPED)
    figures = (
        f"{len(bases):,} swaps, {readers.queries:,} queries of {READERS} readers, who saw {seen:,} "
        f"generations: {len(readers.errors)} errors {readers.errors[:1]}, {mixed} mixed, "
        f"{kept} old ones kept"
    )
    ok = not (readers.errors or mixed or kept) and seen > swaps / 4
    return Reached(ok, figures)


@contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _exchange(catalog: Catalog, collection: Collection, number: int, gone: list[int]) -> list[int]:
    """New items in the place of all former ones, in one transaction."""
    vectors = unit_vectors(ITEMS, seed=number)
    drafts = [draft(f"{number}/{row}", vector) for row, vector in enumerate(vectors)]
    with catalog.write() as writer:
        writer.remove(gone)
        return writer.put(collection.id, collection.fingerprint or "", drafts)


def _base_of(opened: LiveCollection, name: str) -> Index:
    """The index of a published generation, once the readers' collection has taken it over."""
    ends = time.monotonic() + ADOPTION_S
    while True:
        snapshot = opened.snapshot()
        assert snapshot is not None
        if snapshot.generation == name:
            assert snapshot.base is not None
            return snapshot.base
        if time.monotonic() > ends:
            raise RuntimeError(f"{name} was not taken over")


def _mapped(folder: Path) -> int:
    """How many files of vectors below a folder this process has mapped."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sum(str(folder) in line and "vectors.f16" in line for line in lines)


GOALS = [
    Goal("G8", "1,000 swaps, 64 readers, 1,000,000 queries: 0 errors, 0 mixed, old ones go", swap)
]
