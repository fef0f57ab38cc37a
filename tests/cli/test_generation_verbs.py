"""Going back to an earlier generation, and noticing an index that is not the catalog's."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import embeddings
from search_engine.config import Settings
from search_engine.errors import NotFoundError, ParameterError
from search_engine.indexes import generations as generation
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.manifest import Manifest, seal_of, verify
from search_engine.indexes.spec import IndexSpec
from search_engine.maintenance.check import check_data
from search_engine.storage.durable import sha256_file
from tests.contract.exact_index import ExactIndex
from tests.sealing import execute
from tests.small_catalog import (
    DIMENSION,
    bound_collection,
    live,
    open_catalog,
    put,
    remove,
    unit_vectors,
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as opened:
        yield opened


@pytest.fixture
def collection(catalog: Catalog) -> Collection:
    return bound_collection(catalog)


def published(catalog: Catalog, collection: Collection, *names: str) -> str:
    put(catalog, collection, names)
    name = live(catalog, collection).compact(force=True)
    assert name is not None
    return name


def answers(catalog: Catalog, collection: Collection) -> list[tuple[int, float]]:
    snapshot = live(catalog, collection).snapshot()
    assert snapshot is not None
    keys, scores = snapshot.search(unit_vectors(1, seed=3), 10).row(0)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))


def test_going_back_loses_no_item(catalog: Catalog, collection: Collection) -> None:
    first = published(catalog, collection, "a", "b", "c")
    second = published(catalog, collection, "d", "e")
    before = answers(catalog, collection)
    opened = live(catalog, collection)
    assert opened.roll_back() == first
    assert generation.current(opened.folder) == first != second
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert (snapshot.generation, snapshot.pending) == (first, 2)
    assert answers(catalog, collection) == before


def test_there_is_nothing_before_the_first(catalog: Catalog, collection: Collection) -> None:
    published(catalog, collection, "a")
    with pytest.raises(NotFoundError):
        live(catalog, collection).roll_back()


def damage(folder: Path, file: str) -> None:
    """Turn a bit of a file in its middle."""
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)


@pytest.mark.parametrize("file", ["vectors.f16", "index.faiss", "keys.i64", "manifest.json"])
def test_going_back_passes_over_a_damaged_generation(
    catalog: Catalog, collection: Collection, file: str
) -> None:
    first = published(catalog, collection, "a", "b")
    second = published(catalog, collection, "c")
    folder = live(catalog, collection).folder
    damage(folder / second, file)
    third = published(catalog, collection, "d")
    assert generation.generations(folder) == [third, second, first], "second does not count"
    before = answers(catalog, collection)
    assert live(catalog, collection).roll_back() == first
    assert answers(catalog, collection) == before
    fourth = published(catalog, collection, "e")
    published(catalog, collection, "f")
    assert generation.generations(folder)[1:] == [fourth]


def test_damage_that_was_sealed_over_is_passed_over_too(
    catalog: Catalog, collection: Collection
) -> None:
    first = published(catalog, collection, "a", "b")
    second = published(catalog, collection, "c")
    third = published(catalog, collection, "d")
    folder = live(catalog, collection).folder
    assert generation.generations(folder) == [third, second], first
    reseal(folder / second, count=9)
    with pytest.raises(NotFoundError, match=f"{second} is damaged: the index and its manifest"):
        live(catalog, collection).roll_back()
    assert generation.current(folder) == third


def test_without_a_sound_one_the_damaged_are_named_and_nothing_changes(
    catalog: Catalog, collection: Collection
) -> None:
    first = published(catalog, collection, "a", "b")
    second = published(catalog, collection, "c")
    folder = live(catalog, collection).folder
    (folder / first / "vectors.f16").write_bytes(b"")
    with pytest.raises(NotFoundError, match=f"{first} is damaged: vectors.f16") as caught:
        live(catalog, collection).roll_back()
    assert "eyedex collections compact" in str(caught.value.fix)
    assert generation.current(folder) == second


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_going_back_needs_no_sound_current(
    catalog: Catalog, collection: Collection, content: bytes | None
) -> None:
    published(catalog, collection, "a", "b")
    second = published(catalog, collection, "c")
    current = live(catalog, collection).folder / "CURRENT"
    current.unlink()
    if content is not None:
        current.write_bytes(content)
    assert live(catalog, collection).roll_back() == second


def test_generations_are_described(catalog: Catalog, collection: Collection) -> None:
    published(catalog, collection, "a", "b")
    published(catalog, collection, "c")
    folder = live(catalog, collection).folder
    (folder / "gen-000001" / "keys.i64").write_bytes(b"")
    described = generation.describe_generations(folder)
    assert [(one["name"], one["current"], one["sound"], one["items"]) for one in described] == [
        ("gen-000002", True, True, 3),
        ("gen-000001", False, False, None),
    ]


def test_an_index_with_other_keys_than_the_catalog_is_rebuilt(
    catalog: Catalog, collection: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    """A generation that is sound in itself but covers less than it says."""
    keys = put(catalog, collection, ["a", "b", "c"])
    changes = catalog.changes_since(collection, -1)
    opened = live(catalog, collection)
    short = FaissIndex.build(IndexSpec(), changes.keys[:2], changes.vectors[:2])
    manifest = Manifest(
        collection.uid, collection.fingerprint or "", changes.seq, 2, short.dimension, short.spec
    )
    generation.publish(opened.folder, manifest, short)
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert snapshot.keys().tolist() == sorted(keys.values())
    assert "holds other keys than the catalog" in caplog.text


def test_an_older_catalog_beside_newer_indexes_is_not_mixed_with_them(
    catalog: Catalog, collection: Collection
) -> None:
    """The keys are the same, the vectors are not: only the sequence number can tell."""
    keys = put(catalog, collection, ["a", "b"])
    opened = live(catalog, collection)
    changes = catalog.changes_since(collection, -1)
    other = FaissIndex.build(IndexSpec(), changes.keys, changes.vectors[::-1])
    later = Manifest(
        collection.uid,
        collection.fingerprint or "",
        changes.seq + 5,
        2,
        other.dimension,
        other.spec,
    )
    generation.publish(opened.folder, later, other)
    snapshot = opened.snapshot()
    assert snapshot is not None
    hits = snapshot.search(changes.vectors[:1].astype(np.float32), 1)
    assert hits.keys[0, 0] == keys["a"]
    assert opened.compact(force=True) == "gen-000001"
    assert generation.generations(opened.folder) == ["gen-000001"]


def test_a_generation_that_another_process_published_is_taken_over(
    catalog: Catalog, collection: Collection
) -> None:
    """Else a server would go on comparing with everything that was indexed since it started."""
    put(catalog, collection, ["a"])
    server, indexer = live(catalog, collection), live(catalog, collection)
    indexer.compact(force=True)
    opened = server.snapshot()
    assert opened is not None
    assert opened.generation == "gen-000001"
    put(catalog, collection, [f"item {number}" for number in range(50)])
    waiting = server.snapshot()
    assert waiting is not None
    assert (waiting.generation, waiting.pending) == ("gen-000001", 50)
    indexer.compact()
    adopted = server.snapshot()
    assert adopted is not None
    assert (adopted.generation, adopted.pending) == ("gen-000002", 0)
    assert adopted.keys().tolist() == waiting.keys().tolist()


def test_number_and_checksum_of_keys_agree_with_the_catalog_after_changes(
    catalog: Catalog, collection: Collection
) -> None:
    keys = put(catalog, collection, ["a", "b", "c"])
    opened = live(catalog, collection)
    opened.compact(force=True)
    remove(catalog, keys["b"])
    put(catalog, collection, ["d", "a"])
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert snapshot.key_state() == catalog.key_state(collection)
    assert snapshot.key_state()[0] == 3


def test_current_is_mended_and_leftovers_go_with_the_next_compaction(
    catalog: Catalog, collection: Collection
) -> None:
    name = published(catalog, collection, "a", "b")
    opened = live(catalog, collection)
    (opened.folder / "CURRENT").unlink()
    (opened.folder / ".gen-000009.new").mkdir()
    assert opened.compact() is None
    assert generation.current(opened.folder) == name
    assert os.listdir(opened.folder / name)
    assert generation.leftovers(opened.folder) == []
    manifest = json.loads((opened.folder / name / "manifest.json").read_text())
    assert manifest["count"] == 2
    assert np.memmap(opened.folder / name / "keys.i64", dtype="<i8", mode="r").tolist() == [1, 2]


def reseal(folder: Path, **changes: object) -> None:
    """A manifest that fits the files as they are now."""
    path = folder / "manifest.json"
    described = {**json.loads(path.read_bytes()), **changes}
    described.pop("seal")
    for name, facts in described["files"].items():
        facts |= {"bytes": (folder / name).stat().st_size, "sha256": sha256_file(folder / name)}
    described["seal"] = seal_of(described)
    path.write_text(json.dumps(described))


def oracle_answers(catalog: Catalog, collection: Collection) -> list[tuple[int, float]]:
    changes = catalog.changes_since(collection, -1)
    oracle = ExactIndex(DIMENSION)
    oracle.upsert(changes.keys, changes.vectors)
    keys, scores = oracle.search(unit_vectors(1, seed=3), 10).row(0)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))


def test_as_many_but_other_keys_are_noticed_by_their_checksum(
    catalog: Catalog, collection: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    """The keys of the generation before, put into the current one with all checksums right."""
    keys = put(catalog, collection, ["a", "b", "c"])
    first = live(catalog, collection).compact(force=True)
    remove(catalog, keys["a"])
    second = published(catalog, collection, "d")
    opened = live(catalog, collection)
    assert first is not None
    shutil.copy(opened.folder / first / "keys.i64", opened.folder / second / "keys.i64")
    reseal(opened.folder / second)
    assert verify(opened.folder / second).count == 3
    assert answers(catalog, collection) == oracle_answers(catalog, collection)
    assert f"index {second} holds other keys than the catalog" in caplog.text
    assert live(catalog, collection).compact() is not None
    repaired = live(catalog, collection).snapshot()
    assert repaired is not None
    assert (repaired.generation, repaired.pending) == ("gen-000003", 0)
    assert answers(catalog, collection) == oracle_answers(catalog, collection)


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (["embeddings"], "has no embedding"),
        (["embeddings", "items"], "index and catalog differ in keys"),
    ],
)
def test_what_was_deleted_behind_the_catalogs_back_is_told_by_check(
    tmp_path: Path, catalog: Catalog, collection: Collection, tables: list[str], told: str
) -> None:
    published(catalog, collection, "a", "b", "c")
    key = catalog.get(collection, "b").key
    execute(tmp_path, *(f"DELETE FROM {table} WHERE key = :key" for table in tables), key=key)
    report = check_data(Settings(data=tmp_path))
    assert told in [finding.what for finding in report.findings if finding.level == "error"]
    live(catalog, collection).rebuild(None)
    assert answers(catalog, collection) == oracle_answers(catalog, collection)
    assert key not in {found for found, _ in answers(catalog, collection)}


@pytest.mark.sqlite_only("the file itself")
def test_an_older_catalog_file_put_back_is_answered_from_and_indexed_anew(
    tmp_path: Path, catalog: Catalog, collection: Collection
) -> None:
    published(catalog, collection, "a", "b")
    catalog.close()
    older = (tmp_path / "catalog.sqlite").read_bytes()
    with open_catalog(tmp_path) as newer:
        published(newer, collection, "c", "d", "e")
    for path in tmp_path.glob("catalog.sqlite*"):
        path.unlink()
    (tmp_path / "catalog.sqlite").write_bytes(older)
    with open_catalog(tmp_path) as again:
        assert answers(again, collection) == oracle_answers(again, collection)
        assert len(answers(again, collection)) == 2
        opened = live(again, collection)
        opened.compact(force=True)
        put(again, collection, ["f"])
        opened.compact(force=True)
        assert answers(again, collection) == oracle_answers(again, collection)
        assert all(
            one["seq"] <= again.seq() for one in generation.describe_generations(opened.folder)
        )


def test_generations_of_the_former_format_are_built_anew(
    catalog: Catalog, collection: Collection
) -> None:
    """As an update of Eyedex meets them: answers stay right, and compaction writes them again."""
    name = published(catalog, collection, "a", "b", "c")
    before = answers(catalog, collection)
    opened = live(catalog, collection)
    reseal(opened.folder / name, format=1)
    assert answers(catalog, collection) == before
    assert opened.compact(force=True) == "gen-000002"
    assert verify(opened.folder / "gen-000002").count == 3
    assert answers(catalog, collection) == before


def test_a_kind_that_is_refused_leaves_everything_as_it_was(
    catalog: Catalog, collection: Collection
) -> None:
    """However often, and whatever other processes name meanwhile."""
    name = published(catalog, collection, "a", "b", "c")
    opened = live(catalog, collection)
    for refused in ("nonsense", "IVF16,Flat", "IVF16,Flat"):
        with pytest.raises(ParameterError):
            opened.rebuild(refused)
        assert catalog.collection("default").index_factory is None
    live(catalog, collection).rebuild("SQ8")
    with pytest.raises(ParameterError):
        opened.rebuild("HNSW1")
    assert catalog.collection("default").index_factory == "SQ8"
    assert generation.generations(opened.folder) == ["gen-000002", name]


@pytest.mark.parametrize("kind", ["SQ8", "HNSW8"])
@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_named_kind_is_kept_while_items_go(
    catalog: Catalog, collection: Collection, kind: str, left: int
) -> None:
    """Down to none, of which some kinds cannot be made: another takes its place for now."""
    names = ["a", "b", "c", "d"]
    keys = put(catalog, collection, names)
    opened = live(catalog, collection)
    opened.rebuild(kind)
    remove(catalog, *(keys[name] for name in names[left:]))
    assert opened.compact(force=True) == "gen-000002"
    assert len(answers(catalog, collection)) == left
    put(catalog, collection, names)
    opened.compact()
    snapshot = live(catalog, collection).snapshot()
    assert snapshot is not None
    assert snapshot.base is not None
    assert snapshot.base.spec.factory == kind
    assert answers(catalog, collection) == oracle_answers(catalog, collection)


def test_check_names_a_generation_that_holds_other_keys(
    catalog: Catalog, collection: Collection, tmp_path: Path
) -> None:
    put(catalog, collection, ["a", "b", "c"])
    changes = catalog.changes_since(collection, -1)
    short = FaissIndex.build(IndexSpec(), changes.keys[:2], changes.vectors[:2])
    manifest = Manifest(
        collection.uid, collection.fingerprint or "", changes.seq, 2, short.dimension, short.spec
    )
    name = generation.publish(live(catalog, collection).folder, manifest, short)
    found = [one.what for one in check_data(Settings(data=tmp_path)).findings]
    assert any(what.startswith(f"{name} holds other keys") for what in found)
    live(catalog, collection).compact()
    assert check_data(Settings(data=tmp_path)).sound


def test_an_item_with_a_damaged_embedding_does_not_put_the_index_in_doubt(
    catalog: Catalog, collection: Collection
) -> None:
    keys = put(catalog, collection, ["a", "b", "c"])
    with catalog.write() as writer:
        damaged = update(embeddings).where(embeddings.c.key == keys["b"]).values(crc32=1)
        writer._connection.execute(damaged)
    name = live(catalog, collection).compact(force=True)
    opened = live(catalog, collection)
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert (snapshot.generation, snapshot.pending, opened.drifted) == (name, 0, None)
    assert snapshot.keys().tolist() == sorted({keys["a"], keys["c"]})
