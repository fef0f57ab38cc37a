"""`check`: silent on sound data, and a finding for each kind of damage."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from search_engine.catalog.damaged import COLLECTION_MENDED
from search_engine.catalog.field_indexes import index_name
from search_engine.catalog.vectors import pack
from search_engine.commands import compact_command
from search_engine.config import Settings
from search_engine.errors import CorruptDataError, NotFoundError
from search_engine.indexes.manifest import verify
from search_engine.maintenance.check import CheckReport, check_data
from search_engine.records import Vectors
from tests.sealing import execute
from tests.small_catalog import (
    bound_collection,
    draft,
    live,
    open_catalog,
    put,
    remove,
    unit_vectors,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with two generations, changes after them, and a second collection."""
    with open_catalog(tmp_path) as catalog:
        collection = bound_collection(catalog)
        put(catalog, collection, [str(number) for number in range(40)])
        opened = live(catalog, collection)
        opened.compact()
        put(catalog, collection, ["a", "b", "c"])
        opened.compact(force=True)
        remove(catalog, catalog.get(collection, "a").key)
        put(catalog, bound_collection(catalog, "other"), ["x"])
    return tmp_path


def check(data: Path) -> CheckReport:
    return check_data(Settings(data=data))


def errors(data: Path) -> list[str]:
    report = check(data)
    found = [f"{one.where}: {one.what}" for one in report.findings if one.level == "error"]
    assert report.sound == (not found)
    assert all(one.code != "something" for one in report.findings), "each has its code"
    return found


def content(data: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(data)): path.read_bytes()
        for path in sorted(data.rglob("*"))
        if path.is_file() and path.name not in ("catalog.sqlite-shm", "catalog.sqlite-wal")
    }


def test_sound_data_has_no_error_and_is_described(data: Path) -> None:
    report = check(data)
    assert report.sound
    facts = {str(fact["name"]): fact for fact in report.collections}
    assert facts["default"]["items"] == 42
    assert facts["default"]["generation"] == "gen-000002"
    assert facts["default"]["pending"] == 1
    assert facts["other"]["items"] == 1
    assert facts["other"]["generation"] is None
    assert {"python", "sqlite", "faiss-cpu"} <= set(report.versions)


def test_checking_changes_no_file(data: Path) -> None:
    before = content(data)
    check(data)
    assert content(data) == before


def test_the_digest_follows_the_content_and_not_the_index(data: Path) -> None:
    digest = check(data).collections[0]["digest"]
    shutil.rmtree(data / "indexes")
    assert check(data).collections[0]["digest"] == digest
    with open_catalog(data) as catalog:
        put(catalog, catalog.collection("default"), [draft("1", label="changed")])
    assert check(data).collections[0]["digest"] != digest


def test_missing_generations_are_no_error(data: Path) -> None:
    shutil.rmtree(data / "indexes")
    assert errors(data) == []


KEY = "(SELECT key FROM items WHERE item_id = '7')"


SEVENTH = "item '7' of collection default"


def _packed(vector: Vectors) -> dict[str, object]:
    return dict(zip(("vector", "crc32"), pack(vector), strict=True))


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "not indexed"])
@pytest.mark.parametrize(
    ("statement", "values", "what"),
    [
        (
            f"UPDATE embeddings SET vector = :vector WHERE key = {KEY}",
            {"vector": pack(unit_vectors(1)[0])[0]},
            f"{SEVENTH}: its embedding does not match its checksum; index the item again",
        ),
        (
            f"UPDATE embeddings SET vector = :vector WHERE key = {KEY}",
            {"vector": b"\xff" * 16},
            f"{SEVENTH}: its embedding does not match its checksum; index the item again",
        ),
        (
            f"UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = {KEY}",
            {},
            f"{SEVENTH}: its embedding does not match its checksum; index the item again",
        ),
        (
            f"UPDATE embeddings SET vector = :vector, crc32 = :crc32 WHERE key = {KEY}",
            _packed(unit_vectors(1, dimension=7)[0]),
            f"{SEVENTH}: its embedding has the wrong length; index the item again",
        ),
        (
            f"UPDATE embeddings SET vector = :vector, crc32 = :crc32 WHERE key = {KEY}",
            _packed(unit_vectors(1)[0] * 0.9),
            f"{SEVENTH}: its embedding is not a unit vector; remove the item and index it again",
        ),
        (
            f"DELETE FROM embeddings WHERE key = {KEY}",
            {},
            f"{SEVENTH}: has no embedding; index the item again",
        ),
        (
            f"UPDATE embeddings SET fingerprint = 'other' WHERE key = {KEY}",
            {},
            f"{SEVENTH}: has no embedding; index the item again",
        ),
    ],
)
def test_a_damaged_embedding_is_found(
    data: Path, indexed: bool, statement: str, values: dict[str, object], what: str
) -> None:
    if not indexed:
        shutil.rmtree(data / "indexes")
    execute(data, statement, **values)
    assert what in errors(data)


