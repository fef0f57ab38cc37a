"""A collection's index: up to date with every commit, and the same after every kind of opening."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filters import parse_filter
from search_engine.catalog.store import Catalog
from search_engine.collections import live as live_module
from search_engine.collections import selections
from search_engine.collections.live import LiveCollection
from search_engine.errors import LockHeldError
from search_engine.images.picture_hash import STORED
from search_engine.indexes import generations as generation
from search_engine.indexes.faiss import kinds
from search_engine.storage.locks import exclusive
from tests.contract.exact_index import ExactIndex
from tests.sealing import execute
from tests.small_catalog import (
    DIMENSION,
    bound_collection,
    draft,
    live,
    open_catalog,
    put,
    remove,
    unit_vectors,
)

Found = list[list[tuple[int, float]]]
QUERIES = unit_vectors(6, seed=1_000)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as catalog:
        yield catalog


@pytest.fixture
def collection(catalog: Catalog) -> Collection:
    collection = bound_collection(catalog)
    vectors = unit_vectors(200)
    put(catalog, collection, [draft(str(row), vector) for row, vector in enumerate(vectors)])
    return collection


def found(opened: LiveCollection, k: int = 20) -> Found:
    snapshot = opened.snapshot()
    assert snapshot is not None
    hits = snapshot.search(QUERIES, k)
    rows = [hits.row(row) for row in range(len(QUERIES))]
    return [list(zip(keys.tolist(), scores.tolist(), strict=True)) for keys, scores in rows]


def wanted(catalog: Catalog, collection: Collection, k: int = 20) -> Found:
    """What an exact search over the catalog's own vectors finds."""
    oracle = ExactIndex(DIMENSION)
    keys = [item.key for item in catalog.page(collection, 0, 10_000)]
    vectors = [catalog.vector(collection, key) for key in keys]
    oracle.upsert(np.array(keys, dtype=np.int64), np.concatenate(vectors))
    hits = oracle.search(QUERIES, k)
    rows = [hits.row(row) for row in range(len(QUERIES))]
    return [list(zip(keys.tolist(), scores.tolist(), strict=True)) for keys, scores in rows]


def change(catalog: Catalog, collection: Collection) -> None:
    """Some new items, some new pictures, some removals."""
    vectors = unit_vectors(30, seed=7)
    put(catalog, collection, [draft(str(row + 190), vector) for row, vector in enumerate(vectors)])
    remove(catalog, *(catalog.get(collection, str(row)).key for row in range(0, 60, 7)))


