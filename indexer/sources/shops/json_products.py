"""Products as Shopify and WooCommerce give them in JSON, rewritten to the rows of their exports.

`/products.json` of a shop and answers of both APIs have pictures, variants, categories and
attributes as lists of objects. In the form of an export they are read by the layout of that shop,
with the same names: a catalog may be kept by either.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from typing import Any

from indexer.sources.base import Reject
from indexer.sources.mapping import plain_name
from indexer.sources.records import Record, Table
from indexer.sources.shapes import is_empty, text_of
from indexer.sources.shops import shopify, woocommerce
from indexer.sources.shops.base import Header, Layout, RewrittenTable

LOOKED_AT = 100
"""Lists of objects must occur among so many first records."""

OPTIONS = (1, 2, 3)
SHOPIFY_NAMES = {
    "handle": "Handle", "title": "Title", "bodyhtml": "Body (HTML)", "vendor": "Vendor",
    "producttype": "Type", "tags": "Tags", "status": "Status",
}  # fmt: skip
SHOPIFY_VARIANT = {
    "sku": "Variant SKU", "price": "Variant Price", "compare_at_price": "Variant Compare At Price",
    "barcode": "Variant Barcode", "grams": "Variant Grams",
}  # fmt: skip
SHOPIFY_LISTS = ("images", "variants", "options")

WOOCOMMERCE_NAMES = {
    "id": "ID", "type": "Type", "sku": "SKU", "name": "Name", "categories": "Categories",
    "tags": "Tags", "images": "Images", "parentid": "Parent",
}  # fmt: skip
MAX_ATTRIBUTES = 50
"""Of a product of WooCommerce; those behind them are left out, and that is told."""


def shopify_layout_of(table: Table) -> Layout | None:
    """Return the layout of products of Shopify; None for any other table."""
    if not Header(table).has("handle", "title", "images", "variants"):
        return None
    if not _has_objects(table, "images", "variants"):
        return None
    kept = _kept(table, SHOPIFY_NAMES, ("image", *SHOPIFY_LISTS))
    made = [
        "Image Src",
        "Image Position",
        *_variant_columns(table),
        *(f"Option{number} {what}" for number in OPTIONS for what in ("Name", "Value")),
    ]
    rows = _rewritten(table, kept, made, _rows_of_shopify)
    taken = f"of variants, {', '.join(SHOPIFY_VARIANT)} and options are taken, of pictures src"
    what = "recognised as products of Shopify in JSON"
    return _as_given(shopify.layout_of(rows), made, what, taken)


def _variant_columns(table: Table) -> list[str]:
    """What an export calls the fields that some variant has."""
    seen = {
        name
        for record in table.records()
        if isinstance(record, Record)
        for variant in _objects(_cell(record, "variants"))
        for name in SHOPIFY_VARIANT
        if not is_empty(variant.get(name))
    }
    return [column for name, column in SHOPIFY_VARIANT.items() if name in seen]


def woocommerce_layout_of(table: Table) -> Layout | None:
    """Return the layout of products of WooCommerce; None for any other table."""
    if not Header(table).has("id", "name", "sku", "images", "categories"):
        return None
    if not _has_objects(table, "images", "categories"):
        return None
    kept = _kept(table, WOOCOMMERCE_NAMES, ("attributes",))
    records = (each for each in table.records() if isinstance(each, Record))
    most = max((len(_objects(_cell(each, "attributes"))) for each in records), default=0)
    made = [
        f"Attribute {number} {what}"
        for number in range(1, min(most, MAX_ATTRIBUTES) + 1)
        for what in ("name", "value(s)")
    ]
    rows = _rewritten(table, kept, made, _rows_of_woocommerce)
    told = ["recognised as products of WooCommerce in JSON"]
    if most > MAX_ATTRIBUTES:
        told.append(f"of {most:,} attributes of a product, the first {MAX_ATTRIBUTES} are taken")
    return _as_given(woocommerce.layout_of(rows), made, *told)


def _as_given(layout: Layout | None, made: Sequence[str], *told: str) -> Layout | None:
    """The layout of an export, told as what it was; columns that only an export has are not."""
    if layout is None:
        return None
    consumed = tuple(each for each in layout.consumed if each.column not in made)
    return replace(layout, consumed=consumed, notes=(*told, *layout.notes[1:]))


def _rewritten(
    table: Table,
    kept: Mapping[str, str],
    made: Sequence[str],
    rows_of: Callable[[Record, dict[str, Any]], Iterator[dict[str, Any]]],
) -> RewrittenTable:
    def records() -> Iterator[Record | Reject]:
        for record in table.records():
            if isinstance(record, Reject):
                yield record
                continue
            cells = {new: record.cells[old] for old, new in kept.items() if old in record.cells}
            for row in rows_of(record, cells):
                yield Record(record.line, row)

    return RewrittenTable(table.path, [*kept.values(), *made], table.notes, records)


def _rows_of_shopify(record: Record, cells: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The first row has the product, and each a picture, a variant, or both."""
    images, variants = (_objects(_cell(record, name)) for name in ("images", "variants"))
    options = [_named(option) for option in _objects(_cell(record, "options"))]
    handle = cells.get("Handle")
    if is_empty(handle):
        handle = _cell(record, "id")
    cells["Tags"] = _joined(cells.get("Tags"))
    nothing: Mapping[str, Any] = {}
    for row, (image, variant) in enumerate(zip_longest(images, variants, fillvalue=nothing)):
        found = {**(cells if row == 0 else {}), "Handle": handle}
        found["Image Src"], found["Image Position"] = image.get("src"), image.get("position")
        found |= {column: variant.get(name) for name, column in SHOPIFY_VARIANT.items()}
        for number in OPTIONS:
            if row == 0 and number <= len(options):
                found[f"Option{number} Name"] = options[number - 1]
            found[f"Option{number} Value"] = variant.get(f"option{number}")
        yield found
    if not images and not variants:
        yield {**cells, "Handle": handle}


