"""`eyedex remove`: items by id or by a filter, all of them or none."""

from pathlib import Path

import pytest

from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.maintenance.check import check_data
from tests.cli.conftest import Run
from tests.small_catalog import bound_collection, draft, open_catalog, put


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A data directory with some items."""
    data = tmp_path / "data"
    with open_catalog(data) as catalog:
        prices = {"a": 1, "b": 5, "caf\u00e9": 9, "x/y": 9}
        drafts = [draft(name, attributes={"price": price}) for name, price in prices.items()]
        put(catalog, bound_collection(catalog), drafts)
    return data


def left(data: Path) -> list[str]:
    with open_catalog(data) as catalog:
        return sorted(catalog.item_ids(catalog.collection("default")))


@pytest.mark.parametrize(
    ("arguments", "removed", "stays"),
    [
        (["a"], 1, ["b", "caf\u00e9", "x/y"]),
        (["a", "x/y", "a"], 2, ["b", "caf\u00e9"]),
        (["cafe\u0301", "caf\u00e9"], 1, ["a", "b", "x/y"]),
        (["--filter", "price >= 5"], 3, ["a"]),
        (["--filter", "price > 100"], 0, ["a", "b", "caf\u00e9", "x/y"]),
        (["a", "--dry-run"], 1, ["a", "b", "caf\u00e9", "x/y"]),
        (["--filter", "price >= 5", "--dry-run"], 3, ["a", "b", "caf\u00e9", "x/y"]),
    ],
)
def test_items_are_removed(
    run: Run, filled: Path, arguments: list[str], removed: int, stays: list[str]
) -> None:
    ran = run("remove", *arguments, "--data", filled, "--json")
    assert (ran.code, ran.json["removed"]) == (0, removed)
    assert left(filled) == stays
    assert check_data(Settings(data=filled)).sound


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["a", "nothing"], "item_not_found"),
        ([], "bad_parameter"),
        (["a", "--filter", "price > 1"], "bad_parameter"),
        (["--filter", "weight > 1"], "unknown_field"),
        (["a", "--collection", "other"], "collection_not_found"),
    ],
)
def test_all_or_none(run: Run, filled: Path, arguments: list[str], code: str) -> None:
    ran = run("remove", *arguments, "--data", filled)
    assert ran.code == 2
    assert f"error: {code}" in ran.error
    assert len(left(filled)) == 4


def test_to_remove_creates_no_data_directory(run: Run, tmp_path: Path) -> None:
    assert run("remove", "a", "--data", tmp_path / "typo").code != 0
    assert not (tmp_path / "typo").exists()


def test_python_removes_several_or_none(filled: Path) -> None:
    with SearchEngine(filled) as engine:
        with pytest.raises(Exception, match="no item"):
            engine.remove("a", "nothing")
        engine.remove("a", "b")
    assert left(filled) == ["caf\u00e9", "x/y"]


def test_a_condition_that_nothing_can_fulfil_is_told(run: Run, filled: Path) -> None:
    ran = run("remove", "--filter", "item_id=A", "--data", filled)
    assert ran.out == "0 items removed\n"
    assert "note: no item has item_id 'A'; 'a' exists" in ran.err
