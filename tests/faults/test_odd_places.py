"""Data directories and files whose paths are odd, and who may read what is written."""

import os
from pathlib import Path

import pytest

from tests.faults.test_interruption import eyedex

NO_TEXT = os.fsdecode(b"not\xff utf-8")


@pytest.mark.parametrize(
    "name", [NO_TEXT, "y" * 300, "/".join(["y" * 60] * 80)], ids=["bytes", "name", "path"]
)
@pytest.mark.parametrize("verb", ["index", "search", "check", "snapshot"])
def test_an_impossible_data_directory_is_refused_in_one_line(
    verb: str, name: str, source: Path, tmp_path: Path
) -> None:
    given = {
        "index": (source, "--encoder", "hsv"),
        "search": (next(source.parent.rglob("*.jpg")),),
        "check": (),
        "snapshot": (tmp_path / "s.tar",),
    }
    done = eyedex(verb, *given[verb], "--data", tmp_path / name)
    assert done.returncode in (2, 5), done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_source_whose_path_is_no_text_is_refused(source: Path, tmp_path: Path) -> None:
    table = tmp_path / NO_TEXT
    table.write_bytes(source.read_bytes())
    done = eyedex("index", table, "--data", tmp_path / "data", "--encoder", "hsv")
    assert done.returncode == 3
    assert done.stderr.startswith("error: catalog_unusable: the path is not UTF-8")


def test_what_is_written_is_for_its_owner_alone(hsv_data: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        for name in ("made.npy", "made.parquet"):
            assert eyedex("export", tmp_path / name, "--data", hsv_data).returncode == 0
        assert eyedex("snapshot", tmp_path / "made.tar", "--data", hsv_data).returncode == 0
    finally:
        os.umask(before)
    made = sorted(tmp_path.iterdir())
    assert [path.name for path in made] == ["made.json", "made.npy", "made.parquet", "made.tar"]
    assert [path.stat().st_mode & 0o077 for path in made] == [0] * 4
