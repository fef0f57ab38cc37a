"""Exit codes, the line on stderr, and signals."""

import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from search_engine.encoders import classic
from search_engine.storage.paths import DataPaths
from tests.cli.conftest import COMMAND, Index, Run, colour_picture, counts, run_outside
from tests.images.pictures import CORRUPT, jpeg

HOLD = """
import fcntl, sys
with open(sys.argv[1], "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""
MANY = 800


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["index"],
        ["index", "x", "--encoder"],
        ["index", "x", "--batch-size", "0"],
        ["index", "x", "--workers", "many"],
        ["index", "x", "--runtime", "abacus"],
        ["search", "x", "-k", "0"],
        ["search", "x", "-k", "201"],
        ["search", "x", "-k", "1e3"],
        ["serve", "--port", "70000"],
        ["serve", "--host", "0.0.0.0"],
        ["nonsense"],
        ["collections", "nonsense"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(
    run: Run, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert "rror: " in ran.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--filter", "{"], "bad_filter"),
        (["--filter", '{"field": "weight", "eq": 1}'], "unknown_field"),
        (["--box", "1,2,3"], "bad_parameter"),
        (["--group-by", "weight"], "bad_parameter"),
        (["--collection", "nothing"], "collection_not_found"),
        (["--collection", "../up"], "collection_not_found"),
    ],
)
def test_values_that_cannot_be_are_2_with_their_code(
    run: Run, hsv_data: Path, photo: Path, arguments: list[str], code: str
) -> None:
    ran = run("search", photo, "--data", hsv_data, *arguments)
    assert ran.code == 2
    assert ran.error.startswith(f"error: {code}: ")
    assert len(ran.err.splitlines()) == 1


def test_names_no_collection_can_have_are_2(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    for name in ("../up", "A", "a/b", ""):
        ran = index(folder, "--collection", name)
        assert ran.code == 2
        assert json.loads(ran.err.splitlines()[-1])["code"] == "bad_parameter"
    assert not (data / "indexes").exists()


def test_an_unknown_encoder_is_2(run: Run, data: Path, folder: Path) -> None:
    ran = run("index", folder, "--data", data, "--encoder", "oracle")
    assert ran.code == 2
    assert ran.error.startswith("error: unknown_encoder: ")
    assert "hsv" in ran.error


def test_bad_settings_in_the_environment_are_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, said in (
        ("EYEDEX_WORKERS", "many", "setting EYEDEX_WORKERS is 'many': "),
        ("EYEDEX_COLOUR", "blue", "there is no setting EYEDEX_COLOUR (environment); known: "),
        ("EYEDEX_WORKER", "2", "EYEDEX_WORKER (environment); did you mean EYEDEX_WORKERS?"),
    ):
        monkeypatch.setenv(name, value)
        ran = run("collections", "list")
        assert ran.code == 2
        assert said in ran.error
        monkeypatch.delenv(name)


def test_an_unusable_catalog_is_3(run: Run, tmp_path: Path, data: Path) -> None:
    ran = run("index", tmp_path / "nothing.csv", "--data", data)
    assert ran.code == 3
    assert ran.error.startswith("error: catalog_unusable: ")
    assert "nothing.csv" in ran.error


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty_file"), (b"text", "unsupported_type"), (CORRUPT["half a PNG"], "corrupt_image")],
)
def test_a_bad_photo_is_4(run: Run, hsv_data: Path, photo: Path, content: bytes, code: str) -> None:
    photo.write_bytes(content)
    ran = run("search", photo, "--data", hsv_data)
    assert ran.code == 4
    assert ran.error.startswith(f"error: {code}: ")


def test_a_photo_that_is_not_there_is_2(run: Run, hsv_data: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.jpg", Path(__file__) / "photo.jpg"):
        ran = run("search", path, "--data", hsv_data)
        assert ran.code == 2
        assert ran.error == f"error: not_found: there is no such picture ({path})"


def test_an_empty_folder_has_nothing_to_ask_with(run: Run, hsv_data: Path, tmp_path: Path) -> None:
    for verb in ("search", "classify"):
        ran = run(verb, tmp_path, "--data", hsv_data)
        assert (ran.code, ran.out, ran.err) == (0, "", "note: there is nothing to ask with\n")


def test_a_data_directory_that_is_a_file_is_5(
    run: Run, tmp_path: Path, folder: Path, photo: Path
) -> None:
    (tmp_path / "file").write_text("not a directory")
    for arguments in (
        ["index", folder, "--encoder", "hsv"],
        ["search", photo],
        ["check"],
        ["collections", "list"],
    ):
        ran = run(*arguments, "--data", tmp_path / "file")
        assert ran.code == 5
        assert ran.error.startswith("error: storage: ")


@pytest.mark.sqlite_only("damages the file")
def test_a_data_directory_that_is_damaged_is_5(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    for file in data.glob("catalog.sqlite*"):
        file.write_bytes(b"\x00" * 16_384)
    for arguments in (["check"], ["collections", "list"], ["index", folder]):
        ran = run(*arguments, "--data", data)
        assert ran.code == 5
        assert ran.error.startswith("error: storage")


ASKING = [
    ["search", "photo.png"],
    ["search", "--item", "a"],
    ["classify", "photo.png"],
    ["evaluate"],
    ["calibrate"],
    ["train", "--with", "centroid"],
    ["tune"],
    ["switch", "hog"],
    ["cluster"],
    ["check"],
    ["snapshot", "shop.eyedex.tar"],
    ["export", "all.npy"],
    ["encoders", "--bench"],
    ["collections", "list"],
    ["collections", "generations", "default"],
    ["collections", "compact", "default"],
    ["collections", "rollback", "default"],
    ["collections", "delete", "default", "--yes"],
    ["serve", "--read-only"],
]


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_asking_of_nothing_is_2_and_makes_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.png").write_bytes(colour_picture(1))
    ran = run(*arguments, "--data", "typo")
    assert ran.code == 2
    assert ran.error == (
        "error: not_found: there is no data directory at typo; index something first, or name "
        "another with --data or EYEDEX_DATA"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_a_second_run_on_the_same_collection_is_6(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    lock = DataPaths(data).index_run_lock("default")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        ran = index(folder)
        assert ran.code == 6
        assert json.loads(ran.err.splitlines()[-1])["code"] == "lock_held"
        assert index(folder, "--collection", "other").code == 0
        assert run("search", folder / "A" / "0.png", "--data", data).code == 0
    finally:
        holder.communicate()
    assert index(folder).code == 0


@pytest.mark.sqlite_only("holds the lock of the file")
def test_a_write_that_cannot_get_its_turn_is_6(
    run: Run, index: Index, data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(folder)
    monkeypatch.setenv("EYEDEX_LOCK_WAIT_S", "0")
    with DataPaths(data).lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = run("collections", "create", "late", "--data", data)
    assert ran.code == 6
    assert ran.error.startswith("error: lock_held: ")


def test_another_encoder_for_the_same_collection_is_7(
    run: Run, index: Index, data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(folder)
    changed = replace(classic.HSV_SPEC, pooling="4x4 cells")
    monkeypatch.setattr(classic, "HSV_SPEC", changed)
    ran = index(folder)
    assert ran.code == 7
    error = json.loads(ran.err.splitlines()[-1])
    assert error["code"] == "model_mismatch"
    assert "collection" in error["details"]["where"]
    searched = run("search", folder / "A" / "0.png", "--data", data)
    assert searched.code == 7
    assert searched.error.startswith("error: model_mismatch: ")
    monkeypatch.undo()
    assert counts(index(folder)) == (0, 0, 6, 0, 0)


def test_weights_that_are_no_weights_are_7(
    run: Run, data: Path, folder: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    bomb = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    for content in (bomb, b"", b"PK\x03\x04" + bytes(100)):
        (tmp_path / "weights.pth").write_bytes(content)
        ran = run(
            "index", folder, "--data", data, "--encoder", "torchvision:resnet18",
            "--weights", tmp_path / "weights.pth",
        )  # fmt: skip
        assert ran.code == 7
        assert ran.error.startswith("error: weights_unavailable: ")
    assert not marker.exists()


def test_errors_in_json_are_one_object(run: Run, hsv_data: Path, photo: Path) -> None:
    ran = run("search", photo, "--data", hsv_data, "--box", "1,2,3", "--json")
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    error = json.loads(line)
    assert set(error) == {"code", "message", "details"}
    assert set(error["details"]) == {"where", "fix"}
    assert error["code"] == "bad_parameter"
    assert error["details"]["where"] == "--box"


def test_the_line_tells_where_and_how_to_mend(run: Run, hsv_data: Path, photo: Path) -> None:
    ran = run("search", photo, "--data", hsv_data, "--box", "1,2,3")
    assert ran.error == (
        "error: bad_parameter: box is not four numbers (--box); give x,y,w,h as fractions "
        "from 0 to 1, or in pixels as 120px,40px,300px,300px"
    )


def test_line_breaks_in_names_do_not_break_the_line(run: Run, data: Path, tmp_path: Path) -> None:
    ran = run("index", tmp_path / "two\nlines.csv", "--data", data)
    assert len(ran.err.splitlines()) == 1
    assert "two lines.csv" in ran.error


def test_the_real_command_gives_code_and_streams(folder: Path, data: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"text")
    ran = run_outside("index", folder, "--data", data, "--encoder", "hsv", "--json", "--workers", 1)
    assert ran.code == 4
    assert counts(ran) == (6, 0, 0, 0, 1)
    searched = run_outside("search", folder / "bad.jpg", "--data", data, "--json")
    assert (searched.code, searched.out) == (4, "")
    assert json.loads(searched.err)["code"] == "unsupported_type"


def count_items(data: Path) -> int:
    """Committed items of a data directory that another process writes to."""
    try:
        uri = f"file:{data / 'catalog.sqlite'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM items").fetchone()[0])
    except sqlite3.Error:
        return 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "whole_group", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143)],
    ids=["Ctrl-C", "terminate"],
)
def test_an_interrupted_run_says_so_and_goes_on_later(
    index: Index, run: Run, data: Path, tmp_path: Path, number: int, whole_group: bool, code: int
) -> None:
    source = tmp_path / "many"
    source.mkdir()
    for each in range(MANY):
        (source / f"{each:04}.png").write_bytes(colour_picture(each))
    command = [
        "index",
        source,
        "--data",
        data,
        "--encoder",
        "hsv",
        "--workers",
        1,
        "--batch-size",
        2,
    ]
    process = subprocess.Popen(
        [*COMMAND, *map(str, command)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while count_items(data) < 20 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None
    os.killpg(process.pid, number) if whole_group else process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert out == ""
    assert "interrupted" in err
    assert "run again" in err
    assert "Traceback" not in err
    safe = count_items(data)
    assert 20 <= safe < MANY
    again = index(source)
    assert counts(again) == (MANY - safe, 0, safe, 0, 0)
    assert run("check", "--data", data).code == 0
