"""A data directory that can only be read is searched and checked, and nothing in it changes."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.runtime import load_runtime
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, NotFoundError, ReadOnlyError, StorageError
from search_engine.maintenance.check import check_data
from search_engine.maintenance.snapshot import make_snapshot
from tests.api.asking import DEFAULT, SEARCH, CheckedClient, assert_problem
from tests.conftest import copy_data
from tests.contract.small_network import noise, small_network
from tests.search_engine.engine.conftest import ids, picture


@pytest.fixture
def data(tmp_path: Path, hsv_data: Path) -> Path:
    copy_data(hsv_data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def mounted(data: Path, tmp_path: Path) -> Iterator[Path]:
    """The data directory at another path, where nothing can be written."""
    place = tmp_path / "mounted"
    place.mkdir()
    if subprocess.run(["mount", "--bind", data, place], capture_output=True).returncode:
        pytest.skip("mounting a directory read-only needs root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def try_all_changes(engine: SearchEngine) -> None:
    changes: list[Callable[[], object]] = [
        lambda: engine.upsert("new", picture("red")),
        lambda: engine.describe("backpack-0001-a", {"label": "x"}),
        lambda: engine.remove("backpack-0001-a"),
        lambda: engine.create_collection("new"),
        lambda: engine.delete_collection("default"),
        lambda: engine.live("default").compact(force=True),
        lambda: engine.live("default").roll_back(),
    ]
    for change in changes:
        with pytest.raises(ReadOnlyError):
            change()
    engine.fold_changes("default")


@pytest.mark.sqlite_only("a database is written to from a directory that cannot be")
def test_a_read_only_directory_is_searched_checked_and_copied(
    data: Path, mounted: Path, tmp_path: Path, sample: Path
) -> None:
    before = content(data)
    settings = Settings(data=mounted)
    with SearchEngine(mounted) as engine:
        assert ids(engine.similar("backpack-0001-a", k=3))
        assert ids(engine.search(picture("red"), k=3))
        assert engine.classify(picture("red")).prediction is not None
        try_all_changes(engine)
    assert check_data(settings).sound
    assert make_snapshot(settings, tmp_path / "shop.eyedex.tar").items > 0
    with pytest.raises(ReadOnlyError):
        index_source(open_source(sample / "catalog.csv"), IndexRequest(), settings)
    assert content(data) == before


@pytest.mark.sqlite_only("a database is written to from a directory that cannot be")
def test_a_read_only_directory_is_served(data: Path, mounted: Path) -> None:
    before = content(data)
    for settings in ({"read_only": True}, {}):
        with CheckedClient(mounted, **settings) as client:
            assert client.get("/readyz").status_code == 200
            assert client.post(SEARCH, files={"image": picture("red")}).status_code == 200
            refused = client.put(f"{DEFAULT}/items/new", files={"image": picture("red")})
            assert_problem(refused, 403, "read_only")
    assert content(data) == before


WRITER = """
import sys
from search_engine.engine import SearchEngine
from tests.search_engine.engine.conftest import picture

with SearchEngine(sys.argv[1]) as writing:
    writing.upsert(sys.argv[2], picture(sys.argv[2]))
    print("written", flush=True)
    input()
"""
"""In a process of its own: in one, SQLite takes both paths for the same file, opened read-only."""


@pytest.mark.long
def test_who_reads_follows_who_writes_elsewhere(data: Path, mounted: Path) -> None:
    with SearchEngine(mounted) as reading:
        for name in ("red", "blue"):
            command = [sys.executable, "-c", WRITER, str(data), name]
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as writing:
                assert writing.stdout is not None
                assert writing.stdout.readline() == "written\n"
                assert ids(reading.search(picture(name), k=1)) == [name]
                writing.communicate("\n")
            assert writing.returncode == 0
            assert ids(reading.search(picture(name, side=61), k=1)) == [name]


def test_by_its_settings_an_engine_writes_nothing(data: Path) -> None:
    shutil.rmtree(data / "encoders", ignore_errors=True)
    (data / "lock").unlink(missing_ok=True)
    before = content(data)
    with SearchEngine(settings=Settings(data=data, read_only=True)) as engine:
        assert ids(engine.search(picture("red"), k=3))
        try_all_changes(engine)
    changed = content(data)
    assert {path for path in changed if path not in before} <= {
        f"{data}/catalog.sqlite-shm", f"{data}/catalog.sqlite-wal"
    }  # fmt: skip  # SQLite's own, by which writers and readers find each other
    assert {path: changed[path] for path in before} == before


def test_a_network_is_not_kept_then(tmp_path: Path) -> None:
    source = small_network(tmp_path / "encoders")
    pixels = noise(2)
    passing = load_runtime("openvino", replace(source, keep=False)).run(pixels)
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_allclose(load_runtime("openvino", source).run(pixels), passing, rtol=1e-3)
    assert list(tmp_path.iterdir()) == [tmp_path / "encoders"]


@pytest.mark.sqlite_only("the file itself")
def test_a_catalog_of_an_older_version_is_not_changed(data: Path) -> None:
    with closing(sqlite3.connect(data / "catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0004'")
    with pytest.raises(ReadOnlyError, match="older version"):
        SearchEngine(settings=Settings(data=data, read_only=True))
    assert not list(data.glob("*.before-*"))


@pytest.mark.sqlite_only("the file itself")
def test_a_log_that_cannot_be_read_there_is_told(data: Path, mounted: Path) -> None:
    with SearchEngine(data) as writing:
        writing.upsert("red", picture("red"))
        log = (data / "catalog.sqlite-wal").read_bytes()
    assert log
    (data / "catalog.sqlite-wal").write_bytes(log)
    with pytest.raises(StorageError, match="log"):
        SearchEngine(mounted)
    os.unlink(data / "catalog.sqlite-wal")


@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_missing_is_not_made(tmp_path: Path, read_only: bool) -> None:
    missing = tmp_path / "typo"
    with pytest.raises(NotFoundError, match=r"no data directory at .*typo; index something"):
        SearchEngine(missing, settings=Settings(read_only=read_only), create=read_only)
    with pytest.raises(EyedexError, match="no catalog in"):
        check_data(Settings(data=tmp_path))
    assert list(tmp_path.iterdir()) == []
