"""Rows of the catalog that cannot be read: named, passed over, mended; all else is served."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from api.cli.exits import Exit
from api.schemas.items import item_answer
from indexer.change.sequence import forget_former
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine import SearchEngine
from search_engine.catalog.field_indexes import PREFIX
from search_engine.collections.listing import ItemQuestion
from search_engine.config import Settings
from search_engine.errors import CollectionNotFoundError, CorruptDataError, DamagedRecordError
from search_engine.maintenance.check import check_data
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.records import CatalogItem
from tests.api.asking import DEFAULT, CheckedClient, ask, assert_problem
from tests.conftest import copy_data
from tests.faults.test_interruption import eyedex
from tests.images.pictures import jpeg

pytestmark = pytest.mark.sqlite_only("PostgreSQL keeps no value that cannot be read")

UNREADABLE: dict[str, Any] = {
    "no JSON": "{bad",
    "a number": 5,
    "a list": "[1]",
    "a text": '"x"',
    "null": "null",
    "NaN": '{"price": NaN}',
    "empty": "",
    "bytes": b"\xff\xfe\x00",
    "no UTF-8": "CAST(x'7b22636f6c6f72223a22ff227d' AS TEXT)",
    "deep": "[" * 100_000,
}
CHEAP = '{"field": "price", "lt": 20}'


def run_sql(data: Path, *statements: tuple[str, list[Any]]) -> None:
    """Change the catalog as another program would."""
    with sqlite3.connect(data / "catalog.sqlite") as catalog:
        for statement, values in statements:
            catalog.execute(statement, values)
        catalog.execute("UPDATE sequence SET value = value + 1")


def damage(data: Path, value: Any) -> str:
    """Give the first item other attributes, without the indexes that would refuse them; its id."""
    with sqlite3.connect(data / "catalog.sqlite") as catalog:
        names = catalog.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
        for (name,) in names:
            if name.startswith(PREFIX):
                catalog.execute(f"DROP INDEX {name}")
        (item_id,) = catalog.execute("SELECT min(item_id) FROM items").fetchone()
    cast = isinstance(value, str) and value.startswith("CAST")
    new, values = (value, []) if cast else ("?", [value])
    where = "WHERE item_id = ?"
    run_sql(data, (f"UPDATE items SET attributes = {new} {where}", [*values, item_id]))
    return str(item_id)


def scratch(data: Path) -> str:
    """Change one byte of the first item's attributes on the disk, the indexes stay; its id."""
    file = data / "catalog.sqlite"
    with sqlite3.connect(file) as catalog:
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT item_id, attributes FROM items ORDER BY item_id LIMIT 1"
        item_id, text = catalog.execute(query).fetchone()
    stored = file.read_bytes()
    assert stored.count(text.encode()) == 1
    file.write_bytes(stored.replace(text.encode(), b"x" + text.encode()[1:]))
    return str(item_id)


