"""A snapshot that is restored is the catalog that it was made of."""

import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from api.cli.exits import Exit
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.storage import archive as archives
from tests.conftest import copy_data
from tests.faults.snapshots.archives import (
    Entry,
    digest_of,
    forge,
    names,
    plain,
)
from tests.faults.test_interruption import answers, checked, eyedex

TB = 2**40


@pytest.mark.sqlite_only("what is restored is a file")
def test_a_restored_copy_is_equal_and_needs_no_rebuild(
    hsv_data: Path, photos: list[Path], tmp_path: Path
) -> None:
    file, data = tmp_path / "a.tar", tmp_path / "not" / "yet" / "data"
    made = eyedex("snapshot", file, "--data", hsv_data)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"{file}: ")
    assert made.stdout.count("\n") == 1
    done = eyedex("restore", file, "--data", data)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    wanted, found = checked(hsv_data), checked(data)
    assert found.collections == wanted.collections
    assert found.collections[0]["pending"] == 0
    assert found.findings == wanted.findings
    assert answers(data, photos) == answers(hsv_data, photos)
    assert names(tmp_path) == ["a.tar", "not"]
    assert names(data.parent) == ["data"]


def test_what_the_verbs_say_to_programs(hsv_data: Path, tmp_path: Path) -> None:
    file, data = tmp_path / "a.tar", tmp_path / "data"
    made = json.loads(eyedex("snapshot", file, "--data", hsv_data, "--json").stdout)
    assert {"file", "seconds"} < set(made)
    assert made["size_bytes"] == file.stat().st_size
    assert (made["collections"], made["generations"]) == (1, 1)
    assert (made["calibrations"], made["classifiers"]) == (1, 0)
    again = eyedex("snapshot", file, "--data", hsv_data, "--json")
    assert (again.returncode, json.loads(again.stderr)["code"]) == (Exit.USAGE, "bad_parameter")
    assert eyedex("snapshot", file, "--data", hsv_data, "--force").returncode == 0
    done = json.loads(eyedex("restore", file, "--data", data, "--json").stdout)
    assert (done["items"], done["seq"], done["kept"]) == (made["items"], made["seq"], None)
    over = eyedex("restore", file, "--data", data)
    assert (over.returncode, "--replace" in over.stderr) == (Exit.USAGE, True)


def test_pending_changes_and_kept_pictures_come_along(
    hsv_data: Path, photos: list[Path], tmp_path: Path
) -> None:
    source, data, file = tmp_path / "source", tmp_path / "data", tmp_path / "a.tar"
    copy_data(hsv_data, source)
    with SearchEngine(source) as engine:
        engine.create_collection("empty")
        item = engine.upsert("new", photos[0].read_bytes(), label="mug")
        picture = engine.catalog.picture_jpeg(item.key)
        made = make_snapshot(Settings(data=source), file)
    report = restore_snapshot(Settings(data=data), file)
    assert (made.collections, made.generations, report.collections) == (2, 1, 2)
    assert digest_of(data) == digest_of(source)
    assert answers(data, photos) == answers(source, photos)
    with SearchEngine(data) as engine:
        assert engine.search(photos[0], k=1).neighbors[0].item == item
        assert engine.catalog.picture_jpeg(item.key) == picture is not None
        engine.remove("new")


def test_the_archive_is_a_tar_file_for_others_too(good: Path, tmp_path: Path) -> None:
    with tarfile.open(good) as tar:
        assert [info.name for info in tar][:2] == ["snapshot.json", "catalog.sqlite"]
        assert all(info.isreg() and info.mode == 0o600 for info in tar)
    subprocess.run(["tar", "-xf", good, "-C", tmp_path], check=True)
    described = json.loads((tmp_path / "snapshot.json").read_text())
    for member in described["members"]:
        content = (tmp_path / member["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == member["sha256"]


def test_a_forged_archive_that_differs_in_nothing_is_accepted(good: Path, tmp_path: Path) -> None:
    file = forge(good, tmp_path / "same.tar", lambda members: members)
    restore_snapshot(Settings(data=tmp_path / "data"), file)


def test_indexes_of_an_archive_are_not_read(good: Path, tmp_path: Path) -> None:
    """Whoever forges one gives it the right checksum: it is built anew from the catalog."""

    def exchange(members: list[Entry]) -> list[Entry]:
        return [
            plain(info.name, b"forged") if "/gen-" in info.name else (info, content)
            for info, content in members
        ]

    data = tmp_path / "data"
    restore_snapshot(Settings(data=data), forge(good, tmp_path / "a.tar", exchange))
    files = [path for path in data.glob("indexes/*/gen-*/*") if path.is_file()]
    assert {path.name for path in files} >= {"manifest.json", "index.faiss"}
    assert b"forged" not in {path.read_bytes() for path in files}
    assert {each.level for each in checked(data).findings} <= {"note"}


def test_long_names_are_written_as_tar_programs_read_them() -> None:
    longest = "c" * 63
    for name in (
        f"indexes/{longest}/calibration-{'0' * 32}.json",
        f"classifiers/{longest}/class-mean-{'0' * 16}.safetensors",
        f"indexes/{longest}/gen-000001/manifest.json",
    ):
        header = archives.header_of(name, 7)
        assert header == plain(name, bytes(7))[0].tobuf(tarfile.USTAR_FORMAT)
        assert tarfile.TarInfo.frombuf(header, "utf-8", "strict").name == name


def test_sizes_from_8_gib_on_are_written_as_tar_programs_read_them() -> None:
    for size in (0, 8**11 - 1, 8**11, TB):
        header = archives.header_of("catalog.sqlite", size)
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        assert (info.name, info.size, info.isreg()) == ("catalog.sqlite", size, True)


def test_whatever_the_umask_nobody_else_can_read_it(hsv_data: Path, tmp_path: Path) -> None:
    file, data = tmp_path / "a.tar", tmp_path / "data"
    former = os.umask(0)
    try:
        make_snapshot(Settings(data=hsv_data), file)
        restore_snapshot(Settings(data=data), file)
    finally:
        os.umask(former)
    for path in (file, data, *data.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
