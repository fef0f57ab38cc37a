"""`eyedex index --watch`: a folder and a table kept in step."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from watchfiles import Change

from api.cli.catalog.watching import SourceChanges
from tests.cli.conftest import COMMAND, Run, colour_picture

pytestmark = pytest.mark.long

WAIT_S = 60.0


def items(run: Run, data: Path, photo: Path) -> set[str]:
    found = run("search", photo, "--data", data, "-k", 50, "--json").json["neighbors"]
    return {each["item_id"] for each in found}


def test_a_folder_is_kept_in_step(run: Run, data: Path, folder: Path, tmp_path: Path) -> None:
    flags = ("--data", data, "--encoder", "hsv", "--workers", 1, "--json", "--prune", "--yes")
    command = [*COMMAND, "index", folder, *flags, "--watch"]
    log = tmp_path / "log"
    with log.open("w") as out:
        watching = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(log, '"added": 6')
        wait_for(log, "watching ")
        (folder / "C").mkdir()
        (folder / "C" / "new.png").write_bytes(colour_picture(77))
        wait_for(log, '"added": 1')
        (folder / "A" / "0.png").unlink()
        wait_for(log, '"removed": 1')
    finally:
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 0
    assert "KeyboardInterrupt" not in log.read_text()
    wanted = {"A/2.png", "A/4.png", "B/1.png", "B/3.png", "B/5.png", "C/new.png"}
    assert items(run, data, folder / "A" / "2.png") == wanted


def test_a_table_that_is_broken_for_a_while_is_waited_for(
    data: Path, folder: Path, tmp_path: Path
) -> None:
    table = folder / "shop.csv"
    table.write_text("item_id,image\na,A/0.png\n")
    command = [*COMMAND, "index", table, "--data", data, "--encoder", "hsv", "--json", "--watch"]
    log = tmp_path / "log"
    with log.open("w") as out:
        watching = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(log, "watching ")
        table.write_text("")
        wait_for(log, "catalog_unusable")
        table.write_text("item_id,image\na,A/0.png\nb,B/1.png\n")
        wait_for(log, '"added": 1, "updated": 0, "unchanged": 1')
    finally:
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(30) == 0


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("shop.csv", True),
        ("A/0.png", True),
        ("A", True),
        ("gone.xyz", True),
        ("photo", True),
        ("log.txt", False),
        ("other.csv", False),
        ("eyedex-data/eyedex.db-wal", False),
        ("eyedex-data/pictures/a.png", False),
        ("eyedex-data-old/a.png", True),
        (".git/index", False),
    ],
)
def test_only_changes_of_the_source_count(folder: Path, changed: str, counts: bool) -> None:
    for name in ("shop.csv", "log.txt", "other.csv", "eyedex-data/eyedex.db-wal"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("a,b\n")
    (folder / "photo").write_bytes(colour_picture(77))
    wanted = SourceChanges(folder / "shop.csv", folder / "eyedex-data")
    assert wanted(Change.modified, str(folder / changed)) is counts


def test_what_a_run_writes_beside_its_table_begins_no_other(folder: Path, tmp_path: Path) -> None:
    table, log = folder / "shop.csv", folder / "log.txt"
    table.write_text("item_id,image\na,A/0.png\n")
    flags = ("--data", folder / "eyedex-data", "--encoder", "hsv", "--json", "--watch")
    with log.open("w") as out:
        watching = subprocess.Popen(
            list(map(str, [*COMMAND, "index", table, *flags])), stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_for(log, "watching ")
        table.write_text("item_id,image\na,A/0.png\nb,B/1.png\n")
        wait_for(log, '"added": 1, "updated": 0, "unchanged": 1')
        (folder / "A" / "0.png").write_bytes(colour_picture(77))  # seen after all that came before
        wait_for(log, '"updated": 1')
    finally:
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(30) == 0
    assert log.read_text().count('"added"') == 3


def wait_for(log: Path, text: str) -> None:
    """Until the log has a text."""
    deadline = time.monotonic() + WAIT_S
    while text not in log.read_text():
        assert time.monotonic() < deadline, f"{text!r} does not come:\n{log.read_text()}"
        time.sleep(0.05)
