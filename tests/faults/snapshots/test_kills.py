"""Complete or not at all: killed anywhere, and on disks that fail."""

from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli.exits import Exit
from search_engine.config import Settings
from search_engine.errors import EyedexError
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from tests.faults.snapshots.archives import (
    digest_of,
    names,
)
from tests.faults.test_interruption import KILLED, eyedex

pytestmark = pytest.mark.long

SNAPSHOT_POINTS = [
    "workshop_opened",
    "snapshot_generations_staged",
    "snapshot_catalog_copied",
    "snapshot_archive_half",
    "snapshot_archive_written",
    "snapshot_before_rename",
    "snapshot_renamed",
]
RESTORE_POINTS = ["workshop_opened", "restore_file_half", "restore_extracted", "restore_checked"]
NEW_PLACE_POINTS = [*RESTORE_POINTS, "restore_before_rename", "restore_in_place"]
REPLACE_POINTS = [*RESTORE_POINTS, "restore_before_exchange", "restore_in_place"]


@pytest.mark.parametrize("point", SNAPSHOT_POINTS)
def test_a_killed_snapshot_leaves_the_file_that_was_there(
    point: str, hsv_data: Path, good: Path, digest: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.tar"
    file.write_bytes(b"what was there")
    arguments = ("snapshot", file, "--data", hsv_data, "--force")
    assert eyedex(*arguments, fault=f"{point}:1:kill").returncode == KILLED
    assert (file.read_bytes() == b"what was there") == (point != "snapshot_renamed")
    assert [name for name in names(tmp_path) if not name.startswith(".")] == ["a.tar"]
    make_snapshot(Settings(data=hsv_data), file, force=True)
    assert names(tmp_path) == ["a.tar"]
    restore_snapshot(Settings(data=tmp_path / "data"), file)
    assert digest_of(tmp_path / "data") == digest


@pytest.mark.parametrize("point", NEW_PLACE_POINTS)
def test_a_killed_restore_to_a_new_place(
    point: str, good: Path, digest: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    done = eyedex("restore", good, "--data", data, fault=f"{point}:1:kill")
    assert done.returncode == KILLED
    in_place = point == "restore_in_place"
    assert data.exists() == in_place
    restore_snapshot(Settings(data=data), good, replace=in_place)
    assert digest_of(data) == digest
    assert names(tmp_path) == ["data"] + ["data.before-restore-1"] * in_place


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
@pytest.mark.parametrize("point", REPLACE_POINTS)
def test_a_killed_restore_over_a_catalog(
    point: str, good: Path, other: Path, digest: str, tmp_path: Path
) -> None:
    former = digest_of(other)
    arguments = ("restore", good, "--data", other, "--replace")
    assert eyedex(*arguments, fault=f"{point}:1:kill").returncode == KILLED
    assert digest_of(other) == (digest if point == "restore_in_place" else former)
    kept = restore_snapshot(Settings(data=other), good, replace=True).kept
    assert digest_of(other) == digest
    assert kept
    everything = {digest_of(path) for path in tmp_path.glob("data.before-restore-*")}
    assert former in everything <= {former, digest}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("action", ["enospc", "eio"])
@pytest.mark.parametrize("point", SNAPSHOT_POINTS[:-1])
def test_a_snapshot_on_a_failing_disk_leaves_nothing(
    point: str, action: str, hsv_data: Path, tmp_path: Path, fault: Callable[[str], None]
) -> None:
    fault(f"{point}:1:{action}")
    with pytest.raises(EyedexError) as caught:
        make_snapshot(Settings(data=hsv_data), tmp_path / "a.tar")
    assert caught.value.code == {"enospc": "storage_full", "eio": "storage"}[action]
    assert names(tmp_path) == []


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
@pytest.mark.parametrize("action", ["enospc", "eio"])
@pytest.mark.parametrize("point", REPLACE_POINTS[:-1])
def test_a_restore_on_a_failing_disk_leaves_what_was_there(
    point: str, action: str, good: Path, other: Path, tmp_path: Path, fault: Callable[[str], None]
) -> None:
    former = digest_of(other)
    fault(f"{point}:1:{action}")
    with pytest.raises(EyedexError) as caught:
        restore_snapshot(Settings(data=other), good, replace=True)
    assert caught.value.code == {"enospc": "storage_full", "eio": "storage"}[action]
    assert digest_of(other) == former
    assert names(tmp_path) == ["data"]


def test_a_full_disk_ends_with_its_exit_code(good: Path, hsv_data: Path, tmp_path: Path) -> None:
    for arguments, point in (
        (("snapshot", tmp_path / "a.tar", "--data", hsv_data), "snapshot_archive_half"),
        (("restore", good, "--data", tmp_path / "data"), "restore_file_half"),
    ):
        done = eyedex(*arguments, fault=f"{point}:1:enospc")
        assert (done.returncode, done.stdout) == (Exit.STORAGE, "")
        assert done.stderr.startswith("error: storage_full: ")
        assert names(tmp_path) == []
