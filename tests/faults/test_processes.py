"""Compaction in a process of its own, and what one process sees of another."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections import live as live_collection
from search_engine.collections.live import LiveCollection
from search_engine.indexes import generations as generation
from search_engine.processes import run_apart
from tests.contract.exact_index import ExactIndex
from tests.small_catalog import (
    DIMENSION,
    bound_collection,
    live,
    open_catalog,
    put,
    remove,
    unit_vectors,
)

ADOPTION_S = 20.0
FIRST, SECOND = [str(n) for n in range(40)], [f"later {n}" for n in range(40)]

ANSWER = """
import sys
from pathlib import Path
from tests.small_catalog import live, open_catalog
catalog = open_catalog(Path(sys.argv[1]))
opened = live(catalog, catalog.collection("default"))
for _ in sys.stdin:
    print(*opened.snapshot().keys().tolist(), flush=True)
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as opened:
        yield opened


@pytest.fixture
def collection(catalog: Catalog) -> Collection:
    return bound_collection(catalog)


@pytest.fixture
def every_collection_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_collection, "QUICK_ELEMENTS", 0)


def found(opened: LiveCollection) -> list[tuple[int, float]]:
    snapshot = opened.snapshot()
    assert snapshot is not None
    keys, scores = snapshot.search(unit_vectors(1, seed=3), 15).row(0)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))


def wanted(catalog: Catalog, collection: Collection) -> list[tuple[int, float]]:
    changes = catalog.changes_since(collection, -1)
    oracle = ExactIndex(DIMENSION)
    oracle.upsert(changes.keys, changes.vectors)
    keys, scores = oracle.search(unit_vectors(1, seed=3), 15).row(0)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))


def generation_of(opened: LiveCollection) -> str | None:
    """The one in use, once a published one has been taken over."""
    deadline = time.monotonic() + ADOPTION_S
    published = generation.current(opened.folder)
    while True:
        snapshot = opened.snapshot()
        assert snapshot is not None
        if snapshot.generation == published or time.monotonic() > deadline:
            return snapshot.generation
        time.sleep(0.01)


@pytest.mark.usefixtures("every_collection_is_large")
def test_a_large_collection_is_compacted_aside_while_queries_are_answered(
    catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, FIRST)
    opened = live(catalog, collection)
    right = wanted(catalog, collection)
    compaction = threading.Thread(target=opened.compact_aside)
    compaction.start()
    asked = 0
    while compaction.is_alive():
        assert found(opened) == right
        asked += 1
        time.sleep(0.01)
    assert asked > 0
    assert generation_of(opened) == "gen-000001"
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert snapshot.pending == 0
    assert found(opened) == right


@pytest.mark.usefixtures("every_collection_is_large")
@pytest.mark.long
@pytest.mark.parametrize(
    "point",
    [
        pytest.param("generation_started", marks=pytest.mark.slow),
        "generation_file_half",
        "generation_renamed",
    ],
)
def test_a_killed_compaction_leaves_everything_as_it_was(
    monkeypatch: pytest.MonkeyPatch, catalog: Catalog, collection: Collection, point: str
) -> None:
    """The killed one is a process of its own: this one is still there to tell."""
    put(catalog, collection, FIRST)
    opened = live(catalog, collection)
    opened.compact()
    put(catalog, collection, SECOND)
    with monkeypatch.context() as patch:
        patch.setenv("EYEDEX_FAULT", f"{point}:1:kill")
        opened.compact_aside()
    assert generation.current(opened.folder) == "gen-000001"
    assert generation_of(opened) == "gen-000001"
    assert found(opened) == wanted(catalog, collection)
    opened.compact_aside()
    assert generation_of(opened) not in (None, "gen-000001")
    assert generation.leftovers(opened.folder) == []
    assert found(opened) == found(live(catalog, collection)) == wanted(catalog, collection)


def test_a_small_collection_is_compacted_at_once(catalog: Catalog, collection: Collection) -> None:
    put(catalog, collection, FIRST)
    opened = live(catalog, collection)
    opened.compact_aside()
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert (snapshot.generation, snapshot.pending) == ("gen-000001", 0)


def test_the_exit_code_of_a_process_apart_is_told() -> None:
    assert run_apart(time.sleep, 0) == 0
    assert run_apart(sys.exit, 3) == 3


def test_another_process_finds_what_was_added_and_not_what_was_removed_at_its_next_query(
    tmp_path: Path, catalog: Catalog, collection: Collection
) -> None:
    keys = put(catalog, collection, ["a", "b"])
    with subprocess.Popen(
        [sys.executable, "-c", ANSWER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None

        def asked() -> list[int]:
            assert other.stdin is not None
            assert other.stdout is not None
            print("?", file=other.stdin, flush=True)
            return [int(key) for key in other.stdout.readline().split()]

        assert asked() == sorted(keys.values())
        keys |= put(catalog, collection, ["c"])
        assert asked() == sorted(keys.values())
        remove(catalog, keys.pop("a"))
        assert asked() == sorted(keys.values())
        live(catalog, collection).compact(force=True)
        keys |= put(catalog, collection, ["a", "d"])
        assert asked() == sorted(keys.values())
        other.stdin.close()
        assert other.wait() == 0
    assert np.unique(list(keys.values())).size == 4
