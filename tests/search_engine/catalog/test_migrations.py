"""Catalogs of older versions: what they become, and what an interruption leaves of them."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from search_engine.catalog import current_schema, database
from search_engine.catalog.checksum import key_checksum
from search_engine.catalog.dialects import sqlite
from search_engine.catalog.field_indexes import index_name
from search_engine.catalog.filters import compile_filter, parse_filter
from search_engine.catalog.store import Catalog
from search_engine.catalog.vectors import pack
from search_engine.config import Settings
from search_engine.maintenance.check import check_data
from search_engine.maintenance.restore import restore_snapshot
from search_engine.storage.archive import Description, describe_members, write_archive
from tests.small_catalog import (
    DIMENSION,
    FINGERPRINT,
    draft,
    open_catalog,
    put,
    unit_vectors,
)

pytestmark = pytest.mark.sqlite_only("PostgreSQL begins with this version's schema")

ROOT = Path(__file__).parents[3]
FILE = "catalog.sqlite"
COPY = f"catalog.sqlite.before-{database.SCHEMA_VERSION}"

ITEMS = [
    # key, collection, item_id, label, product_id, attributes, removed
    (1, 1, "a", "Home/Mug", "p", '{"price": 3, "gr\\u00f6\\u00dfe": "XL"}', 0),
    (2, 1, "b", "Home/Cup", None, '{"price": 4.5}', 0),
    (3, 1, "gone", "Home/Mug", "p", '{"price": 3}', 1),
    (4, 2, "a", None, None, '{"colour": ["red"]}', 0),
    (9, 1, "c", None, None, "{}", 0),
]
FIELDS = [(1, "price"), (1, "größe"), (2, "colour")]


def old_catalog(data: Path) -> None:
    """A catalog as version 0001 wrote it: the schema by its migration, the rows as it put them."""
    data.mkdir(exist_ok=True)
    engine = sqlite.writer_engine(data / FILE)
    with engine.begin() as connection:
        database.migrate(connection, "0001")
        for number, name in enumerate(("default", "other", "empty"), 1):
            connection.exec_driver_sql(
                "INSERT INTO collections VALUES (?, ?, ?, 'made-up', '{}', ?, ?)",
                (number, name, name * 2, FINGERPRINT, DIMENSION),
            )
        for item in ITEMS:
            connection.exec_driver_sql(
                "INSERT INTO items (key, collection_id, item_id, label, product_id, attributes,"
                " removed, content_hash, seq, index_seq) VALUES (?, ?, ?, ?, ?, ?, ?, 'h', 1, 1)",
                item,
            )
            if not item[-1]:
                vector = pack(unit_vectors(1, seed=item[0])[0])
                connection.exec_driver_sql(
                    "INSERT INTO embeddings VALUES (?, ?, ?, ?)", (item[0], FINGERPRINT, *vector)
                )
        for field in FIELDS:
            connection.exec_driver_sql("INSERT INTO fields VALUES (?, ?)", field)
        connection.exec_driver_sql("UPDATE sequence SET value = 1")
    engine.dispose()


def content(file: Path) -> dict[str, Any]:
    """Every row and every definition of a database."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    connection.text_factory = bytes
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    tables = sorted(name.decode() for (name,) in names)
    found = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
    found["definitions"] = connection.execute(
        "SELECT name, sql FROM sqlite_master ORDER BY name"
    ).fetchall()
    connection.close()
    return found


def keys_where(catalog: Catalog, name: str, source: Any) -> list[int]:
    query = compile_filter(parse_filter(source))
    return [int(key) for key in catalog.keys_where(catalog.collection(name), query)]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    old_catalog(data)
    return data


