"""Values that changed without a trace: found by `check`, never served as if sound."""

import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.opened_source import opened_source
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine import SearchEngine
from search_engine.catalog.access_rows import access_keys_in, note_use, revoke_access_key
from search_engine.config import Settings
from search_engine.errors import CorruptDataError, DamagedRecordError
from search_engine.maintenance.check import check_data
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from tests.api.asking import DEFAULT, CheckedClient, ask, assert_problem
from tests.api.test_access import make_key
from tests.conftest import copy_data, index_folder
from tests.images.pictures import jpeg, photo
from tests.sealing import execute

COLORS = ["red", "green", "blue"]

SILENT: dict[str, str] = {
    "label": "UPDATE items SET label = 'muh' WHERE item_id = 'red'",
    "product": "UPDATE items SET product_id = 'other' WHERE item_id = 'red'",
    "attributes": "UPDATE items SET attributes = '{\"price\": 1}' WHERE item_id = 'red'",
    "picture": "UPDATE items SET picture = '/etc/hostname' WHERE item_id = 'red'",
    "palette": "UPDATE items SET palette = :zeros WHERE item_id = 'red'",
    "without a checksum": "UPDATE items SET crc32 = NULL WHERE item_id = 'red'",
    "another collection": "UPDATE items SET collection_id = 2 WHERE item_id = 'red'",
}


def drawn(color: str) -> bytes:
    """A photo whose bands are in another order for each."""
    first = COLORS.index(color)
    bands = photo().split()
    return jpeg(Image.merge("RGB", [bands[(first + each) % 3] for each in range(3)]))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three items whose pictures the catalog keeps, and an empty collection beside."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "red.jpg").write_bytes(drawn("red"))
    index_folder(folder / "pictures", folder / "data", encoder="hsv")
    with SearchEngine(folder / "data") as engine:
        engine.create_collection("other")
        engine.remove(*(item.item_id for item in engine.items()))
        for color in COLORS:
            engine.upsert(color, drawn(color), label="mug", attributes={"price": 9})
    return folder / "data"


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    return copy_data(made, tmp_path / "data")


RED, BLUE = (f"key = (SELECT {end}(key) FROM pictures)" for end in ("min", "max"))


def damage(data: Path, statement: str) -> None:
    statement = statement.replace("{red}", RED).replace("{blue}", BLUE)
    values = {"zeros": bytes(24)} if ":zeros" in statement else {}
    assert len(execute(data, f"{statement} RETURNING 1", **values)) == 1
    execute(data, "UPDATE sequence SET value = value + 1")


def errors_of(data: Path) -> dict[str, str]:
    found = check_data(Settings(data=data)).findings
    return {one.where: one.what for one in found if one.level == "error"}


@pytest.mark.parametrize("kind", [kind for kind in SILENT if kind != "another collection"])
def test_a_changed_value_of_an_item_is_found_and_not_served(data: Path, kind: str) -> None:
    damage(data, SILENT[kind])
    assert "does not match its checksum" in errors_of(data)["item 'red' of collection default"]
    with pytest.raises(CorruptDataError):
        make_snapshot(Settings(data=data), data.parent / "s.tar")
    with CheckedClient(data) as client:
        for address in (f"{DEFAULT}/items/red", f"{DEFAULT}/images/red"):
            found = assert_problem(client.get(address), 503, "storage_corrupt")
            assert "'red'" in found["detail"]
        answer = ask(client, drawn("red"), k="3").json()
        (warning,) = [one for one in answer["warnings"] if one.startswith("damaged_item: ")]
        assert "'red'" in warning
        assert {one["item_id"]: one["label"] for one in answer["neighbors"]} == {
            "red": None,
            "green": "mug",
            "blue": "mug",
        }
        assert client.get(f"{DEFAULT}/items/green").json()["label"] == "mug"
        patch = client.patch(
            f"{DEFAULT}/items/red",
            content=b'{"label": "cup"}',
            headers={"content-type": "application/merge-patch+json"},
        )
        assert_problem(patch, 503, "storage_corrupt")
    with SearchEngine(data) as engine:
        engine.upsert("red", drawn("red"), label="mug")
    assert errors_of(data) == {}


def test_an_item_in_a_collection_that_it_does_not_belong_to_is_damaged(data: Path) -> None:
    damage(data, SILENT["another collection"])
    assert "does not match its checksum" in errors_of(data)["item 'red' of collection other"]


def test_a_removed_item_does_not_come_back_by_one_bit(data: Path) -> None:
    with SearchEngine(data) as engine:
        engine.remove("red")
    damage(data, "UPDATE items SET removed = false WHERE item_id = 'red'")
    assert "does not match its checksum" in errors_of(data)["item 'red' of collection default"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pictures SET jpeg = (SELECT jpeg FROM pictures WHERE {blue}) WHERE {red}",
        "UPDATE pictures SET jpeg = :zeros WHERE {red}",
        "UPDATE pictures SET crc32 = crc32 + 1 WHERE {red}",
        "UPDATE pictures SET jpeg = 'text' WHERE {red}",
    ],
)
def test_a_changed_picture_is_found_and_not_served(data: Path, statement: str) -> None:
    damage(data, statement)
    assert [*errors_of(data)] == ["item 'red' of collection default"]
    with pytest.raises(CorruptDataError):
        make_snapshot(Settings(data=data), data.parent / "s.tar")
    with CheckedClient(data) as client:
        lost = client.get(f"{DEFAULT}/images/red")
        assert "'red'" in assert_problem(lost, 503, "storage_corrupt")["detail"]
        assert client.get(f"{DEFAULT}/images/green").status_code == 200
        assert client.get(f"{DEFAULT}/items/red").json()["label"] == "mug"
        assert len(ask(client, drawn("red"), k="3").json()["neighbors"]) == 3


