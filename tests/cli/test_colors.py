"""`eyedex colors`, and `--q` and `--color` of searches."""

from pathlib import Path

import pytest

from api.cli.exits import Exit
from tests.cli.conftest import Run
from tests.conftest import copy_data
from tests.sealing import execute, reseal


@pytest.fixture
def forgotten(hsv_data: Path, tmp_path: Path) -> Path:
    """A data directory whose pictures were indexed before anybody looked for colours."""
    data = copy_data(hsv_data, tmp_path / "data")
    execute(data, "UPDATE items SET palette = NULL, colors = NULL WHERE key <= 20")
    reseal(data)
    return data


def test_colours_of_earlier_pictures_are_found_once(
    run: Run, hsv_data: Path, forgotten: Path
) -> None:
    common = ("search", "--color", "teal", "-k", "200", "--json", "--data")
    before = run(*common, forgotten).json
    assert "eyedex colors" in before["warnings"][0]
    assert run("colors", "--json", "--data", forgotten).json == {
        "asked": 20, "found": 20, "unread": 0,
    }  # fmt: skip
    assert "0 pictures" in run("colors", "--data", forgotten).out
    after = run(*common, forgotten).json
    assert after["warnings"] == []
    scores = {one["item_id"]: one["score"] for one in after["neighbors"]}
    for one in run(*common, hsv_data).json["neighbors"]:  # decoded smaller, for its encoder
        assert scores.get(one["item_id"], 0) == pytest.approx(one["score"], abs=0.1)


def test_pictures_that_are_gone_are_counted(run: Run, forgotten: Path) -> None:
    execute(forgotten, "UPDATE items SET picture = '/gone.jpg' WHERE key <= 3")
    reseal(forgotten)
    ran = run("colors", "--data", forgotten)
    assert ran.code == Exit.OK
    assert "colours of 17 pictures found" in ran.out
    assert "3 pictures could not be read" in ran.err


def test_searches_by_words_and_colours(run: Run, hsv_data: Path, shopper_photo: Path) -> None:
    data = ("--data", hsv_data)
    assert "backpack" in run("search", "-q", "backpack", *data).out
    assert run("search", shopper_photo, "--color", "same", "-q", "red", *data).code == Exit.OK
    assert "did you mean teal" in run("search", "--color", "teel", *data).err
    assert run("search", "--color-weight", "0.3", *data).code == Exit.USAGE
    assert "add --json" in run("search", "-q", "mug", "--include", "palette", *data).err
