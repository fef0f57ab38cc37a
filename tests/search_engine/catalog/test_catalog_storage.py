"""The catalog on its disk: what survives, who waits, which versions and damages are told."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.dialects.note import read_note
from search_engine.catalog.dialects.sqlite import Sqlite
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import metadata
from search_engine.errors import (
    CorruptDataError,
    LockHeldError,
    NewerFormatError,
    StorageBusyError,
    StorageError,
    StorageFullError,
)
from search_engine.storage.paths import DataPaths
from tests.small_catalog import (
    bound_collection,
    draft,
    open_catalog,
    put,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.sqlite_only("the file itself")
def test_commits_survive_power_loss(catalog: Catalog) -> None:
    """synchronous=2 is FULL: in WAL mode every commit is synced."""
    with catalog._database.writers.begin() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


@pytest.mark.sqlite_only("the file itself")
def test_the_data_directory_is_private(tmp_path: Path) -> None:
    with open_catalog(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0
        assert (tmp_path / "data" / "catalog.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["with space", "what?", "hash#tag", "100%25", "it's", "ü"])
def test_any_directory_name_will_do(tmp_path: Path, name: str) -> None:
    with open_catalog(tmp_path / name) as catalog:
        put(catalog, bound_collection(catalog), ["a"])
    with open_catalog(tmp_path / name) as catalog:
        assert list(catalog.item_ids(catalog.collection("default"))) == ["a"]


def test_a_relative_directory_does_not_follow_a_change_of_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_catalog(Path("data")) as catalog:
        put(catalog, bound_collection(catalog), ["a"])
        assert catalog.count(catalog.collection("default")) == 1


def test_a_write_waits_for_its_turn_and_gives_up(tmp_path: Path, catalog: Catalog) -> None:
    impatient = Catalog(catalog.paths, lock_wait_s=0.05)
    with catalog.write() as writer:
        assert writer.seq == 1
        with pytest.raises(LockHeldError, match="writing to this catalog"), impatient.write():
            pytest.fail("two writers")
        assert impatient.seq() == 0
    impatient.close()


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_migrations_lead_to_the_tables_of_the_code(
    catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, [draft("a", attributes={"price": 1})])
    engine = catalog._database.readers
    if engine.dialect.name == "postgresql":  # SQLAlchemy wants JSON parsed when it looks at tables
        engine = create_engine(read_note(catalog.paths).url)  # type: ignore[union-attr]

    def is_ours(found: object, name: str, kind: str, *_: object) -> bool:
        """Not the tables of FTS5 and what stands in for them in PostgreSQL, nor indexes of fields,
        which come with their first filter."""
        if kind == "table":
            return not name.startswith("item_words")
        if kind == "index" and name.startswith("field_"):
            return False
        return name not in ("facts", "words", "items_facts", "items_words")

    of_sqlite = engine.dialect.name == "sqlite"  # texts have no length in PostgreSQL
    options = {"include_object": is_ours, "compare_type": of_sqlite}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
    engine.dispose()
    noted = "remove_table_comment"  # in PostgreSQL, where the number of the catalog stands
    assert [each for each in differences if each[0] != noted] == []


def test_opening_again_prepares_nothing(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        put(catalog, bound_collection(catalog), ["a"])
        assert not catalog._database.needs_preparation()
    with open_catalog(tmp_path) as catalog:
        assert catalog.count(catalog.collection("default")) == 1
    assert list(tmp_path.glob("*.before-*")) == []


@pytest.mark.sqlite_only("the file itself")
def test_a_catalog_of_a_newer_version_is_refused_unchanged(tmp_path: Path) -> None:
    with open_catalog(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = (tmp_path / "catalog.sqlite").read_bytes()
    with pytest.raises(NewerFormatError, match="9999"):
        open_catalog(tmp_path)
    assert (tmp_path / "catalog.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"not a database at all, but long enough to be looked at" * 100,
        lambda data: b"\0" * 16 + data[16:],
        lambda data: data[:100] + b"\xff" * (len(data) - 100),
        lambda data: data[: len(data) // 2],
    ],
    ids=["junk", "header", "pages", "half"],
)
@pytest.mark.sqlite_only("the file itself")
def test_a_damaged_catalog_is_called_so(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    with open_catalog(tmp_path) as catalog:
        put(catalog, bound_collection(catalog), [str(number) for number in range(200)])
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(damage(path.read_bytes()))

    def use() -> None:
        with open_catalog(tmp_path) as catalog:
            list(catalog.item_ids(catalog.collection("default")))
            catalog.changes_since(catalog.collection("default"), -1)

    with pytest.raises(CorruptDataError):
        use()


@pytest.mark.parametrize("blob", [b"", b"\0" * 15, b"\0" * 17, b"\xff" * 16, b"\0" * 16])
@pytest.mark.sqlite_only("the file itself")
def test_a_damaged_embedding_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, blob: bytes
) -> None:
    with open_catalog(tmp_path) as catalog:
        collection = bound_collection(catalog)
        key = put(catalog, collection, ["a", "b"])["a"]
        with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
            connection.execute("UPDATE embeddings SET vector = ? WHERE key = ?", (blob, key))
        connection.close()
        assert key not in catalog.changes_since(collection, -1).keys
        assert "'a'" in caplog.text
        assert len(catalog.changes_since(collection, -1).keys) == 1
        with pytest.raises(CorruptDataError, match="embedding"):
            catalog.vector(collection, key)


def test_many_damaged_embeddings_are_named_in_part(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_catalog(tmp_path) as catalog:
        collection = bound_collection(catalog)
        put(catalog, collection, [f"{number:02}" for number in range(13)])
        with catalog._database.writers.begin() as connection:
            connection.execute(text("UPDATE embeddings SET crc32 = 0"))
        assert not len(catalog.changes_since(collection, -1).keys)
    (said,) = caplog.messages
    assert "'09'" in said
    assert "'10'" not in said
    assert "and 3 more" in said


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("database is locked", StorageBusyError),
        ("database or disk is full", StorageFullError),
        ("database disk image is malformed", CorruptDataError),
        ("file is not a database", CorruptDataError),
        ("no such table: items", StorageError),
    ],
)
@pytest.mark.sqlite_only("the file itself")
def test_database_errors_are_named_by_cause(message: str, kind: type[StorageError]) -> None:
    file = Sqlite(DataPaths(Path("/place")), 0.0)
    with pytest.raises(StorageError) as caught, file.translate_errors():
        raise sqlite3.OperationalError(message)
    assert type(caught.value) is kind
    assert caught.value.where == "/place/catalog.sqlite"


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be used") as caught:
        open_catalog(tmp_path / "file" / "data")
    assert caught.value.fix


@pytest.mark.sqlite_only("the file itself")
def test_many_processes_may_open_a_new_catalog_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.small_catalog import *\n"
        "with open_catalog(Path(sys.argv[1])) as catalog:\n"
        "    with catalog.write() as writer: writer.create_collection(sys.argv[2])\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "data"), name], cwd=ROOT)
        for name in "abc"
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    with open_catalog(tmp_path / "data") as catalog:
        assert [one.name for one in catalog.collections()] == ["a", "b", "c"]


@pytest.mark.sqlite_only("the file itself")
def test_a_copy_of_a_closed_catalog_is_whole(tmp_path: Path) -> None:
    with open_catalog(tmp_path / "data") as catalog:
        put(catalog, bound_collection(catalog), ["a"])
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "data" / "catalog.sqlite", tmp_path / "copy")
    with open_catalog(tmp_path / "copy") as catalog:
        assert list(catalog.item_ids(catalog.collection("default"))) == ["a"]