@pytest.mark.sqlite_only("PostgreSQL lets no row refer to nothing")
def test_a_row_that_refers_to_nothing_is_found(data: Path) -> None:
    with closing(sqlite3.connect(data / "catalog.sqlite")) as connection, connection:
        connection.execute("INSERT INTO pictures (key, jpeg) VALUES (99999, x'00')")
    assert any("a row of pictures refers to nothing" in each for each in errors(data))


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "not indexed"])
@pytest.mark.parametrize(
    ("change", "what"),
    [("key_count = key_count + 1", "43 keys"), ("key_checksum = key_checksum - 1", "42 keys")],
)
def test_a_wrong_number_or_checksum_of_keys_is_found(
    data: Path, indexed: bool, change: str, what: str
) -> None:
    if not indexed:
        shutil.rmtree(data / "indexes")
    execute(data, f"UPDATE collections SET {change} WHERE name = 'default'")
    (error,) = errors(data)
    assert error.startswith(f"collection default: notes {what}")
    assert error.endswith(COLLECTION_MENDED)


@pytest.mark.sqlite_only("PostgreSQL lets no row refer to nothing")
def test_a_collection_that_lost_rows_can_be_deleted(data: Path) -> None:
    with closing(sqlite3.connect(data / "catalog.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO picture_hashes (key, collection_id, seq, hash) VALUES (99999, 1, 1, x'00')"
        )
    assert errors(data) != []
    with open_catalog(data) as catalog, catalog.write() as writer:
        writer.delete_collection(catalog.collection("default").id)
    assert errors(data) == []


def test_an_item_that_came_without_being_counted_is_found(data: Path) -> None:
    execute(data, "UPDATE items SET removed = true WHERE item_id = 'x'")
    assert any(each.startswith("collection other: notes 1 keys") for each in errors(data))


@pytest.mark.sqlite_only("the file itself")
def test_an_index_of_an_attribute_that_lacks_an_item_is_found(tmp_path: Path) -> None:
    """As after a change of its definition that left the entries as they were."""
    with open_catalog(tmp_path) as catalog:
        put(catalog, bound_collection(catalog), [draft("a", attributes={"x": 1, "y": 2})])
    assert errors(tmp_path) == []
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, '\"x\"', '\"y\"') WHERE name = ?",
            (index_name("x"),),
        )
    connection.close()
    assert any("SQLite: " in each for each in errors(tmp_path))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip(path: Path) -> None:
    payload = bytearray(path.read_bytes())
    payload[len(payload) // 2] ^= 1
    path.write_bytes(payload)


@pytest.mark.parametrize("generation", ["gen-000001", "gen-000002"])
@pytest.mark.parametrize("name", ["index.faiss", "vectors.f16", "keys.i64", "manifest.json"])
@pytest.mark.parametrize("damage", [_flip, Path.unlink], ids=["flipped", "missing"])
def test_a_damaged_generation_is_found(
    data: Path, generation: str, name: str, damage: Callable[[Path], None]
) -> None:
    path = data / "indexes" / "default" / generation / name
    damage(path)
    (error,) = errors(data)
    assert error.startswith(str(path))


@pytest.mark.parametrize(
    ("text", "what"),
    [("gen-000009\n", "names gen-000009, which is not there"), ("../x", "does not name")],
)
def test_a_wrong_current_is_found(data: Path, text: str, what: str) -> None:
    (data / "indexes" / "default" / "CURRENT").write_text(text)
    (error,) = errors(data)
    assert what in error


@pytest.mark.parametrize("generation", ["gen-000001", "gen-000002", "CURRENT", "both"])
@pytest.mark.parametrize("damage", [_flip, Path.unlink, _empty])
def test_what_is_advised_for_an_index_mends_it(
    data: Path, generation: str, damage: Callable[[Path], None]
) -> None:
    folder = data / "indexes" / "default"
    names = ["gen-000001", "gen-000002"] if generation == "both" else [generation]
    for name in names:
        path = folder / name if name == "CURRENT" else folder / name / "vectors.f16"
        damage(path)
    found = errors(data)
    advice = f"; {compact_command('default')} builds it again"
    assert all(one.endswith(advice) for one in found)
    assert found or (generation, damage) == ("CURRENT", Path.unlink)
    with open_catalog(data) as catalog:
        opened = live(catalog, catalog.collection("default"))
        opened.compact()
        opened.remove_damaged()
    assert errors(data) == []


def test_a_generation_that_a_server_deletes_meanwhile_is_no_damage(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data / "indexes" / "default"
    old, current = sorted(folder.glob("gen-*"))
    assert (folder / "CURRENT").read_text().strip() == current.name

    def verify_late(generation: Path) -> object:
        if generation == old and old.exists():
            next(old.glob("*.faiss")).unlink()  # a check comes by while the folder is emptied
            with pytest.raises(CorruptDataError):
                verify(generation)
            shutil.rmtree(old)
        return verify(generation)

    monkeypatch.setattr("search_engine.maintenance.generations.verify", verify_late)
    assert not errors(data)
    assert not old.exists()


def test_what_an_interrupted_run_left_is_a_note(data: Path) -> None:
    (data / "indexes" / "default" / ".gen-000003.new").mkdir()
    report = check(data)
    assert report.sound
    assert any("interrupted run" in one.what for one in report.findings if one.level == "note")


@pytest.mark.sqlite_only("the file itself")
def test_damaged_pages_of_the_database_are_found(data: Path) -> None:
    path = data / "catalog.sqlite"
    payload = bytearray(path.read_bytes())
    payload[-4_096:-3_000] = b"\xa5" * 1_096
    path.write_bytes(payload)
    with suppress(CorruptDataError):  # so damaged that it cannot even be read
        assert errors(data)


def test_no_catalog_is_no_sound_catalog(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no catalog in"):
        check(tmp_path)
    assert list(tmp_path.iterdir()) == []
