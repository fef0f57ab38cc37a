"""What an indexing run does with each row, as tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer.plan import NO_PICTURE, HashedRow, admit, plan
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
    seen: dict[str, int] = {}
    other = replace(ROW, description={"label": "Home/Cup"})
    rows = [hashed(), hashed(replace(ROW, item_id="b")), hashed(), hashed(ROW, "2"), hashed(other)]
    admitted = [admit(row, seen) for row in rows]
    assert admitted == ["new", "new", "repeat", "conflict", "conflict"]


def test_a_new_row_with_the_picture_of_a_gone_item_is_that_item() -> None:
    gone = {"hash": ITEM}
    row = replace(ROW, item_id="cup", description={"label": "Home/Cup"})
    made = plan([hashed(row), hashed(replace(row, item_id="copy"))], {}, (), gone)
    assert dict(made.describe) == {7: {"item_id": "cup", "label": "Home/Cup"}}
    assert made.moved == 1
    assert [each.row.item_id for each in made.encode] == ["copy"]
    assert gone == {}


def test_a_row_without_a_picture_changes_a_known_item_only() -> None:
    price = replace(ROW, image=None, description={"attributes": {"price": 4}})
    made = plan([HashedRow(price, NO_PICTURE)], {"mug": ITEM}, [7])
    assert dict(made.describe) == {7: {"attributes": {"price": 4}}}
    made = plan([HashedRow(price, NO_PICTURE)], {})
    assert [each.row for each in made.lacking] == [price]
    assert (made.encode, dict(made.describe), made.unchanged) == ((), {}, 0)


def test_a_new_picture_keeps_what_the_source_does_not_say() -> None:
    row = replace(ROW, description={"attributes": {"color": "red"}})
    (encoded,) = plan([hashed(row, "other")], {"mug": ITEM}).encode
    assert (encoded.row.label, encoded.row.product_id) == ("Home/Mug", "p-1")
    assert encoded.row.attributes == {"price": 3, "color": "red"}


def test_a_source_that_is_the_whole_truth_removes_what_it_does_not_say() -> None:
    row = replace(ROW, description={"attributes": {"color": "red"}})
    made = plan([hashed(row)], {"mug": ITEM}, whole=True)
    changes = {"label": None, "product_id": None, "attributes": {"color": "red"}}
    assert dict(made.describe) == {7: changes}
