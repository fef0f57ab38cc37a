"""A table as a source: what it says of items, which rows it rejects, and what is remembered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from indexer.sources import Reject, SourceOptions, SourceRow
from indexer.sources.table import TableSource
from tests.indexer.sources.memory_table import MemoryTable

Cells = Sequence[Any] | Mapping[str, Any] | Reject


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "Home/Mugs/c.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")
    return tmp_path


def opened(
    folder: Path, columns: Sequence[str], *rows: Cells, options: SourceOptions | None = None
) -> TableSource:
    table = MemoryTable(columns, rows, folder / "t.csv")
    return TableSource(table, options or SourceOptions())


def row_of(source: TableSource) -> SourceRow:
    (row,) = source.rows()
    assert isinstance(row, SourceRow), row
    return row


def test_a_row_says_only_what_the_table_has(folder: Path) -> None:
    columns = ["id", "image", "price"]
    row = row_of(opened(folder, columns, ["x", "a.jpg", "5"]))
    assert row == SourceRow(2, "x", folder / "a.jpg", {"attributes": {"price": 5}})


def test_an_empty_cell_clears_and_an_absent_column_does_not(folder: Path) -> None:
    columns = ["id", "image", "label", "product_id", "price"]
    row = row_of(opened(folder, columns, ["x", "a.jpg", "", "", ""]))
    assert row.description == {"label": None, "product_id": None, "attributes": {"price": None}}
    absent = row_of(opened(folder, columns, {"id": "x", "image": "a.jpg"}))
    assert absent.description == {"attributes": {}}


def test_a_table_without_pictures_changes_what_is_known(folder: Path) -> None:
    source = opened(folder, ["sku", "price"], ["x", "19.90"])
    assert row_of(source) == SourceRow(2, "x", None, {"attributes": {"price": 19.9}})
    assert "it changes what is known of items" in " ".join(source.notes)


def test_a_row_without_a_picture_is_one_of_a_known_item(folder: Path) -> None:
    assert row_of(opened(folder, ["id", "image"], ["x", ""])).image is None


def test_without_ids_the_path_is_the_id(folder: Path) -> None:
    source = opened(folder, ["file_name"], [".\\Home\\Mugs\\c.jpg"])
    assert row_of(source).item_id == "Home/Mugs/c.jpg"


def test_without_ids_each_picture_has_its_own_path(folder: Path) -> None:
    source = opened(folder, ["image"], ["a.jpg, b.jpg"], [""])
    rows = list(source.rows())
    assert [(row.item_id, row.product_id) for row in rows if isinstance(row, SourceRow)] == [
        ("a.jpg", "a.jpg"),
        ("b.jpg", "a.jpg"),
    ]
    assert isinstance(rows[2], Reject)
    assert (rows[2].item_id, rows[2].code) == (None, "bad_id")
    assert list(source.ids()) == ["a.jpg", "b.jpg"]


def test_labels_come_from_the_folder_where_that_is_said(folder: Path) -> None:
    options = SourceOptions(label_from="parent")
    columns = ["id", "image", "label"]
    row = row_of(opened(folder, columns, ["x", "Home/Mugs/c.jpg", "old"], options=options))
    assert row.label == "Home/Mugs"
    assert row.attributes == {"label_column": "old"}


def test_several_pictures_are_views_of_one_product(folder: Path) -> None:
    source = opened(folder, ["id", "image", "price"], ["x", "a.jpg, b.jpg", "5"])
    assert len(source) == 2
    assert list(source.ids()) == ["x", "x/2"]
    first, second = source.rows()
    assert isinstance(first, SourceRow)
    assert isinstance(second, SourceRow)
    assert [(row.item_id, row.product_id, row.line) for row in (first, second)] == [
        ("x", "x", 2),
        ("x/2", "x", 2),
    ]
    assert first.description == second.description
    assert "1 row names several pictures" in " ".join(source.notes)


def test_a_product_that_is_named_stays_the_product(folder: Path) -> None:
    columns = ["id", "image", "product_id"]
    rows = opened(folder, columns, ["x", "a.jpg, b.jpg", "p"], ["y", "a.jpg, b.jpg", ""]).rows()
    assert [row.product_id for row in rows if isinstance(row, SourceRow)] == ["p", "p", "y", "y"]


def test_a_missing_view_costs_only_itself(folder: Path) -> None:
    first, second = opened(folder, ["id", "image"], ["x", "a.jpg, no.jpg"]).rows()
    assert isinstance(first, SourceRow)
    assert second == Reject(2, "x/2", "missing_file", f"there is no such picture: {folder}/no.jpg")


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        (["", "a.jpg", "l", "5"], "bad_id"),
        (["a//b", "a.jpg", "l", "5"], "bad_id"),
        (["x", "no.jpg", "l", "5"], "missing_file"),
        (["x", "a.jpg", "l\n", "5"], "bad_value"),
        (["x", "a.jpg", "l", "six"], "bad_value"),
        (["x", "https://shop.example/a.jpg", "l", "5"], "url_denied"),
    ],
)
def test_a_row_that_cannot_be_used_is_a_reject(folder: Path, cells: list[str], code: str) -> None:
    options = SourceOptions(types={"price": "number"})
    source = opened(folder, ["id", "image", "label", "price"], cells, options=options)
    (row,) = source.rows()
    assert isinstance(row, Reject)
    assert (row.line, row.code) == (2, code)
    assert len(source) == 1


def test_rejects_of_the_file_are_passed_on(folder: Path) -> None:
    reject = Reject(2, None, "ragged_row", "3 cells; the header has 2")
    source = opened(folder, ["id", "image"], reject, ["x", "a.jpg"])
    assert next(iter(source.rows())) == reject
    assert len(source) == 2
    assert list(source.ids()) == ["x"]


def test_ids_are_texts_whatever_the_file_has(folder: Path) -> None:
    source = opened(folder, ["id", "image", "label"], [1001, "a.jpg", 7], [1002.0, "b.jpg", True])
    rows = [row for row in source.rows() if isinstance(row, SourceRow)]
    assert [(row.item_id, row.label) for row in rows] == [("1001", "7"), ("1002", "true")]


def test_names_that_no_attribute_can_have_are_told(folder: Path) -> None:
    source = opened(folder, ["id", 'size "L"', "a\\b"], ["x", "1", "2"])
    assert row_of(source).attributes == {"size L": 1, "ab": 2}
    assert "is called 'size L'" in str(source.columns[1].note)


def test_what_was_found_can_be_remembered(folder: Path) -> None:
    first = opened(folder, ["ean", "sku", "Bild", "Preis"], ["1", "x", "a.jpg", "1.299,00"],
                   options=SourceOptions(columns={"item_id": "ean"}))  # fmt: skip
    assert first.mapping == {"item_id": "ean", "image": "Bild"}
    assert first.types == {"sku": "text", "Preis": "number:,"}
    again = SourceOptions(known_columns=first.mapping, known_types=first.types)
    later = opened(folder, ["sku", "ean", "Preis"], ["7", "1", "1.299"], options=again)
    assert row_of(later) == SourceRow(2, "1", None, {"attributes": {"sku": "7", "Preis": 1299}})


def test_a_collection_is_asked_by_what_the_columns_become(folder: Path) -> None:
    source = opened(folder, ["id", "image", "category", "price"], ["x", "a.jpg", "A > B", "5 EUR"])
    assert [(one.column, one.becomes, one.kind) for one in source.columns] == [
        ("id", "item_id", "text"),
        ("image", "image", "text"),
        ("category", "label", "text"),
        ("price", "price", "number"),
    ]


def test_objects_become_columns_one_level_deep(folder: Path) -> None:
    source = opened(
        folder,
        ["id", "size"],
        {"id": "x", "size": {"w": 1, "more": {"a": 1}}},
        {"id": "y", "size": {"h": 2.5}},
        {"id": "z", "size": None},
        {"id": "none"},
    )
    known = [row.description["attributes"] for row in source.rows() if isinstance(row, SourceRow)]
    assert known == [
        {"size.w": 1, "size.more": '{"a": 1}'},
        {"size.h": 2.5},
        {"size.w": None, "size.more": None, "size.h": None},
        {},
    ]
    assert "objects become columns such as size.w" in " ".join(source.notes)


def test_objects_of_many_keys_stay_as_they_are(folder: Path) -> None:
    source = opened(folder, ["id", "o"], ["x", {str(n): n for n in range(300)}])
    assert [one.column for one in source.columns] == ["id", "o"]
    assert row_of(source).attributes["o"].startswith('{"0": 0')
