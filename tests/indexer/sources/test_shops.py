"""What is told of a shop's export, and when a table is taken for none."""

import json
from pathlib import Path
from typing import Any

import pytest

from indexer.sources import Reject, SourceOptions, SourceRow, open_source
from indexer.sources.table import TableSource
from tests.indexer.sources.exports import EXPORTS
from tests.indexer.sources.memory_table import MemoryTable

TOLD = {
    "Google Merchant": [
        "recognised as a Google Merchant feed",
        "google_product_category is the label where product_type is empty",
    ],
    "Shopify": [
        "recognised as a Shopify export: a product's rows become one, with all its pictures",
        "options become columns with the values of all variants: Size, Color",
        "Variant Price: 1 product with several prices have that of the first variant",
    ],
    "WooCommerce": [
        "recognised as a WooCommerce export",
        "attributes become columns: Color",
        "1 variation has no picture of its own: left out",
        "the deepest of several categories is the label; all are in 'All categories'",
    ],
    "Shopify in JSON": [
        "recognised as products of Shopify in JSON",
        "options become columns with the values of all variants: Size, Color",
        "Variant Price: 1 product with several prices have that of the first variant",
    ],
    "WooCommerce in JSON": [
        "recognised as products of WooCommerce in JSON",
        "attributes become columns: Color",
    ],
    "Product Search": ["recognised as an import file of Google Cloud Product Search"],
}


@pytest.mark.parametrize("name", TOLD)
def test_what_was_made_of_an_export_is_told(name: str, tmp_path: Path) -> None:
    source = open_source(EXPORTS[name].write(tmp_path))
    assert set(TOLD[name]) <= set(source.notes)


def test_columns_that_were_used_up_are_in_the_report(tmp_path: Path) -> None:
    columns = {one.column: one for one in open_source(EXPORTS["Shopify"].write(tmp_path)).columns}
    assert columns["Variant Image"].becomes == "image"
    assert columns["Option1 Value"].becomes is None
    assert columns["Option1 Value"].note == "its values are in Size, Color"
    assert columns["Image Src"].examples == ("img/00.png", "img/04.png")


@pytest.mark.parametrize("name", ["Shopify in JSON", "WooCommerce in JSON"])
def test_columns_that_only_an_export_has_are_not_in_the_report(name: str, tmp_path: Path) -> None:
    columns = {one.column for one in open_source(EXPORTS[name].write(tmp_path)).columns}
    assert not columns & {"Option1 Name", "Image Position", "Attribute 1 name"}
    assert columns >= {"Variant Price", "Size"} or columns >= {"price", "Color"}


def test_another_id_or_picture_than_the_shops_makes_it_a_plain_table(tmp_path: Path) -> None:
    path = EXPORTS["Shopify"].write(tmp_path)
    source = open_source(path, SourceOptions(columns={"item_id": "Variant SKU"}))
    assert not any("Shopify" in note for note in source.notes)
    same = open_source(path, SourceOptions(columns={"item_id": "handle", "label": "Vendor"}))
    assert next(iter(same.rows())).line == 2
    assert {row.label for row in same.rows() if isinstance(row, SourceRow)} == {"ACME"}


def test_a_type_can_be_declared_for_a_column_of_a_shop(tmp_path: Path) -> None:
    path = EXPORTS["Shopify"].write(tmp_path)
    source = open_source(path, SourceOptions(types={"Tags": "text", "Image Position": "number"}))
    row = next(row for row in source.rows() if isinstance(row, SourceRow))
    assert row.attributes["Tags"] == "kitchen, blue"


def test_rejects_within_a_product_do_not_part_it() -> None:
    columns = ["Handle", "Title", "Image Src"]
    reject = Reject(3, None, "ragged_row", "2 cells; the header has 3")
    rows: list[Any] = [["a", "A", "1.jpg"], reject, ["a", "", "2.jpg"], ["b", "B", ""]]
    source = TableSource(MemoryTable(columns, rows))
    assert len(source) == 4
    assert [row.item_id for row in source.rows()] == [None, "a", "a/2", "b"]


@pytest.mark.parametrize(
    "columns",
    [
        ["id", "image_link", "colour"],
        ["handle", "image"],
        ["sku", "name", "image"],
        ["image-uri", "product-id"],
    ],
)
def test_a_few_familiar_columns_are_no_shop(columns: list[str]) -> None:
    source = TableSource(MemoryTable(columns, [["x"] * len(columns)]))
    assert not any("recognised" in note for note in source.notes)


def test_what_is_left_out_of_json_is_told(tmp_path: Path) -> None:
    attributes = [{"name": f"a{number}", "options": ["x"]} for number in range(60)]
    product = {"id": 1, "name": "Mug", "sku": "m", "images": [{"src": "a.jpg"}]}
    product |= {"categories": [{"name": "Mugs"}], "attributes": attributes}
    (tmp_path / "woo.json").write_text(json.dumps([product]))
    assert (
        "of 60 attributes of a product, the first 50 are taken"
        in open_source(tmp_path / "woo.json").notes
    )


def test_the_former_price_of_variants_stays(tmp_path: Path) -> None:
    variant = {"sku": "m", "price": "12.00", "compare_at_price": "15.00", "available": True}
    product = {"handle": "mug", "title": "Mug", "images": [{"src": "a.jpg"}], "variants": [variant]}
    (tmp_path / "products.json").write_text(json.dumps({"products": [product]}))
    source = open_source(tmp_path / "products.json")
    columns = {one.column for one in source.columns}
    assert {"Variant Price", "Variant Compare At Price"} <= columns
    assert "Variant Barcode" not in columns
    assert any(note.startswith("of variants, sku, price,") for note in source.notes)
