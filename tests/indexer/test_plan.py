"""What an indexing run does with each row, as tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer.plan import HashedRow, admit, gone, plan
from indexer.sources import SourceRow
from search_engine.records import CatalogItem

DESCRIPTION = {"label": "Home/Mug", "product_id": "p-1", "attributes": {"price": 3}}
ROW = SourceRow(2, "mug", Path("/pictures/mug.jpg"), DESCRIPTION)
ITEM = CatalogItem(7, "mug", "Home/Mug", "p-1", {"price": 3}, "hash", "/pictures/mug.jpg")


def hashed(row: SourceRow = ROW, content_hash: str = "hash") -> HashedRow:
    return HashedRow(row, content_hash)


def test_an_unknown_id_is_encoded() -> None:
    made = plan([hashed()], {})
    assert made.encode == (hashed(),)
    assert (dict(made.describe), made.unchanged) == ({}, 0)


def test_another_picture_is_encoded_whatever_else_changed() -> None:
    row = hashed(replace(ROW, description={**DESCRIPTION, "label": "Home/Cup"}), "other hash")
    made = plan([row], {"mug": ITEM})
    assert made.encode == (row,)
    assert (dict(made.describe), made.unchanged) == ({}, 0)


def test_the_same_row_again_is_unchanged() -> None:
    made = plan([hashed()], {"mug": ITEM})
    assert (made.encode, dict(made.describe), made.unchanged) == ((), {}, 1)


@pytest.mark.parametrize(
    ("says", "wanted"),
    [
        ({"label": "Home/Cup"}, {"label": "Home/Cup"}),
        ({"label": None}, {"label": None}),
        ({"product_id": "p-2"}, {"product_id": "p-2"}),
        ({"attributes": {"price": 4}}, {"attributes": {"price": 4}}),
        ({"attributes": {"price": None}}, {"attributes": {}}),
        ({"attributes": {"color": "red"}}, {"attributes": {"price": 3, "color": "red"}}),
        ({"label": "x", "product_id": None}, {"label": "x", "product_id": None}),
    ],
)
def test_what_a_source_says_is_merged_by_key(says: dict[str, Any], wanted: dict[str, Any]) -> None:
    made = plan([hashed(replace(ROW, description=says))], {"mug": ITEM})
    assert dict(made.describe) == {7: wanted}
    assert (made.encode, made.unchanged) == ((), 0)


@pytest.mark.parametrize("says", [{}, {"attributes": {}}, {"label": "Home/Mug"}])
def test_what_a_source_does_not_say_stays(says: dict[str, Any]) -> None:
    assert plan([hashed(replace(ROW, description=says))], {"mug": ITEM}).unchanged == 1


def test_a_picture_in_another_place_is_described() -> None:
    made = plan([hashed(replace(ROW, image=Path("/new/mug.jpg")))], {"mug": ITEM})
    assert dict(made.describe) == {7: {"picture": "/new/mug.jpg"}}


def test_the_line_of_a_row_is_no_change() -> None:
    assert plan([hashed(replace(ROW, line=99))], {"mug": ITEM}).unchanged == 1


def test_rows_keep_their_order() -> None:
    rows = [hashed(replace(ROW, item_id=name)) for name in ("c", "a", "b")]
    assert [row.row.item_id for row in plan(rows, {}).encode] == ["c", "a", "b"]


def test_an_id_is_admitted_once_and_must_not_contradict_itself() -> None:
    seen: dict[str, str] = {}
    steps = [("a", "1"), ("b", "1"), ("a", "1"), ("a", "2"), ("a", "1")]
    assert [admit(*step, seen) for step in steps] == ["new", "new", "repeat", "conflict", "repeat"]
    assert seen == {"a": "1", "b": "1"}


def test_gone_is_what_the_source_does_not_list_in_the_catalogs_order() -> None:
    assert gone(["z", "a", "m"], {"a": "1"}) == ["z", "m"]
    assert gone([], {"a": "1"}) == []
