"""An index that is not the catalog's, or damaged: noticed, built again, and told by `check`."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.damaged import COLLECTION_MENDED
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import embeddings
from search_engine.config import Settings
from search_engine.indexes import generations as generation
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.manifest import Manifest, verify
from search_engine.indexes.spec import IndexSpec
from search_engine.maintenance.check import check_data
from tests.published_index import answers, oracle_answers, published, reseal
from tests.sealing import execute
from tests.small_catalog import (
    live,
    open_catalog,
    put,
    remove,
)


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
        (["embeddings"], "has no embedding; index the item again"),
        (["embeddings", "items"], f"index and catalog differ in keys; {COLLECTION_MENDED}"),
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
