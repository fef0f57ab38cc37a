"""`eyedex collections schema`: which attributes there are, of which types, and other types."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Index, Run, colour_picture
from tests.conftest import copy_data, index_folder

TABLE = """item_id,image,price,size,sold,since,colors
a,0.png,3.50,1.10,yes,2025-01-02,red|blue
b,1.png,4.00,1.1,no,2025-03-04,green
c,2.png,,2.00,yes,2025-03-04T10:00:00+01:00,
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schema")
    for number in range(3):
        (folder / f"{number}.png").write_bytes(colour_picture(number))
    (folder / "shop.csv").write_text(TABLE)
    index_folder(folder / "shop.csv", folder / "data", encoder="hsv")
    return folder


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Path:
    """A data directory with three items."""
    for file in made.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    return copy_data(made / "data", tmp_path / "data")


def schema(run: Run, data: Path, *arguments: object) -> dict[str, Any]:
    """Type, kinds of values and examples by attribute."""
    found = run("collections", "schema", "default", "--data", data, "--json", *arguments).json
    return {each["name"]: each for each in found["attributes"]}


def test_the_types_are_shown(run: Run, shop: Path) -> None:
    found = schema(run, shop)
    assert {name: each["type"] for name, each in found.items()} == {
        "price": "number", "size": "text", "sold": "boolean", "since": "date", "colors": "text",
    }  # fmt: skip
    assert found["price"]["kinds"] == {"number": 2}
    assert found["price"]["examples"] == ["3.5", "4"]
    assert found["sold"]["filled"] == 3
    table = run("collections", "schema", "default", "--data", shop).out
    assert "attribute" in table
    assert "boolean 3" in table


def test_a_type_is_changed_for_all_items(run: Run, shop: Path) -> None:
    arguments = ("--type", "size=number", "--type", "colors=list:|")
    would = run("collections", "schema", "default", "--data", shop, *arguments, "--dry-run")
    assert "3 items would change" in would.out
    assert schema(run, shop)["size"]["type"] == "text"
    found = schema(run, shop, *arguments)
    assert (found["size"]["type"], found["size"]["kinds"]) == ("number", {"number": 3})
    assert (found["colors"]["type"], found["colors"]["kinds"]) == ("list:|", {"list": 2})
    photo = shop.parent / "0.png"
    for wanted in ("size < 1.2", "colors = blue"):
        ran = run("search", photo, "--data", shop, "--filter", wanted, "--json").json
        assert "a" in {each["item_id"] for each in ran["neighbors"]}
    again = run("collections", "schema", "default", "--data", shop, *arguments, "--json").json
    assert again["changed"] == 0


def test_values_that_do_not_fit_are_named_and_nothing_changes(run: Run, shop: Path) -> None:
    before = schema(run, shop)
    ran = run("collections", "schema", "default", "--data", shop, "--type", "since=number")
    assert ran.code == 2
    assert "3 values do not fit, nothing was changed" in ran.error
    assert "'2025-01-02' (item a)" in ran.error
    assert schema(run, shop) == before


@pytest.mark.parametrize(
    ("said", "word"),
    [("prize=number", "price"), ("price=money", "text, number"), ("price", "NAME=TYPE")],
)
def test_what_is_no_type(run: Run, shop: Path, said: str, word: str) -> None:
    ran = run("collections", "schema", "default", "--data", shop, "--type", said)
    assert ran.code in (2, 3)
    assert word in ran.error


def test_the_next_feed_follows_the_type(run: Run, index: Index, shop: Path) -> None:
    schema(run, shop, "--type", "size=number")
    (shop.parent / "more.csv").write_text("item_id,size\na,1.20\n")
    index(shop.parent / "more.csv")
    assert schema(run, shop)["size"]["kinds"] == {"number": 3}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("since = '2025/01/02'", {"a"}),
        ("since = '02.01.2025'", set()),
        ("since = 2025-01-02", {"a"}),
        ("since = '2025-03-04T11:00:00+02:00'", {"c"}),
        ("since = '2025-03-04T09:00:00Z'", {"c"}),
        ("since in ('2025/01/02', 2025-03-04)", {"a", "b"}),
        ("since > 31.01.2025", {"b", "c"}),
    ],
)
def test_dates_are_found_however_they_are_written(
    run: Run, shop: Path, wanted: str, found: set[str]
) -> None:
    photo = shop.parent / "0.png"
    ran = run("search", photo, "--data", shop, "--filter", wanted, "--json").json
    assert {each["item_id"] for each in ran["neighbors"]} == found