def test_nothing_indexed_is_no_snapshot(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        with catalog.write() as writer:
            writer.create_collection("default")
        opened = live(catalog, catalog.collection("default"))
        assert opened.snapshot() is None
        assert opened.encoder() is None
        assert opened.compact(force=True) is None


def test_sees_every_commit(catalog: Catalog, collection: Collection) -> None:
    opened = live(catalog, collection)
    assert found(opened) == wanted(catalog, collection)
    change(catalog, collection)
    assert found(opened) == wanted(catalog, collection)


def test_sees_what_another_process_commits(
    tmp_path: Path, catalog: Catalog, collection: Collection
) -> None:
    opened = live(catalog, collection)
    found(opened)
    with open_catalog(tmp_path) as other:
        change(other, collection)
    assert found(opened) == wanted(catalog, collection)


def test_without_changes_the_snapshot_stays(catalog: Catalog, collection: Collection) -> None:
    opened = live(catalog, collection)
    assert opened.snapshot() is opened.snapshot()


def test_compaction_changes_no_result(catalog: Catalog, collection: Collection) -> None:
    opened = live(catalog, collection)
    before = found(opened)
    assert opened.compact() == "gen-000001"
    assert found(opened) == before
    change(catalog, collection)
    before = found(opened)
    assert opened.compact() == "gen-000002"
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert (snapshot.pending, snapshot.generation) == (0, "gen-000002")
    assert (
        found(opened) == before == found(live(catalog, collection)) == wanted(catalog, collection)
    )


def test_compaction_is_for_enough_changes_or_on_request(
    catalog: Catalog, collection: Collection
) -> None:
    opened = live(catalog, collection)
    assert opened.compact() == "gen-000001"
    assert opened.compact(force=True) is None
    put(catalog, collection, ["one more"])
    assert opened.compact() is None
    assert opened.compact(force=True) == "gen-000002"


def test_compaction_waits_for_nobody(catalog: Catalog, collection: Collection) -> None:
    opened = live(catalog, collection)
    with (
        exclusive(catalog.paths.index_run_lock("default"), 0.0, "testing"),
        pytest.raises(LockHeldError),
    ):
        opened.compact()
    assert generation.generations(opened.folder) == []


def test_an_emptied_collection_can_be_compacted_opened_and_filled(
    catalog: Catalog, collection: Collection
) -> None:
    opened = live(catalog, collection)
    opened.compact()
    remove(catalog, *(item.key for item in catalog.page(collection, 0, 1_000)))
    assert opened.compact() == "gen-000002"
    for each in (opened, live(catalog, collection)):
        snapshot = each.snapshot()
        assert snapshot is not None
        assert (len(snapshot), snapshot.generation) == (0, "gen-000002")
        assert found(each) == [[] for _ in QUERIES]
    put(catalog, collection, ["new"])
    assert found(opened) == found(live(catalog, collection)) == wanted(catalog, collection)


def test_opening_takes_the_generation_and_what_came_after_it(
    catalog: Catalog, collection: Collection
) -> None:
    live(catalog, collection).compact()
    change(catalog, collection)
    opened = live(catalog, collection)
    assert found(opened) == wanted(catalog, collection)
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert snapshot.generation == "gen-000001"
    assert snapshot.pending > 0


@pytest.mark.parametrize("lost", ["newest", "all", "folder"])
def test_lost_generations_change_no_result(
    catalog: Catalog, collection: Collection, lost: str
) -> None:
    opened = live(catalog, collection)
    opened.compact()
    change(catalog, collection)
    opened.compact()
    if lost == "folder":
        shutil.rmtree(opened.folder)
    for name in generation.generations(opened.folder)[: 1 if lost == "newest" else 2]:
        path = opened.folder / name / "vectors.f16"
        data = bytearray(path.read_bytes())
        data[40] ^= 1
        path.write_bytes(data)
    again = live(catalog, collection)
    assert found(again) == wanted(catalog, collection)
    snapshot = again.snapshot()
    assert snapshot is not None
    assert snapshot.generation == ("gen-000001" if lost == "newest" else None)


def test_a_lost_generation_is_made_anew(catalog: Catalog, collection: Collection) -> None:
    opened = live(catalog, collection)
    opened.compact()
    shutil.rmtree(opened.folder)
    again = live(catalog, collection)
    assert again.compact() == "gen-000001"
    assert found(again) == wanted(catalog, collection)


def test_generations_of_an_earlier_collection_of_that_name_are_not_used(
    catalog: Catalog, collection: Collection
) -> None:
    live(catalog, collection).compact()
    with catalog.write() as writer:
        writer.delete_collection(collection.id)
    again = bound_collection(catalog)
    put(catalog, again, ["only"])
    opened = live(catalog, again)
    assert [len(row) for row in found(opened)] == [1] * len(QUERIES)
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert snapshot.generation is None


def test_a_damaged_embedding_costs_one_item(catalog: Catalog, collection: Collection) -> None:
    key = catalog.get(collection, "5").key
    damage = "UPDATE embeddings SET vector = :vector WHERE key = :key"
    execute(catalog.paths.root, damage, vector=b"\xff" * 16, key=key)
    opened = live(catalog, collection)
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert len(snapshot) == 199
    put(catalog, collection, [draft("5", unit_vectors(200)[5])])
    assert len(found(opened, 200)[0]) == 200


@contextmanager
def statements(catalog: Catalog) -> Iterator[list[str]]:
    """The statements that reading connections run, other than asking for the sequence number."""
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        if "FROM sequence" not in arguments[2] and not arguments[2].startswith("BEGIN"):
            seen.append(arguments[2])

    event.listen(catalog._database.readers, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(catalog._database.readers, "before_cursor_execute", note)


def test_a_filter_is_read_once_until_something_is_committed(
    catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, [draft(f"x{n}", attributes={"price": n}) for n in range(5)])
    opened = live(catalog, collection)
    cheap, dear = (parse_filter({"field": "price", name: 3}) for name in ("lt", "gte"))
    with statements(catalog) as seen:
        first = opened.matching(cheap)
        once = len(seen)
        assert once > 0
        assert opened.matching(parse_filter('{"field": "price", "lt": 3}')) is first
        assert len(seen) == once
        assert len(opened.matching(dear)) == 2
        assert len(seen) > once
        assert opened.matching(cheap) is first
    put(catalog, collection, [draft("x9", attributes={"price": 0})])
    assert len(opened.matching(cheap)) == 4
    remove(catalog, catalog.get(collection, "x0").key)
    assert len(opened.matching(cheap)) == 3
    with catalog.write() as writer:
        key = catalog.get(collection, "x4").key
        writer.describe(collection.id, {key: {"attributes": {"price": 1}}})
    assert len(opened.matching(cheap)) == 4


def test_what_another_process_commits_is_in_the_next_filter(
    tmp_path: Path, catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, [draft("x", attributes={"price": 1})])
    opened, cheap = live(catalog, collection), parse_filter({"field": "price", "lt": 3})
    assert len(opened.matching(cheap)) == 1
    with open_catalog(tmp_path) as other:
        put(other, collection, [draft("y", attributes={"price": 2})])
    assert len(opened.matching(cheap)) == 2


@pytest.mark.parametrize(("limit", "most"), [("SELECTIONS_KEPT", 3), ("SELECTED_KEYS_KEPT", 10)])
def test_only_some_filters_are_kept(
    monkeypatch: pytest.MonkeyPatch,
    catalog: Catalog,
    collection: Collection,
    limit: str,
    most: int,
) -> None:
    """By their number, and by the number of keys in all."""
    put(catalog, collection, [draft(f"x{n}", attributes={"price": n}) for n in range(9)])
    opened = live(catalog, collection)
    monkeypatch.setattr(selections, limit, most)
    kept = []
    for number in [*range(9), *range(9)]:
        parsed = parse_filter({"field": "price", "lte": number})
        assert len(opened.matching(parsed)) == number + 1
        kept.append(len(opened._selections._kept[1]))
    assert max(kept) < 9


def test_an_adopted_generation_is_read_once_however_many_ask(
    catalog: Catalog, collection: Collection
) -> None:
    opened, publisher = live(catalog, collection), live(catalog, collection)
    opened.snapshot()
    assert publisher.compact() == "gen-000001"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: opened.snapshot(), range(64)))
        bases = {id(s.base) for s in pool.map(lambda _: opened.snapshot(), range(64)) if s}
    assert len(bases) == 1
    assert found(opened) == wanted(catalog, collection)