def test_a_changed_hash_of_a_picture_recognises_no_copy(data: Path) -> None:
    damage(data, "UPDATE picture_hashes SET hash = :zeros WHERE {red}")
    assert [*errors_of(data)] == ["item 'red' of collection default"]


@pytest.mark.parametrize("column", ["name", "fingerprint", "encoder", "uid"])
def test_a_changed_collection_is_not_searched(data: Path, column: str) -> None:
    damage(data, f"UPDATE collections SET {column} = 'x' WHERE name = 'default'")
    name = "x" if column == "name" else "default"
    assert "does not match its checksum" in errors_of(data)[f"collection {name}"]
    with SearchEngine(data) as engine:
        with pytest.raises(DamagedRecordError, match=f"collection {name}"):
            engine.similar("red", collection=name)
        assert len(engine.catalog.collections()) == 2


@pytest.mark.sqlite_only("the file itself")
def test_a_catalog_that_was_emptied_is_not_taken_for_a_new_one(data: Path) -> None:
    (data / "catalog.sqlite").write_bytes(b"")
    with pytest.raises(CorruptDataError, match="the catalog is empty"):
        check_data(Settings(data=data))
    with pytest.raises(CorruptDataError, match="snapshot"):
        SearchEngine(data)
    assert (data / "catalog.sqlite").stat().st_size == 0


def test_all_that_writes_an_item_leaves_a_checksum(data: Path) -> None:
    changes: list[Any] = [
        lambda engine: engine.describe("red", {"label": "cup"}),
        lambda engine: engine.describe("red", {"attributes": {"a": [1, "é", None]}}),
        lambda engine: engine.upsert("red", drawn("green")),
        lambda engine: engine.upsert("new", drawn("blue"), product_id="p"),
        lambda engine: engine.remove("green"),
        lambda engine: engine.upsert("green", drawn("green")),
    ]
    for change in changes:
        with SearchEngine(data) as engine:
            change(engine)
        assert errors_of(data) == {}
    made = make_snapshot(Settings(data=data), data.parent / "s.tar")
    restored = data.parent / "restored"
    restore_snapshot(Settings(data=restored), made.file)
    assert errors_of(restored) == {}
    with SearchEngine(restored) as engine:
        assert engine.search(drawn("blue"), k=1).neighbors[0].item.item_id in ("new", "blue")


@pytest.fixture
def keyed(data: Path) -> Path:
    """With a key, a source and a field beside the items."""
    folder = data.parent / "source"
    folder.mkdir()
    (folder / "a.png").write_bytes(drawn(COLORS[0]))
    (folder / "a.csv").write_text("id,image,price\na,a.png,5\n")
    index_source(open_source(folder / "a.csv"), IndexRequest(encoder="hsv"), Settings(data=data))
    make_key(data, "read")
    assert not errors_of(data)
    return data


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE access_keys SET scope = 'admin'", "access key"),
        ("UPDATE access_keys SET collections = '[\"other\"]'", "access key"),
        ("UPDATE access_keys SET expires = 1e12", "access key"),
        ("UPDATE sources SET options = '{}' WHERE name LIKE '%a.csv'", "source"),
        ("UPDATE sources SET seq = seq + 1 WHERE name LIKE '%a.csv'", "source"),
        ("UPDATE fields SET type = 'text' WHERE name = 'price'", "field"),
        ("UPDATE fields SET name = 'prize' WHERE name = 'price'", "field"),
    ],
)
def test_a_changed_key_source_or_field_is_found(keyed: Path, statement: str, kind: str) -> None:
    damage(keyed, statement)
    assert [where.partition(" '")[0] for where in errors_of(keyed)] == [kind]


def test_a_source_and_a_field_that_are_damaged_are_mended_by_indexing(keyed: Path) -> None:
    table = keyed.parent / "source" / "a.csv"
    damage(keyed, "UPDATE sources SET options = '{}' WHERE name LIKE '%a.csv'")
    damage(keyed, "UPDATE fields SET type = 'text' WHERE name = 'price'")
    damaged = (f"source {str(table)!r}", "field 'price'")
    of_default = [f"{each} of collection default" for each in damaged]
    assert [*errors_of(keyed)] == of_default
    settings = Settings(data=keyed)
    with opened_source(table, IndexRequest(), settings) as opened:
        index_source(opened.source, opened.request, settings)
    assert not errors_of(keyed)
    with SearchEngine(keyed) as engine:
        assert 5 in [each.value for each in engine.facets(["price"])["price"]]


def test_a_changed_key_opens_nothing_until_it_is_revoked(keyed: Path) -> None:
    damage(keyed, "UPDATE access_keys SET scope = 'admin'")
    with SearchEngine(keyed) as engine:
        with engine.catalog.read() as connection:
            (key,) = access_keys_in(connection)
        assert (key.grant, key.is_valid(time.time())) == (None, False)
        with engine.catalog.write() as writer:
            assert revoke_access_key(writer, key.id, time.time())
    assert not errors_of(keyed)


def test_use_of_a_key_and_a_further_run_leave_checksums(keyed: Path) -> None:
    with SearchEngine(keyed) as engine, engine.catalog.write() as writer:
        (key,) = access_keys_in(writer.connection)
        note_use(writer, {key.id: time.time()})
    table = keyed.parent / "source" / "a.csv"
    table.write_text("id,image,price,size\na,a.png,6,L\n")
    index_source(open_source(table), IndexRequest(), Settings(data=keyed))
    assert not errors_of(keyed)