def _rows_of_woocommerce(record: Record, cells: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row; what is in objects becomes lists of names, as an export has them."""
    for column in ("Categories", "Tags"):
        cells[column] = _joined(cells.get(column))
    images = [image["src"] for image in _objects(cells.get("Images")) if image.get("src")]
    cells["Images"] = images or None
    parent = cells.get("Parent")
    cells["Parent"] = f"id:{text_of(parent)}" if parent else None
    attributes = _objects(_cell(record, "attributes"))[:MAX_ATTRIBUTES]
    for number, attribute in enumerate(attributes, 1):
        values = attribute.get("options", attribute.get("option"))
        cells[f"Attribute {number} name"] = _named(attribute)
        cells[f"Attribute {number} value(s)"] = _joined(values)
    yield cells


def _kept(table: Table, names: Mapping[str, str], left_out: Sequence[str]) -> dict[str, str]:
    """The columns that stay, and what they are called in an export."""
    return {
        column: names.get(plain_name(column), column)
        for column in table.columns
        if plain_name(column.partition(".")[0]) not in left_out
    }


def _has_objects(table: Table, *columns: str) -> bool:
    first = (each for each in islice(table.records(), LOOKED_AT) if isinstance(each, Record))
    return any(_objects(_cell(record, column)) for record in first for column in columns)


def _cell(record: Record, name: str) -> Any:
    return next((cell for key, cell in record.cells.items() if plain_name(key) == name), None)


def _objects(cell: Any) -> list[Mapping[str, Any]]:
    return [each for each in cell if isinstance(each, dict)] if isinstance(cell, list) else []


def _named(value: Any) -> str:
    """The name of an object, or a text as it is."""
    name = value.get("name") if isinstance(value, dict) else value
    return "" if is_empty(name) else text_of(name)


def _joined(cell: Any) -> Any:
    """A list of names, or of objects that have names, as an export writes it."""
    if not isinstance(cell, list):
        return cell
    return ", ".join(name.replace(",", "\\,") for name in map(_named, cell) if name) or None