def test_a_new_catalog_has_what_all_migrations_make(tmp_path: Path) -> None:
    fix = "run `python -m search_engine.catalog.current_schema`"
    assert current_schema.FILE.read_text() == current_schema.migrated_schema(), fix
    open_catalog(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE)
    (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    assert version == database.SCHEMA_VERSION


def test_an_old_catalog_gets_its_keys_counted(old: Path) -> None:
    with open_catalog(old) as catalog:
        for name, keys in (("default", [1, 2, 9]), ("other", [4]), ("empty", [])):
            state = len(keys), key_checksum(np.array(keys, dtype=np.int64))
            assert catalog.key_state(catalog.collection(name)) == state
            assert catalog.collection(name).index_factory is None
    assert check_data(Settings(data=old)).sound


def test_an_old_catalog_gets_its_attributes_indexed(old: Path) -> None:
    with open_catalog(old) as catalog:
        with catalog.read() as connection:
            query = text("SELECT name FROM sqlite_master WHERE type = 'index'")
            names = set(connection.execute(query).scalars())
        assert {index_name(name) for name in ("price", "größe", "colour")} <= names
        assert {"items_live", "items_live_label", "items_live_product"} <= names
        assert "items_label" not in names
        assert keys_where(catalog, "default", {"field": "price", "gt": 3}) == [2]
        assert keys_where(catalog, "default", {"field": "größe", "eq": "XL"}) == [1]
        assert keys_where(catalog, "other", {"field": "colour", "eq": "red"}) == [4]


def test_an_old_catalog_goes_on_as_any_other(old: Path) -> None:
    with open_catalog(old) as catalog:
        collection = catalog.collection("default")
        put(catalog, collection, [draft("new", attributes={"price": 1}), "a"])
        with catalog.write() as writer:
            writer.remove([2])
        assert catalog.count(collection) == 3
    assert check_data(Settings(data=old)).sound


def test_an_old_catalog_is_kept_beside_as_it_was(old: Path) -> None:
    before = content(old / FILE)
    with open_catalog(old):
        pass
    assert {path.name for path in old.glob("*.before-*")} == {COPY}
    assert (old / COPY).stat().st_mode & 0o077 == 0
    assert content(old / COPY) == before
    after = content(old / FILE)["items"]
    since = (None, None, None, None)
    assert [row[:-1] for row in after] == [(*row, *since) for row in before["items"]]
    assert all(row[-1] for row in after)


def test_what_is_only_in_the_log_is_kept_beside_too(old: Path) -> None:
    """A reader that stays keeps SQLite from moving the log into the file."""
    reader = sqlite3.connect(old / FILE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM items").fetchall()
    writer = sqlite3.connect(old / FILE)
    writer.execute("UPDATE items SET label = 'only in the log' WHERE key = 1")
    writer.commit()
    before = content(old / FILE)
    with open_catalog(old):
        pass
    reader.close()
    writer.close()
    assert content(old / COPY)["items"] == before["items"]
    assert b"only in the log" in (old / COPY).read_bytes()


SPELLED = [
    # key, collection, item_id, label, product_id, attributes, removed; then what becomes of it
    ((11, 1, "cafe\u0301", "Ma\u0308ntel", "e\u0301", '{"gro\\u0308\u00dfe": ["e\u0301", 1]}', 0),
     ("caf\u00e9", "M\u00e4ntel", "\u00e9", {"gr\u00f6\u00dfe": ["\u00e9", 1]})),
    ((12, 1, "u\u0308", None, None, '{"a": 1.50}', 0), ("u\u0308", None, None, {"a": 1.5})),
    ((13, 1, "\u00fc", None, None, "{}", 0), ("\u00fc", None, None, {})),
    ((14, 2, "u\u0308", "x", None, '{"o\\u0308": 1, "\\u00f6": 2}', 0),
     ("\u00fc", "x", None, {"o\u0308": 1, "\u00f6": 2})),
]  # fmt: skip


def test_texts_of_an_old_catalog_are_composed(old: Path) -> None:
    """Neither of two items that differ in their coding only is lost, nor of two attributes."""
    connection = sqlite3.connect(old / FILE)
    for row, _ in SPELLED:
        connection.execute(
            "INSERT INTO items (key, collection_id, item_id, label, product_id, attributes,"
            " removed, content_hash, seq, index_seq) VALUES (?, ?, ?, ?, ?, ?, ?, 'h', 1, 1)",
            row,
        )
        vector = pack(unit_vectors(1, seed=row[0])[0])
        connection.execute(
            "INSERT INTO embeddings VALUES (?, ?, ?, ?)", (row[0], FINGERPRINT, *vector)
        )
    fields = [(1, "gro\u0308\u00dfe"), (2, "o\u0308"), (2, "\u00f6"), (2, "gone\u0308")]
    connection.executemany("INSERT INTO fields VALUES (?, ?)", fields)
    connection.execute("UPDATE items SET label = 'u\u0308' WHERE item_id = 'gone'")
    connection.commit()
    connection.close()
    before = content(old / FILE)["items"]
    with open_catalog(old) as catalog:
        items = catalog.by_keys([row[0] for row, _ in SPELLED])
        for (key, *_), becomes in SPELLED:
            item = items[key]
            assert (item.item_id, item.label, item.product_id, item.attributes) == becomes
        assert catalog.seq() == 2
        collection = catalog.collection("default")
        assert catalog.fields(collection) == ["gr\u00f6\u00dfe", "price"]
        assert catalog.fields(catalog.collection("other")) == [
            "colour", "gon\u00eb", "o\u0308", "\u00f6",
        ]  # fmt: skip
        assert keys_where(catalog, "default", {"field": "gr\u00f6\u00dfe", "eq": "\u00e9"}) == [11]
        assert catalog.get(collection, "cafe\u0301").key == 11
        assert catalog.get(collection, "u\u0308").key == 13
        with catalog.write() as writer:
            writer.remove([13])
        assert catalog.get(collection, "u\u0308").key == 12
    after = content(old / FILE)["items"]
    untouched = {1, 2, 3, 4, 9, 12}
    assert [row[:-1] for row in after if row[0] in untouched] == [
        (*row, None, None, None, None) for row in before if row[0] in untouched
    ]
    assert check_data(Settings(data=old)).sound


PROGRAM = (
    "import sys; from pathlib import Path; from tests.small_catalog import open_catalog\n"
    "open_catalog(Path(sys.argv[1])).close()\n"
)


def open_outside(data: Path, fault: str) -> int:
    environment = {**os.environ, "EYEDEX_FAULT": fault}
    command = [sys.executable, "-c", PROGRAM, str(data)]
    return subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL).returncode


@pytest.mark.parametrize("action", ["kill", "enospc"])
def test_an_interrupted_change_leaves_the_catalog_as_it_was(old: Path, action: str) -> None:
    before = content(old / FILE)
    ended = open_outside(old, f"schema_before_commit:1:{action}")
    assert ended == (-signal.SIGKILL if action == "kill" else 1)
    assert content(old / FILE) == before
    with open_catalog(old) as catalog:
        assert catalog.count(catalog.collection("default")) == 3
    assert content(old / COPY) == before
    assert check_data(Settings(data=old)).sound


def test_a_copy_that_was_cut_off_is_made_again(old: Path) -> None:
    (old / f"{COPY}.new").write_bytes(b"the first half")
    before = content(old / FILE)
    with open_catalog(old):
        pass
    assert content(old / COPY) == before
    assert not (old / f"{COPY}.new").exists()


def test_a_snapshot_of_an_old_catalog_is_restored_as_a_new_one(old: Path, tmp_path: Path) -> None:
    archive = tmp_path / "old.tar"
    description = Description(
        program="0.1.0",
        schema_version="0001",
        seq=1,
        created="2026-11-01T00:00:00+00:00",
        members=describe_members(old),
    )
    write_archive(archive, old, description)
    data = tmp_path / "restored"
    done = restore_snapshot(Settings(data=data), archive)
    assert (done.items, done.seq) == (4, 1)
    assert COPY not in [path.name for path in data.iterdir()]
    with open_catalog(data) as catalog:
        assert keys_where(catalog, "default", {"field": "price", "gt": 3}) == [2]
