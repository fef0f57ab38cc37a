"""Where a snapshot may be restored to, and what becomes of what was there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli.exits import Exit, exit_code
from search_engine.config import Settings
from search_engine.errors import EyedexError, LockHeldError
from search_engine.maintenance import restore
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths
from tests.conftest import copy_data
from tests.faults.snapshots.archives import (
    digest_of,
    names,
    refused,
    tree,
)
from tests.faults.test_interruption import eyedex


def test_an_empty_directory_is_used_and_others_are_not(good: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    restore_snapshot(Settings(data=data), good)
    for number, content in enumerate(("x", "lost+found", ".x")):
        folder = tmp_path / f"with-{number}"
        (folder / content).mkdir(parents=True)
        for replace in (False, True):
            with pytest.raises(EyedexError) as caught:
                restore_snapshot(Settings(data=folder), good, replace=replace)
            assert exit_code(caught.value) == Exit.USAGE
        assert names(folder) == [content]
    with pytest.raises(EyedexError) as caught:
        restore_snapshot(Settings(data=tmp_path / ("n" * 300)), good)
    assert exit_code(caught.value) == Exit.STORAGE
    (tmp_path / "file").touch()
    with pytest.raises(EyedexError, match="not a directory"):
        restore_snapshot(Settings(data=tmp_path / "file"), good, replace=True)


def test_a_mount_point_is_refused_before_anything_is_read(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path / "data")
    assert exit_code(refused(good, tmp_path)) == Exit.USAGE


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
def test_a_symbolic_link_to_the_data_directory_stays_one(
    good: Path, other: Path, digest: str, tmp_path: Path
) -> None:
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(other)
    done = restore_snapshot(Settings(data=link), good, replace=True)
    assert link.is_symlink()
    assert done.kept == tmp_path / "data.before-restore-1"
    assert digest_of(link) == digest


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
def test_replace_keeps_what_was_there(good: Path, other: Path, digest: str, tmp_path: Path) -> None:
    former = digest_of(other)
    assert former != digest
    with pytest.raises(EyedexError) as caught:
        restore_snapshot(Settings(data=other), good)
    assert exit_code(caught.value) == Exit.USAGE
    done = eyedex("restore", good, "--data", other, "--replace")
    assert done.returncode == 0
    assert "data.before-restore-1" in done.stdout
    assert digest_of(other) == digest
    again = restore_snapshot(Settings(data=other), good, replace=True)
    assert again.kept == tmp_path / "data.before-restore-2"
    assert digest_of(tmp_path / "data.before-restore-1") == former
    assert digest_of(tmp_path / "data.before-restore-2") == digest


@pytest.mark.sqlite_only("damages the file")
def test_replace_works_over_a_damaged_catalog(
    good: Path, other: Path, digest: str, tmp_path: Path
) -> None:
    (other / "catalog.sqlite").write_bytes(b"no database any more")
    restore_snapshot(Settings(data=other), good, replace=True)
    assert digest_of(other) == digest


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
def test_a_held_lock_is_respected(good: Path, other: Path, tmp_path: Path) -> None:
    settings = Settings(data=other, lock_wait_s=0.05)
    paths = DataPaths(other)
    for lock in (paths.lock, paths.index_run_lock("default")):
        with exclusive(lock, 0.0, "writing"), pytest.raises(LockHeldError):
            restore_snapshot(settings, good, replace=True)
    lock = tmp_path / ".data.restore" / "lock"
    with exclusive(lock, 0.0, "restoring"), pytest.raises(LockHeldError):
        restore_snapshot(settings, good, replace=True)
    lock = tmp_path / ".a.tar.new" / "lock"
    with exclusive(lock, 0.0, "writing"), pytest.raises(LockHeldError):
        make_snapshot(settings, tmp_path / "a.tar")


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
def test_a_catalog_that_somebody_has_open_is_not_replaced(
    good: Path, other: Path, digest: str, tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "from search_engine import SearchEngine\n"
        "with SearchEngine(sys.argv[1]):\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(other)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout
        assert reader.stdin
        reader.stdout.readline()
        done = eyedex("restore", good, "--data", other, "--replace")
        assert (done.returncode, "stop the server" in done.stderr) == (Exit.LOCK_HELD, True)
        assert names(tmp_path) == ["data"]
        reader.stdin.close()
    restore_snapshot(Settings(data=other), good, replace=True)
    assert digest_of(other) == digest


def test_a_catalog_made_meanwhile_is_not_lost(
    good: Path, hsv_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    made: dict[str, str] = {}

    def make_there(point: str) -> None:
        if point == "restore_extracted":
            copy_data(hsv_data, data)
            made.update(tree(data))

    monkeypatch.setattr(restore, "fault_point", make_there)
    with pytest.raises(LockHeldError):
        restore_snapshot(Settings(data=data), good)
    assert made
    assert tree(data) == made
    assert names(tmp_path) == ["data"]


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
def test_a_file_system_that_cannot_exchange(
    good: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "_RENAME_EXCHANGE", 1 << 30)
    before = digest_of(other)
    with pytest.raises(EyedexError, match="cannot exchange") as caught:
        restore_snapshot(Settings(data=other), good, replace=True)
    assert exit_code(caught.value) == Exit.STORAGE
    assert digest_of(other) == before
    assert names(tmp_path) == ["data"]
