"""A snapshot is sound whatever others do meanwhile; where there can be none, none is left."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from api.cli.exits import Exit, exit_code
from search_engine.classifiers.collection import train
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import CorruptDataError, EyedexError
from search_engine.maintenance import snapshot
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.storage.paths import DataPaths
from search_engine.vote.calibration.collection import CalibrationRequest, calibrate_collection
from tests.conftest import copy_data
from tests.faults.snapshots.archives import (
    digest_of,
    learned_files_of,
    names,
)
from tests.faults.test_interruption import checked
from tests.sealing import execute

pytestmark = pytest.mark.long


def test_snapshots_while_others_train_and_calibrate_are_sound(
    hsv_data: Path, tmp_path: Path
) -> None:
    source, stop = copy_data(hsv_data, tmp_path / "source"), threading.Event()

    def learn() -> None:
        with SearchEngine(source) as engine:
            while not stop.is_set():
                engine.remove(next(engine.catalog.item_ids(engine.catalog.collection("default"))))
                train(engine.catalog, "default", "class-mean")
                calibrate_collection(engine.catalog, "default", CalibrationRequest(queries=60))

    thread = threading.Thread(target=learn)
    thread.start()
    try:
        for number in range(3):
            file, data = tmp_path / f"{number}.tar", tmp_path / f"{number}"
            made = make_snapshot(Settings(data=source), file)
            restore_snapshot(Settings(data=data), file)
            assert len(learned_files_of(data)) == made.calibrations + made.classifiers > 0
    finally:
        stop.set()
        thread.join()


def test_snapshots_during_an_indexing_run_are_sound(source: Path, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "a.tar"
    command = [sys.executable, "-m", "api.cli.main", "index", source]
    arguments = ["--data", data, "--encoder", "hsv", "--batch-size", 1, "--workers", 1]
    counts: list[int] = []
    with subprocess.Popen([*map(str, command), *map(str, arguments)], stderr=-1) as run:
        while run.poll() is None:
            if DataPaths(data).catalog.exists():
                made = make_snapshot(Settings(data=data), file, force=True)
                copy = tmp_path / f"copy-{len(counts)}"
                assert restore_snapshot(Settings(data=copy), file).items == made.items
                counts.append(made.items)
        assert run.returncode == 0
    assert counts == sorted(counts)
    assert len(set(counts)) > 1  # the catalog grew from one snapshot to another
    make_snapshot(Settings(data=data), file, force=True)
    restore_snapshot(Settings(data=tmp_path / "last"), file)
    assert digest_of(tmp_path / "last") == digest_of(data)


@pytest.mark.parametrize("when", ["before", "after"])
def test_two_generations_published_while_the_catalog_is_copied(
    when: str, hsv_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both older ones are collected then; the copy has one that it can start from all the same."""
    source, data, file = tmp_path / "source", tmp_path / "data", tmp_path / "a.tar"
    copy_data(hsv_data, source)
    engine = SearchEngine(source)
    (first,) = [name for name in names(source / "indexes" / "default") if name.startswith("gen-")]
    copied = {"before": "snapshot_generations_staged", "after": "snapshot_catalog_copied"}[when]

    def publish_two() -> None:
        for item_id in list(engine.catalog.item_ids(engine.catalog.collection("default")))[:2]:
            engine.remove(item_id)
            assert engine.live("default").compact(force=True)

    def publish_there(point: str) -> None:
        if point == copied:
            publish_two()

    monkeypatch.setattr(snapshot, "fault_point", publish_there)
    with engine:
        make_snapshot(Settings(data=source), file)
    assert not (source / "indexes" / "default" / first).exists()
    restore_snapshot(Settings(data=data), file)
    fact = checked(data).collections[0]
    assert fact["pending"] == 0
    assert fact["generation"] == "gen-000001"  # built anew
    assert (digest_of(data) == digest_of(source)) == (when == "before")


def test_snapshots_while_generations_come_and_go(hsv_data: Path, tmp_path: Path) -> None:
    source, stop = copy_data(hsv_data, tmp_path / "source"), threading.Event()

    def churn() -> None:
        with SearchEngine(source) as engine:
            for item_id in list(engine.catalog.item_ids(engine.catalog.collection("default"))):
                engine.remove(item_id)
                engine.live("default").compact(force=True)
                if stop.is_set():
                    return

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for number in range(6):
            file, data = tmp_path / f"{number}.tar", tmp_path / f"{number}"
            made = make_snapshot(Settings(data=source), file)
            assert made.generations == 1
            restore_snapshot(Settings(data=data), file)
    finally:
        stop.set()
        thread.join()


@pytest.mark.sqlite_only("the copy in a snapshot is a file")
def test_a_damaged_generation_is_left_out(hsv_data: Path, tmp_path: Path) -> None:
    source = copy_data(hsv_data, tmp_path / "source")
    (vectors,) = source.rglob("vectors.f16")
    vectors.write_bytes(vectors.read_bytes()[:-2] + b"??")
    made = make_snapshot(Settings(data=source), tmp_path / "a.tar")
    assert made.generations == 0
    restore_snapshot(Settings(data=tmp_path / "data"), tmp_path / "a.tar")
    assert digest_of(tmp_path / "data") == digest_of(hsv_data)


def test_where_files_cannot_be_linked_they_are_copied(
    hsv_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    assert make_snapshot(Settings(data=hsv_data), tmp_path / "a.tar").generations == 1


def test_a_damaged_catalog_gives_no_snapshot(hsv_data: Path, tmp_path: Path) -> None:
    source, file = copy_data(hsv_data, tmp_path / "source"), tmp_path / "a.tar"
    execute(source, "UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = 3")
    with pytest.raises(CorruptDataError, match="does not match its checksum"):
        make_snapshot(Settings(data=source), file)
    assert names(tmp_path) == ["source"]


def test_snapshot_targets_that_cannot_be(hsv_data: Path, tmp_path: Path) -> None:
    settings = Settings(data=hsv_data)
    for file in (tmp_path, tmp_path / "no" / "a.tar", Path("/dev/null"), Path("/")):
        with pytest.raises(EyedexError) as caught:
            make_snapshot(settings, file, force=True)
        assert exit_code(caught.value) == Exit.USAGE
    for length in (252, 300, 5_000):
        with pytest.raises(EyedexError) as caught:
            make_snapshot(settings, tmp_path / ("n" * length))
        assert exit_code(caught.value) == Exit.STORAGE
    with pytest.raises(EyedexError) as caught:
        make_snapshot(settings, tmp_path / os.fsdecode(b"\xff.tar"))
    assert exit_code(caught.value) == Exit.USAGE
    with pytest.raises(EyedexError) as caught:
        make_snapshot(Settings(data=tmp_path / "none"), tmp_path / "a.tar")
    assert exit_code(caught.value) == Exit.USAGE
    assert names(tmp_path) == []
