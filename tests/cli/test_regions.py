"""`--regions`, `--explain` and boxes in pixels on the command line."""

from pathlib import Path

from api.cli.exits import Exit
from tests.cli.conftest import Run


def test_parts_of_a_photo_are_searched_with(run: Run, hsv_data: Path, shopper_photo: Path) -> None:
    common = ("search", shopper_photo, "--data", hsv_data)
    found = run(*common, "--regions", "auto", "--json").json
    assert isinstance(found["regions"], list)
    boxed = run(*common, "--box", "0px,0px,50px,50px")
    assert boxed.code == Exit.OK


def test_an_item_has_no_parts(run: Run, hsv_data: Path) -> None:
    item = ("search", "--item", "backpack-0001-a", "--data", hsv_data)
    ran = run(*item, "--regions", "auto")
    assert ran.code == Exit.USAGE
    assert "it is about a photo, and there is none" in ran.error


def test_explanations_are_in_json_only(run: Run, hsv_data: Path) -> None:
    item = ("search", "--item", "backpack-0001-a", "--data", hsv_data, "--explain", "grid")
    assert "add --json" in run(*item).error
    assert run(*item, "--json").json["neighbors"][0]["explanation"]["item"]["grid"]
