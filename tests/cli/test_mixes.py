"""`eyedex search` with examples and orders."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.verbs import app_of
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError


def search(data: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app_of(), ["search", *words, "--data", str(data), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def found(body: dict[str, Any]) -> list[str]:
    return [each["item_id"] for each in body["neighbors"]]


@pytest.fixture(scope="module")
def items(hsv_data: Path) -> list[str]:
    with SearchEngine(hsv_data) as engine:
        return [each.item_id for each in engine.items()]


def test_items_that_are_liked_and_not(
    hsv_data: Path, shopper_photo: Path, items: list[str]
) -> None:
    basket = search(hsv_data, "--like", items[0], "--like", items[8], "--unlike", items[20])
    assert not {items[0], items[8], items[20]} & set(found(basket))
    with SearchEngine(hsv_data) as engine:
        wanted = engine.search(shopper_photo, like=[items[0]], mix="best", diversity=0.4)
    words = ["--like", items[0], "--mix", "best", "--diversity", "0.4"]
    by_line = search(hsv_data, str(shopper_photo), *words)
    assert found(by_line) == [each.item.item_id for each in wanted.neighbors]


def test_boosts_and_views(hsv_data: Path, items: list[str]) -> None:
    words = ["--item", items[0], "--boost", "price:-0.5", "--group-by", "product_id"]
    body = search(hsv_data, *words)
    assert all(each["views"]["count"] >= 1 for each in body["neighbors"])
    done = CliRunner().invoke(app_of(), ["search", *words, "--data", str(hsv_data)])
    assert "views" in done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--unlike", "x"],
        ["--like", "nowhere"],
        ["--item", "x", "--boost", "price"],
        ["--like", "x", "--box", "0,0,1,1"],
    ],
)
def test_what_cannot_be_asked(hsv_data: Path, words: list[str]) -> None:
    done = CliRunner().invoke(app_of(), ["search", *words, "--data", str(hsv_data)])
    assert isinstance(done.exception, EyedexError)
