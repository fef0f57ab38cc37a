"""Feeds of Google Merchant Center: a product a row, more pictures in a column of their own."""

from typing import Any

from indexer.sources.records import Record, Table
from indexer.sources.shapes import is_empty, text_of
from indexer.sources.shops.base import (
    Header,
    Layout,
    RewrittenTable,
    each_changed,
    filled,
    more_pictures,
    several,
)
from search_engine.plain_numbers import is_digits

TYPICAL = (
    "additionalimagelink", "googleproductcategory", "producttype", "itemgroupid", "availability",
    "condition", "link",
)  # fmt: skip
"""At least one of them must accompany `id` and `image_link`."""


def layout_of(table: Table) -> Layout | None:
    """Return the layout of a feed; None for any other table."""
    header = Header(table)
    item_id, image = header.first("id"), header.first("imagelink")
    if item_id is None or image is None or header.first(*TYPICAL) is None:
        return None
    more = header.starting("additionalimagelink")
    own, googles = header.first("producttype"), header.first("googleproductcategory")
    group = header.first("itemgroupid")
    label = own or googles

    def changed(record: Record) -> Record:
        cells = {name: cell for name, cell in record.cells.items() if name not in more}
        cells[image] = several(record.cells.get(column) for column in (image, *more))
        if label is not None and label in cells:
            cells[label] = _category(record, own, googles)
        return Record(record.line, cells)

    mapping = {"item_id": item_id, "image": image}
    if label is not None:
        mapping["label"] = label
    if group is not None:
        mapping["product_id"] = group
    codes = [header.first(code) for code in ("gtin", "mpn", "googleproductcategory")]
    kept = [column for column in table.columns if column not in more]
    notes = ["recognised as a Google Merchant feed"]
    if own is not None and googles is not None:
        notes.append(f"{googles} is the label where {own} is empty")
    return Layout(
        RewrittenTable(table.path, kept, table.notes, each_changed(table, changed)),
        mapping,
        types={code: "text" for code in codes if code is not None},
        consumed=more_pictures(more),
        notes=tuple(notes),
    )


def _category(record: Record, own: str | None, googles: str | None) -> str | None:
    """Return the shop's own category, else Google's if not a number; the first of several."""
    written = _first(record.cells.get(own or ""))
    if not written:
        written = filled(record.cells, googles)
        if is_digits(written):
            return None
    paths = written.split(",")
    if len(paths) > 1 and all(">" in path for path in paths):
        return paths[0].strip()
    return written or None


def _first(cell: Any) -> str:
    """The text of a cell, of several the first."""
    first = cell[0] if isinstance(cell, list) and cell else cell
    return "" if is_empty(first) else text_of(first).strip()
