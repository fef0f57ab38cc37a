"""Many readers while generations come and go: every answer is of one generation, old ones go."""

import gc
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.indexes.base import Index
from tests.small_catalog import bound_collection, draft, live, open_catalog, unit_vectors

READERS = 64
ITEMS = 6
SWITCH_INTERVAL_S = 0.0002
PAUSE_S = 0.05
ADOPTION_S = 20.0
MAPPED = 2
"""The last generation, once by who published it and once by who serves it."""


class Readers:
    """Threads that ask one opened collection for all it has, again and again."""

    def __init__(self, opened: LiveCollection) -> None:
        self.answers: set[frozenset[int]] = set()
        self.generations: set[str | None] = set()
        self.errors: list[BaseException] = []
        self.queries = 0
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
                self.queries += 1
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must hear of it
            self.errors.append(error)


@pytest.fixture(autouse=True)
def short_turns() -> Iterator[None]:
    """Else the one that publishes waits for 64 readers at every step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    yield
    sys.setswitchinterval(before)


@contextmanager
def opened_catalog(folder: Path) -> Iterator[tuple[Catalog, Collection]]:
    with open_catalog(folder) as catalog:
        yield catalog, bound_collection(catalog)


def exchange(catalog: Catalog, collection: Collection, number: int, gone: list[int]) -> list[int]:
    """New items in the place of all former ones, in one transaction."""
    vectors = unit_vectors(ITEMS, seed=number)
    drafts = [draft(f"{number}/{row}", vector) for row, vector in enumerate(vectors)]
    with catalog.write() as writer:
        writer.remove(gone)
        return writer.put(collection.id, collection.fingerprint or "", drafts)


def base_of(opened: LiveCollection, name: str) -> Index:
    """The index of a published generation, once the readers' collection has taken it over."""
    deadline = time.monotonic() + ADOPTION_S
    while True:
        snapshot = opened.snapshot()
        assert snapshot is not None
        if snapshot.generation == name:
            assert snapshot.base is not None
            return snapshot.base
        assert time.monotonic() < deadline, f"{name} was not taken over"


def mapped_vectors(folder: Path) -> int:
    """How many files of vectors below a folder this process has mapped."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sum(str(folder) in line and "vectors.f16" in line for line in lines)


@pytest.mark.parametrize("swaps", [20, pytest.param(1_000, marks=pytest.mark.slow)])
def test_no_answer_mixes_generations_and_old_ones_are_given_up(tmp_path: Path, swaps: int) -> None:
    with opened_catalog(tmp_path) as (catalog, collection):
        publisher, server = live(catalog, collection), live(catalog, collection)
        keys = exchange(catalog, collection, 0, [])
        complete = {frozenset(keys)}
        bases: list[weakref.ref[Index]] = []
        with Readers(server) as readers:
            for number in range(1, swaps + 1):
                keys = exchange(catalog, collection, number, keys)
                complete.add(frozenset(keys))
                name = publisher.compact(force=True)
                assert name is not None
                bases.append(weakref.ref(base_of(server, name)))
                if readers.errors:
                    break
        assert readers.errors == []
        assert readers.answers <= complete
        assert readers.queries >= swaps
        assert len(readers.generations) > swaps / 4
        gc.collect()
        assert [base() is not None for base in bases] == [False] * (swaps - 1) + [True]
        assert mapped_vectors(tmp_path) <= MAPPED
