"""`kill -9` in the middle of `eyedex index`, then again: the same state as an undisturbed run.

State is compared by the digest of `eyedex check` (every item with its hash, label, attributes and
embedding checksum) and by equal search results.
"""

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.maintenance.check import CheckReport, check_data
from search_engine.storage.faults import POINTS
from tests.conftest import index_folder, once
from tests.faults.forking import run_forked

KILLED = -signal.SIGKILL
BATCH = 8

# Where in the run to die: the fault point, and how often it is passed before.
KILLS = [
    pytest.param("row_read", 1, marks=pytest.mark.slow),
    ("row_read", 30),
    ("decoded", 1),
    pytest.param("decoded", 3, marks=pytest.mark.slow),
    ("embedded", 2),
    ("before_commit", 1),
    pytest.param("before_commit", 4, marks=pytest.mark.slow),
    pytest.param("after_commit", 1, marks=pytest.mark.slow),
    ("after_commit", 5),
    ("generation_started", 1),
    pytest.param("generation_file_half", 1, marks=pytest.mark.slow),
    ("generation_file_half", 2),
    ("generation_file_written", 1),
    pytest.param("generation_file_written", 3, marks=pytest.mark.slow),
    pytest.param("generation_file_half", 4, marks=pytest.mark.slow),
    ("generation_before_rename", 1),
    ("generation_renamed", 1),
    ("current_before_rename", 1),
    ("current_renamed", 1),
]


def eyedex(
    *arguments: object, fault: str | None = None, file_limit: int | None = None
) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if name != "EYEDEX_FAULT"}
    if fault:
        env["EYEDEX_FAULT"] = fault
    return run_forked([*map(str, arguments)], env, file_limit)


def index(source: Path, data: Path, fault: str) -> int:
    arguments = ("index", source, "--data", data, "--encoder", "hsv", "--batch-size", BATCH)
    return eyedex(*arguments, "--workers", 1, fault=fault).returncode


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
    return sorted((sample / "shopper").rglob("*.jpg"))[:10]


@pytest.fixture(scope="module")
def undisturbed(shared: Path, source: Path, photos: list[Path]) -> Undisturbed:
    data = once(
        shared / "first-rows-data", lambda folder: index_folder(source, folder, encoder="hsv")
    )
    return Undisturbed(checked(data), answers(data, photos))


@pytest.mark.parametrize(("point", "count"), KILLS)
def test_a_killed_run_is_finished_by_the_next(
    point: str,
    count: int,
    source: Path,
    undisturbed: Undisturbed,
    photos: list[Path],
    tmp_path: Path,
) -> None:
    assert index(source, tmp_path, fault=f"{point}:{count}:kill") == KILLED
    index_folder(source, tmp_path, encoder="hsv")
    wanted, found = undisturbed.checked, checked(tmp_path)
    assert found.collections[0]["items"] == wanted.collections[0]["items"] > 0
    assert found.collections[0]["digest"] == wanted.collections[0]["digest"]
    assert not [one for one in found.findings if "interrupted" in one.what]
    assert answers(tmp_path, photos) == undisturbed.answers


@pytest.mark.parametrize("point", ["before_commit", "generation_file_half"])
def test_after_a_kill_the_catalog_is_sound_and_what_was_committed_is_there(
    point: str, source: Path, tmp_path: Path
) -> None:
    assert index(source, tmp_path, fault=f"{point}:3:kill") == KILLED
    facts = checked(tmp_path).collections[0]
    assert facts["items"] >= 2 * BATCH


def test_only_what_was_not_committed_is_encoded_again(source: Path, tmp_path: Path) -> None:
    assert index(source, tmp_path, fault="after_commit:3:kill") == KILLED
    done = eyedex("index", source, "--data", tmp_path, "--encoder", "hsv", "--workers", 1, "--json")
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
    action: str, point: str, code: str, source: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    arguments = ("index", source, "--data", tmp_path, "--encoder", "hsv", "--workers", 1)
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
