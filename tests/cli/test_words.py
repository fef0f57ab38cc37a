"""What the command line says, and that it never ends in a traceback for what a user can do."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from api.cli.catalog.run_report import print_indexed
from indexer.report import RunReport
from tests.cli.conftest import COMMAND, Index, Run
from tests.images.pictures import CORRUPT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["indx"], "there is no verb 'indx'; did you mean index? (see `eyedex --help`)"),
        (["frobnicate"], "there is no verb 'frobnicate'; see `eyedex --help`"),
        (["collections", "lst"], "there is no verb 'lst'; did you mean list? "),
        (["index", "x", "--encdoer"], "there is no option --encdoer; did you mean --encoder?"),
        (["check", "--frobnicate"], "there is no option --frobnicate; see `eyedex check --help`"),
        (["index"], "missing argument 'source'; see `eyedex index --help`"),
    ],
)  # fmt: skip
def test_wrong_words_get_the_right_ones(run: Run, arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.error.startswith(f"error: bad_parameter: {said}")


def test_a_run_counts_what_it_rejected_by_reason(run: Run, data: Path, folder: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(CORRUPT["half a JPEG"])
    (folder / "c.jpg").write_bytes(b"")
    arguments = ("index", folder, "--data", data, "--encoder", "hsv", "--workers", 1)
    ran = run(*arguments)
    assert "3 rejected: 2 corrupt_image, 1 empty_file" in ran.out
    assert "which were rejected, and why: " in ran.err
    reasons = run(*arguments, "--json").json["reasons"]
    assert reasons == {"corrupt_image": 2, "empty_file": 1}


def test_a_short_run_names_no_bottleneck(run: Run, data: Path, folder: Path) -> None:
    ran = run("index", folder, "--data", data, "--encoder", "hsv", "--workers", 1)
    assert "limited by" not in ran.out


@pytest.mark.parametrize(
    ("stages", "waits", "said"),
    [
        ({"decode": 30.0}, {"decode": 20.0}, "limited by: decode ("),
        ({"encode": 19.0}, {"encode": 18.0}, "limited by: encode (`eyedex encoders --bench`"),
        ({"start": 19.0}, {"encode": 1.0}, None),
    ],
)
def test_a_long_run_says_what_would_help(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    stages: dict[str, float],
    waits: dict[str, float],
    said: str | None,
) -> None:
    report = RunReport(added=100, encoded=100, seconds=20.0, stages=stages, waits=waits)
    print_indexed(report, tmp_path / "rejects.jsonl")
    out = capsys.readouterr().out
    assert "20.0 s, 5.0 images/s" in out
    assert said in out if said else "limited by" not in out


def test_nothing_to_index_is_said(index: Index, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert "there is nothing to index in folder" in index(tmp_path / "nothing").err


def test_the_path_of_a_missing_picture_is_named(
    run: Run, index: Index, data: Path, folder: Path, tmp_path: Path
) -> None:
    index(folder)
    (folder / "gone.png").symlink_to("nowhere.png")
    index(folder)
    (line,) = (data / "rejects.jsonl").read_text().splitlines()
    assert json.loads(line)["reason"] == f"there is no such picture: {folder / 'gone.png'}"
    for arguments in (["search"], ["classify"], ["classify", "--output", tmp_path / "answers.csv"]):
        ran = run(*arguments, tmp_path / "typo.jpg", "--data", data)
        assert ran.code == 2
        assert ran.error == f"error: not_found: there is no such picture ({tmp_path / 'typo.jpg'})"


def test_names_that_are_nearly_right_are_told(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder, "--collection", "summer")
    photo = folder / "A" / "0.png"
    near = run("search", photo, "--data", data, "--collection", "sumer").error
    assert near.endswith("there is no collection 'sumer'; did you mean 'summer'?")
    for name in ("winter", "x"):
        far = run("search", photo, "--data", data, "--collection", name).error
        assert far.endswith(f"there is no collection {name!r}; known: summer")
    missing = run("search", "--item", "mug-9", "--data", data, "--collection", "summer").error
    assert missing.endswith("there is no item of this id (mug-9)")


def test_an_empty_collection_is_deleted_without_more_ado(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    run("collections", "create", "spring", "--data", data)
    assert run("collections", "delete", "spring", "--data", data).code == 0
    index(folder)
    refused = run("collections", "delete", "default", "--data", data)
    assert refused.code == 2
    assert "this deletes 6 items of collection 'default'; add --yes" in refused.error


@pytest.mark.sqlite_only("it is about SQLite's version")
def test_a_note_that_is_no_damage_is_told_once(
    run: Run, index: Index, data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_engine.maintenance.check.FIXED_SQLITE", (999, 0, 0))
    index(folder)
    assert "note: SQLite" in run("check", "--data", data).out
    assert "note: SQLite" not in run("check", "--data", data).out
    notes = run("check", "--data", data, "--json").json["findings"]
    assert [one["level"] for one in notes] == ["note"]


def ended(arguments: list[str], **streams: object) -> tuple[int, str]:
    """Exit code and stderr of a command with streams of its own."""
    done = subprocess.run([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True, **streams)  # type: ignore[call-overload]
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.fixture
def search(index: Index, data: Path, folder: Path) -> list[str]:
    """The arguments of a search in an indexed folder."""
    index(folder)
    return ["search", str(folder / "A" / "0.png"), "--data", str(data)]


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_output_that_nobody_takes_ends_quietly(search: list[str], as_json: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    assert ended([*search, *as_json], stdout=writing) == (141, "")
    os.close(writing)


@pytest.mark.parametrize(
    "as_json", [[], pytest.param(["--json"], marks=pytest.mark.slow)], ids=["text", "json"]
)
def test_output_that_has_no_place_is_told_unless_nobody_wants_it(
    search: list[str], as_json: list[str]
) -> None:
    note = "" if as_json else "note: the same picture as the photo: A/0.png\n"
    assert ended([*search, *as_json], preexec_fn=lambda: os.close(1)) == (0, note)
    with open("/dev/full", "w") as full:
        code, said = ended([*search, *as_json], stdout=full)
    assert code == 5
    assert "No space left on device" in said
