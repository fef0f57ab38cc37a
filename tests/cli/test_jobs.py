"""`eyedex jobs`, and the runs of the command line that are among them."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from indexer.jobs.queue import submit
from tests.cli.conftest import COMMAND, Index, Ran, Run, colour_picture
from tests.small_catalog import open_catalog

ROWS = 12_000
"""Of a table that takes a while to index."""


def jobs(run: Run, data: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = run("jobs", "list", "--data", data, "--json").json["jobs"]
    return listed


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A table that takes many seconds to index, of one small picture again and again."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "a.png").write_bytes(colour_picture(1))
    rows = ["item_id,image", *(f"{number},a.png" for number in range(ROWS))]
    (folder / "t.csv").write_text("\n".join(rows))
    return folder / "t.csv"


def test_asking_makes_no_data_directory(run: Run, data: Path) -> None:
    for verb in (("list",), ("show", "0" * 32), ("follow", "0" * 32), ("cancel", "0" * 32), ()):
        ran = run("jobs", *verb, "--data", data)
        assert ran.code != 0
        assert not data.exists()


def test_options_stand_behind_the_verb(run: Run, data: Path) -> None:
    ran = run("jobs", "--data", data, "list")
    assert ran.code == 2
    assert "eyedex jobs list" in ran.error


def test_runs_are_listed_with_their_results(
    run: Run, index: Index, folder: Path, data: Path
) -> None:
    (folder / "A" / "bad.png").write_bytes(b"no picture")
    said = index(folder).json
    assert run("cluster", "--clusters", 2, "--data", data).code == 0
    assert run("evaluate", "--data", data).code == 0
    assert run("snapshot", data.parent / "s.tar", "--data", data).code == 0
    assert run("export", data.parent / "e.npy", "--data", data).code == 0
    assert run("calibrate", "--target", "nothing", "--data", data).code == 2
    found = jobs(run, data)
    assert [(job["kind"], job["state"], job["origin"]) for job in found] == [
        ("calibrate", "failed", "cli"),
        ("export", "done", "cli"),
        ("snapshot", "done", "cli"),
        ("evaluate", "done", "cli"),
        ("cluster", "done", "cli"),
        ("index", "done", "cli"),
    ]
    indexed = found[-1]
    assert indexed["result"] == said
    assert (indexed["done"], indexed["total"]) == (7, 7)
    assert indexed["params"] == {"source": "pictures", "encoder": "hsv"}
    assert [one["name"] for one in indexed["files"]] == ["rejects.jsonl"]
    assert found[0]["error"]["code"] == "bad_parameter"
    assert str(data.parent) not in json.dumps(found)


def test_dry_runs_are_no_jobs(run: Run, index: Index, folder: Path, data: Path) -> None:
    assert index(folder, "--dry-run").code == 0
    assert not data.exists()
    index(folder)
    assert index(folder, "--dry-run").code == 0
    assert len(jobs(run, data)) == 1


def test_a_job_is_shown_and_followed_to_its_end(
    run: Run, index: Index, folder: Path, data: Path
) -> None:
    (folder / "A" / "bad.png").write_bytes(b"no picture")
    index(folder)
    (job,) = jobs(run, data)
    shown = run("jobs", "show", job["id"], "--data", data)
    assert "index of default: done" in shown.out
    assert "6 added" in shown.out
    assert "1 rejected" in shown.out
    followed = run("jobs", "follow", job["id"], "--data", data, "--json")
    assert followed.code == 4
    assert followed.json["id"] == job["id"]
    assert run("jobs", "--data", data).out.count(job["id"]) == 1
    assert "job_finished" in run("jobs", "cancel", job["id"], "--data", data).error


def test_a_waiting_job_is_cancelled(run: Run, data: Path) -> None:
    with open_catalog(data) as catalog:
        job = submit(catalog, "default", "calibrate", {})
    assert run("jobs", "cancel", job.id, "--data", data).out == "cancelled\n"
    assert run("jobs", "follow", job.id, "--data", data).code == 130


def started(large: Path, data: Path, run: Run) -> "tuple[subprocess.Popen[str], dict[str, Any]]":
    """An indexing run that has committed something, and its job."""
    command = [*COMMAND, "index", large, "--data", data, "--encoder", "hsv", "--workers", "1"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if data.joinpath("catalog.sqlite").exists():
            found = jobs(run, data)
            if found and found[0]["done"]:
                return process, found[0]
        time.sleep(0.1)
    raise AssertionError(process.communicate())


def ended(process: "subprocess.Popen[str]") -> Ran:
    _, err = process.communicate(timeout=60)
    return Ran(process.returncode, "", err)


def test_a_run_is_cancelled_from_elsewhere(run: Run, large: Path, data: Path) -> None:
    process, job = started(large, data, run)
    assert (job["state"], job["stage"], job["total"]) == ("running", "indexing", ROWS)
    assert job["seconds_left"] > 0
    assert "told to stop" in run("jobs", "cancel", job["id"], "--data", data).out
    ran = ended(process)
    assert ran.code == 130
    assert "what was committed is safe" in ran.err
    (job,) = jobs(run, data)
    assert (job["state"], job["error"]) == ("cancelled", None)


@pytest.mark.long
def test_a_run_that_was_killed_is_told_as_interrupted(run: Run, large: Path, data: Path) -> None:
    process, job = started(large, data, run)
    os.kill(process.pid, signal.SIGKILL)
    ended(process)
    shown = run("jobs", "show", job["id"], "--data", data)
    assert "interrupted: its process was killed; run the command again" in shown.out
