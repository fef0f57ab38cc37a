"""`kill -9` in the middle of `eyedex index`, then again: the same state as an undisturbed run.

State is compared by the digest of `eyedex check` (every item with its hash, label, attributes and
embedding checksum) and by equal search results.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.maintenance.check import CheckReport, check_data
from search_engine.storage.faults import POINTS
from tests.conftest import index_folder

KILLED = -signal.SIGKILL
BATCH = 16

# Where in the run to die: the fault point, and how often it is passed before.
KILLS = [
    ("row_read", 1),
    ("row_read", 60),
    ("decoded", 1),
    ("decoded", 3),
    ("embedded", 2),
    ("before_commit", 1),
    ("before_commit", 4),
    ("after_commit", 1),
    ("after_commit", 5),
    ("generation_started", 1),
    ("generation_file_half", 1),
    ("generation_file_half", 2),
    ("generation_file_written", 1),
    ("generation_file_written", 3),
    ("generation_file_half", 4),
    ("generation_before_rename", 1),
    ("generation_renamed", 1),
    ("current_before_rename", 1),
    ("current_renamed", 1),
]


def eyedex(*arguments: object, fault: str | None = None) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if name != "EYEDEX_FAULT"}
    if fault:
        env["EYEDEX_FAULT"] = fault
    command = [sys.executable, "-m", "api.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def index(source: Path, data: Path, fault: str) -> int:
    arguments = ("index", source, "--data", data, "--encoder", "hsv", "--batch-size", BATCH)
    return eyedex(*arguments, fault=fault).returncode


def checked(data: Path) -> CheckReport:
    report = check_data(Settings(data=data))
    assert report.sound, report.findings
    return report


def answers(data: Path, photos: list[Path]) -> list[list[tuple[str, float]]]:
    with SearchEngine(settings=Settings(data=data)) as engine:
        results = [engine.search(photo, k=10) for photo in photos]
    return [[(one.item.item_id, one.score) for one in each.neighbors] for each in results]


@dataclass(frozen=True)
class Undisturbed:
    """What an undisturbed run leads to."""

    checked: CheckReport
    answers: list[list[tuple[str, float]]]


@pytest.fixture(scope="module")
def photos(sample: Path) -> list[Path]:
    return sorted((sample / "shopper").rglob("*.jpg"))


@pytest.fixture(scope="module")
def undisturbed(hsv_data: Path, photos: list[Path]) -> Undisturbed:
    return Undisturbed(checked(hsv_data), answers(hsv_data, photos))


@pytest.mark.parametrize(("point", "count"), KILLS)
def test_a_killed_run_is_finished_by_the_next(
    point: str,
    count: int,
    sample: Path,
    undisturbed: Undisturbed,
    photos: list[Path],
    tmp_path: Path,
) -> None:
    source = sample / "catalog.csv"
    assert index(source, tmp_path, fault=f"{point}:{count}:kill") == KILLED
    index_folder(source, tmp_path, encoder="hsv")
    wanted, found = undisturbed.checked, checked(tmp_path)
    assert found.collections[0]["items"] == wanted.collections[0]["items"] > 0
    assert found.collections[0]["digest"] == wanted.collections[0]["digest"]
    assert not [one for one in found.findings if "interrupted" in one.what]
    assert answers(tmp_path, photos) == undisturbed.answers


@pytest.mark.parametrize("point", ["before_commit", "generation_file_half"])
def test_after_a_kill_the_catalog_is_sound_and_what_was_committed_is_there(
    point: str, sample: Path, tmp_path: Path
) -> None:
    assert index(sample / "catalog.csv", tmp_path, fault=f"{point}:3:kill") == KILLED
    facts = checked(tmp_path).collections[0]
    assert facts["items"] >= 2 * BATCH


def test_only_what_was_not_committed_is_encoded_again(sample: Path, tmp_path: Path) -> None:
    source = sample / "catalog.csv"
    assert index(source, tmp_path, fault="after_commit:3:kill") == KILLED
    done = eyedex("index", source, "--data", tmp_path, "--encoder", "hsv", "--json")
    report = json.loads(done.stdout)
    assert report["unchanged"] == 3 * BATCH
    assert report["encoded"] == report["added"] > 0


@pytest.mark.parametrize(
    ("action", "point", "code"),
    [
        ("enospc", "generation_file_half", "storage_full"),
        ("eio", "generation_file_written", "storage"),
        ("enospc", "current_before_rename", "storage_full"),
    ],
)
def test_a_disk_that_fails_while_publishing_loses_nothing(
    action: str, point: str, code: str, sample: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    source = sample / "catalog.csv"
    arguments = ("index", source, "--data", tmp_path, "--encoder", "hsv")
    done = eyedex(*arguments, fault=f"{point}:1:{action}")
    assert (done.returncode, done.stderr.splitlines()[-1].startswith(f"error: {code}: ")) == (
        5,
        True,
    ), done.stderr
    index_folder(source, tmp_path, encoder="hsv")
    wanted = undisturbed.checked.collections[0]["digest"]
    assert checked(tmp_path).collections[0]["digest"] == wanted


def test_every_fault_point_exists_once_in_the_code() -> None:
    root = Path(__file__).parents[2]
    code = "".join(
        path.read_text()
        for folder in ("search_engine", "indexer")
        for path in (root / folder).rglob("*.py")
    )
    for point in POINTS:
        assert code.count(f'fault_point("{point}")') == 1, point
