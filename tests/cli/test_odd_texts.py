"""Texts of a catalog that a terminal or a spreadsheet would obey."""

import csv
import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from api.cli.terminal.streams import shown
from tests.cli.conftest import COMMAND, Run
from tests.conftest import copy_data, index_folder
from tests.images.pictures import jpeg, photo
from tests.sealing import execute, reseal

TITLE = "\x1b]0;owned\x07"
RED = "\x1b[31mmug\x9b31m\u202e"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    folder = root / "shop"
    folder.mkdir()
    for number, name in enumerate(("=1+1.jpg", "-2.jpg", "@x.jpg", "plain.jpg", "+5.jpg")):
        (folder / name).write_bytes(jpeg(photo(60 + 20 * number, 60)))
    data = root / "data"
    index_folder(folder, data, encoder="hsv")
    execute(
        data,
        "UPDATE items SET label = :odd",
        "UPDATE items SET label = '=HYPERLINK(1)' WHERE item_id = 'plain.jpg'",
        odd=RED + TITLE,
    )
    reseal(data)
    return root


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Path:
    """A folder `shop` with ids that are formulas, indexed into `data`; labels set by hand."""
    shutil.copytree(made / "shop", tmp_path / "shop")
    copy_data(made / "data", tmp_path / "data")
    return tmp_path / "shop"


def test_controls_are_spelled_out() -> None:
    assert shown(RED) == r"\x1b[31mmug\x9b31m\u202e"
    assert shown("a\tb\nc\r\x7f\u2028é 的 😀") == "a\tb\nc\\r\\x7f\\u2028é 的 😀".replace(
        r"\r", r"\x0d"
    )


@pytest.mark.parametrize(
    "verb",
    [
        ("search", "{0}/plain.jpg", "--facets", "label"),
        ("classify", "{0}/plain.jpg"),
        ("classify", "{0}"),
        ("evaluate",),
        ("cluster", "--clusters", "2"),
        ("check",),
        ("search", "{0}/\x1b[31mnone.jpg"),
        ("classify", "{0}/\x1b[31mnone"),
        ("search", "{0}/plain.jpg", "--filter", '{{"field": "\x1b[31m", "eq": 1}}'),
        ("collections", "delete", "\x1b[31m"),
        ("index", "{0}", "--\x1b[31m"),
    ],
    ids=lambda verb: ascii(" ".join(verb)),
)
def test_no_verb_prints_what_a_terminal_obeys(run: Run, shop: Path, verb: tuple[str, ...]) -> None:
    words = [word.format(shop) for word in verb]
    ran = run(*words, "--data", shop.parent / "data")
    for text in (ran.out, ran.err):
        assert shown(text) == text


def test_json_says_the_same_without_controls(run: Run, shop: Path) -> None:
    ran = run("search", shop / "plain.jpg", "--data", shop.parent / "data", "--json")
    assert "\x1b" not in ran.out
    assert "\x9b" not in ran.out
    labels = {one["label"] for one in json.loads(ran.out)["neighbors"]}
    assert labels == {RED + TITLE, "=HYPERLINK(1)"}


def test_a_terminal_gets_colours_and_bars_but_no_controls_of_labels(shop: Path) -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "EYEDEX_DATA": str(shop.parent / "data")}
    command = [*COMMAND, "search", str(shop / "plain.jpg")]
    subprocess.run(command, stdout=follower, stderr=follower, env=environment, check=True)
    os.close(follower)
    told = os.read(leader, 2**16).decode()
    os.close(leader)
    assert r"\x1b[31mmug\x9b31m\u202e\x1b]0;owned\x07" in told
    assert "\x1b[1m" in told  # the header is bold
    assert "\x1b]0;" not in told
    assert "\x1b[31m" not in told


def test_classified_rows_hold_no_formulas(run: Run, shop: Path) -> None:
    out = shop.parent / "out.csv"
    assert run("classify", shop, "--data", shop.parent / "data", "--output", out).code == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["item_id"] for row in rows} >= {"'=1+1.jpg", "'-2.jpg", "'@x.jpg", "'+5.jpg"}
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_table_of_clusters_holds_no_formulas_and_is_read_back_as_it_was(
    run: Run, shop: Path
) -> None:
    data, out = shop.parent / "own", shop.parent / "clusters.csv"
    assert run("index", shop, "--data", data, "--encoder", "hsv").code == 0
    execute(data, "UPDATE items SET label = '=HYPERLINK(1)'")
    reseal(data)
    assert run("cluster", "--clusters", "2", "--data", data, "--output", out).code == 0
    with out.open(newline="", encoding="utf-8") as file:
        ids = {row["item_id"] for row in csv.DictReader(file)}
    assert ids == {"'=1+1.jpg", "'-2.jpg", "'@x.jpg", "plain.jpg", "'+5.jpg"}
    other = shop.parent / "other"
    assert run("index", out, "--data", other, "--encoder", "hsv").code == 0
    found = {row.item_id: row.label for row in execute(other, "SELECT item_id, label FROM items")}
    names = ("=1+1.jpg", "-2.jpg", "@x.jpg", "plain.jpg", "+5.jpg")
    assert found == dict.fromkeys(names, "=HYPERLINK(1)")