@pytest.fixture
def data(hsv_data: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    copy_data(hsv_data, copy)
    return copy


@pytest.fixture(params=["dropped", "kept"])
def damaged(data: Path, request: pytest.FixtureRequest) -> tuple[Path, str]:
    """A data directory and the item that is damaged, with and without indexes of attributes."""
    return data, damage(data, "{bad") if request.param == "dropped" else scratch(data)


def index_again(data: Path, sample: Path, collection: str = "default") -> None:
    request = IndexRequest(collection=collection, encoder="hsv")
    index_source(open_source(sample / "catalog.csv"), request, Settings(data=data, workers=1))


def item_of(engine: SearchEngine, item_id: str) -> CatalogItem:
    return engine.catalog.get(engine.catalog.collection("default"), item_id)


def errors_of(data: Path) -> list[tuple[str, str]]:
    report = check_data(Settings(data=data, workers=1))
    assert report.sound == (not [one for one in report.findings if one.level == "error"])
    return [(one.where, one.what) for one in report.findings if one.level == "error"]


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_found_served_and_mended(
    data: Path, sample: Path, kind: str
) -> None:
    with SearchEngine(data) as engine:
        wanted = engine.facets(["label", "color"])
    item_id = damage(data, UNREADABLE[kind])
    ((where, what),) = errors_of(data)
    assert where == f"item {item_id!r} of collection default"
    assert "attributes cannot be read" in what
    assert "index the item again" in what
    with SearchEngine(data) as engine:
        assert dict(item_of(engine, item_id).attributes) == {}
        result = engine.similar(item_id, k=200)
        assert len(result.neighbors) == 114
        facets = engine.facets(["label", "color"])
        assert facets["label"] == wanted["label"]
        lost = [sum(one.count for one in each["color"]) for each in (wanted, facets)]
        assert lost[0] - lost[1] == 1
    index_source(
        open_source(sample / "catalog.csv"), IndexRequest(), Settings(data=data, workers=1)
    )
    assert errors_of(data) == []
    with SearchEngine(data) as engine:
        assert engine.facets(["label", "color"]) == wanted


def test_answers_name_the_damaged_item_and_are_else_the_same(
    damaged: tuple[Path, str], hsv_data: Path, sample: Path
) -> None:
    data, item_id = damaged
    photo = next((sample / "shopper").rglob("*.jpg"))
    with SearchEngine(hsv_data) as sound, SearchEngine(data) as engine:
        for options in ({}, {"filter": CHEAP}, {"filter": {"not": json.loads(CHEAP)}}):
            wanted = sound.search(photo, k=200, **options)
            found = engine.search(photo, k=200, **options)
            ids = {one.item.item_id for one in wanted.neighbors} - {item_id}
            assert {one.item.item_id for one in found.neighbors} - {item_id} == ids
        everything = engine.search(photo, k=200)
        (warning,) = [one for one in everything.warnings if one.startswith("damaged_item: ")]
        assert repr(item_id) in warning
        grouped = engine.search(photo, k=5, group_by="color")
        assert len(grouped.neighbors) == 5


def test_a_filter_that_has_to_look_at_rows_tells_what_it_passed_over(data: Path) -> None:
    item_id = damage(data, "{bad")
    with SearchEngine(data) as engine:
        found = engine.similar(item_id, k=200, filter={"field": "price", "gte": 0})
    assert len(found.neighbors) == 114
    (warning,) = found.warnings
    assert warning.startswith("damaged_items: ")
    assert repr(item_id) in warning


@pytest.mark.parametrize("sort", ["added", "price", "-color", "label"])
@pytest.mark.parametrize("text", [None, "e"])
def test_damaged_items_are_listed_as_others_are(
    damaged: tuple[Path, str], sort: str, text: str | None
) -> None:
    data, item_id = damaged
    with SearchEngine(data) as engine:
        found = [each.item_id for each in engine.items(sort=sort, q=text)]
        page = engine.item_page(ItemQuestion(q=text, sort=sort), 500)
    answered = [item_answer("default", each)["item_id"] for each in page.items]
    assert answered == found
    assert text or item_id in found
    assert len(found) == len(set(found)) == page.total


def test_every_verb_survives_and_names_what_is_damaged(
    damaged: tuple[Path, str], tmp_path: Path, sample: Path
) -> None:
    data, item_id = damaged
    photo = next((sample / "shopper").rglob("*.jpg"))
    ends = {
        ("check",): Exit.STORAGE,
        ("search", str(photo)): Exit.OK,
        ("search", str(photo), "--filter", CHEAP): Exit.OK,
        ("classify", str(photo)): Exit.OK,
        ("snapshot", str(tmp_path / "s.tar")): Exit.STORAGE,
        ("export", str(tmp_path / "e.npy")): Exit.STORAGE,
    }
    for words, code in ends.items():
        done = eyedex(*words, "--data", data)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, (words, done.stderr)
        if code is Exit.STORAGE:
            assert item_id in done.stdout + done.stderr or "eyedex check" in done.stderr, words


def test_damaged_items_can_be_changed_and_removed(damaged: tuple[Path, str]) -> None:
    data, item_id = damaged
    with SearchEngine(data) as engine:
        with pytest.raises(DamagedRecordError, match="index the item again"):
            engine.describe(item_id, {"attributes": {"color": "red"}})
        engine.upsert(item_id, jpeg(), attributes={"color": "red"})
        assert dict(item_of(engine, item_id).attributes) == {"color": "red"}
    assert errors_of(data) == []
    indexes = "SELECT count(*) FROM sqlite_master WHERE name GLOB 'field_*'"
    with sqlite3.connect(data / "catalog.sqlite") as catalog:
        assert catalog.execute(indexes).fetchone()[0] >= 5


def test_damaged_items_and_their_collection_can_be_removed(damaged: tuple[Path, str]) -> None:
    data, item_id = damaged
    with SearchEngine(data) as engine:
        engine.remove(item_id)
    assert errors_of(data) == []
    damage(data, "{bad")
    with SearchEngine(data) as engine:
        engine.delete_collection("default")
    assert errors_of(data) == []


def test_texts_that_are_no_text_are_named_served_and_mended(data: Path, sample: Path) -> None:
    with sqlite3.connect(data / "catalog.sqlite") as catalog:
        ids = [row[0] for row in catalog.execute("SELECT item_id FROM items ORDER BY 1 LIMIT 3")]
    change = "UPDATE items SET {} WHERE item_id = ?"
    run_sql(
        data,
        (change.format("label = CAST(x'41ff' AS TEXT)"), [ids[0]]),
        (change.format("label = x'41ff'"), [ids[1]]),
        (change.format("product_id = CAST(x'41ff' AS TEXT)"), [ids[2]]),
    )
    found = dict(errors_of(data))
    assert [*found] == [f"item {item_id!r} of collection default" for item_id in ids]
    assert all("does not match its checksum" in what for what in found.values())
    with CheckedClient(data) as client:
        assert client.get(f"{DEFAULT}/labels").status_code == 200
        assert client.get(f"{DEFAULT}/facets?fields=label,product_id").status_code == 200
        lost = client.get(f"{DEFAULT}/items/{ids[0]}")
        assert ids[0] in assert_problem(lost, 503, "storage_corrupt")["detail"]
        assert ask(client, jpeg(), k="200").status_code == 200
    index_source(
        open_source(sample / "catalog.csv"), IndexRequest(), Settings(data=data, workers=1)
    )
    assert errors_of(data) == []


@pytest.mark.parametrize("options", ["{bad", 7, "[]", '{"weights": 5}', '{"dimension": "x"}'])
def test_one_collection_with_unreadable_options_leaves_the_others(
    data: Path, sample: Path, options: Any
) -> None:
    with SearchEngine(data) as engine:
        engine.create_collection("other")
    index_again(data, sample, "other")
    change = "UPDATE collections SET encoder_options = ? WHERE name = 'other'"
    run_sql(data, (change, [options]))
    if not str(options).startswith('{"'):
        ((where, what),) = errors_of(data)
        assert where == "collection other"
        assert "snapshot" in what
        with pytest.raises(CorruptDataError, match="other"):
            make_snapshot(Settings(data=data), data.parent / "s.tar")
    with CheckedClient(data) as client:
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert [*ready.json()["damaged"]] == ["other"]
        assert ask(client, jpeg()).status_code == 200
        assert client.get("/v1/collections").status_code == 200
        lost = ask(client, jpeg(), "/v1/collections/other/search")
        detail = assert_problem(lost, 503, "storage_corrupt")["detail"]
        assert "collection other" in detail
        assert client.delete("/v1/collections/other?confirm=other").status_code == 204
        assert "damaged" not in client.get("/readyz").json()
    assert errors_of(data) == []


@pytest.mark.parametrize("former", ["{bad", 7, "[]", "{}", '{"encoder": 1}'])
def test_an_unreadable_former_encoder_is_told_and_can_be_forgotten(data: Path, former: Any) -> None:
    run_sql(data, ("UPDATE collections SET former = ?", [former]))
    ((where, what),) = errors_of(data)
    assert where == "collection default"
    assert "eyedex switch --forget" in what
    with SearchEngine(data) as engine:
        assert engine.search(jpeg()).neighbors
        forget_former(engine, "default")
    assert errors_of(data) == []


def test_unreadable_options_are_an_error_only_for_who_needs_them(data: Path) -> None:
    run_sql(data, ("UPDATE collections SET encoder_options = 'x'", []))
    with SearchEngine(data) as engine:
        assert len(engine.catalog.collections()) == 1
        with pytest.raises(DamagedRecordError, match="collection default"):
            engine.search(jpeg())


def test_the_embedding_of_another_item_is_damage(data: Path) -> None:
    """A damaged index of the database leads to the row of another item, whose bytes are right."""
    with sqlite3.connect(data / "catalog.sqlite") as catalog:
        rows = catalog.execute("SELECT key, vector, crc32 FROM embeddings ORDER BY key LIMIT 2")
        (key, *_), (_, vector, crc32) = rows.fetchall()
        (item_id,) = catalog.execute("SELECT item_id FROM items WHERE key = ?", [key]).fetchone()
    change = "UPDATE embeddings SET vector = ?, crc32 = ? WHERE key = ?"
    run_sql(data, (change, [vector, crc32, key]))
    what = "its embedding does not match its checksum; index the item again"
    assert (f"item {item_id!r} of collection default", what) in errors_of(data)
    with SearchEngine(data) as engine, pytest.raises(CorruptDataError):
        engine.catalog.vector(engine.catalog.collection("default"), key)


def test_a_schema_that_is_no_utf8_is_told_as_damage(data: Path) -> None:
    """SQLite quotes it in its message, which Python cannot read."""
    file = data / "catalog.sqlite"
    schema = b"CREATE TABLE items"
    content = file.read_bytes()
    assert schema in content
    file.write_bytes(content.replace(schema, b"CRE\xd6TE TABLE items"))
    with pytest.raises(CorruptDataError, match="the catalog is damaged"):
        check_data(Settings(data=data))
    with pytest.raises(CorruptDataError), SearchEngine(data, create=False) as engine:
        engine.catalog.collections()


@pytest.mark.parametrize("name", [None, b"\xff", "", "../up"])
def test_a_collection_that_lost_its_name_disturbs_no_other_question(data: Path, name: Any) -> None:
    file = data / "catalog.sqlite"
    with sqlite3.connect(file) as catalog:
        catalog.execute("PRAGMA writable_schema = 1")
        lax = "replace(sql, 'name VARCHAR(64) NOT NULL', 'name VARCHAR(64)')"
        catalog.execute(f"UPDATE sqlite_master SET sql = {lax} WHERE name = 'collections'")
    run_sql(data, ("UPDATE collections SET name = ?", [name]))
    with SearchEngine(data, create=False) as engine:
        assert engine.catalog.collections() == []
        with pytest.raises(CollectionNotFoundError, match="there is no collection 'default'"):
            engine.search(jpeg())
    assert errors_of(data) != []


@pytest.mark.parametrize("value", ["NULL", "'x'", "x'ff'", None], ids=str)
def test_a_damaged_number_of_the_last_change_is_told_by_every_verb(
    data: Path, tmp_path: Path, sample: Path, value: str | None
) -> None:
    with sqlite3.connect(data / "catalog.sqlite") as catalog:
        catalog.execute("DROP TABLE sequence")
        catalog.execute("CREATE TABLE sequence (id INTEGER PRIMARY KEY, value)")
        if value is not None:
            catalog.execute(f"INSERT INTO sequence VALUES (1, {value})")
    photo = next((sample / "shopper").rglob("*.jpg"))
    for words in (
        ("check",),
        ("search", str(photo)),
        ("index", str(sample / "catalog.csv")),
        ("snapshot", str(tmp_path / "s.tar")),
    ):
        done = eyedex(*words, "--data", data)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == Exit.STORAGE, (words, done.stderr)
        assert "the last change to the catalog is damaged" in done.stdout + done.stderr, words