def test_generations_use_again_what_was_learned_until_too_much_changed(
    catalog: Catalog, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 items: 30 changes (each masks one and adds one) fit once, not with 10 more."""
    with catalog.write() as writer:
        writer.set_index_factory(collection.id, "IVF4,Flat")
    opened = live(catalog, collection)
    assert opened.compact(force=True) == "gen-000001"
    trainings: list[int] = []
    train = kinds._train

    def counted(index: Any, vectors: Any) -> None:
        trainings.append(0 if index.is_trained else len(vectors))
        train(index, vectors)

    monkeypatch.setattr(kinds, "_train", counted)
    since = []
    for seed, changed in enumerate((30, 10, 2), start=5):
        vectors = unit_vectors(changed, seed=seed)
        put(catalog, collection, [draft(str(n), vector) for n, vector in enumerate(vectors)])
        assert opened.compact(force=True)
        snapshot = opened.snapshot()
        assert snapshot is not None
        assert snapshot.base is not None
        since.append(snapshot.base.spec.since_training)
        assert found(opened) == wanted(catalog, collection)
    assert since == [60, 0, 4]
    assert trainings == [0, 200, 0]
    opened.rebuild("IVF4,Flat")
    assert trainings[3:] == [200]


def test_hashes_of_items_that_are_gone_do_not_stay(
    catalog: Catalog, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "RECENT", 4)
    blob = np.zeros((), dtype=STORED).tobytes()
    opened = live(catalog, collection)
    for number in range(60):
        given = replace(draft("hashed", unit_vectors(1, seed=number)[0]), picture_hash=blob)
        key = put(catalog, collection, [given])["hashed"]
        assert 1 <= len(opened.hashes(catalog.seq())) <= 2 * 1 + 4 + 1
        remove(catalog, key)
    assert len(catalog.hashes_since(collection, -1)[0]) == 0
