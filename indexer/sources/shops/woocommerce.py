"""Product exports of WooCommerce: lists of pictures and categories, attributes as column pairs.

A variation is a row of its own that names its parent; without its own picture it is not an item.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.sources.base import Reject
from indexer.sources.mapping import plain_name
from indexer.sources.records import Record, Table
from indexer.sources.shops.base import (
    MAX_NAMES,
    Header,
    Layout,
    RewrittenTable,
    filled,
    free_name,
    one_or_list,
    parts,
    taken_apart,
)

VARIATION = "variation"
ALL_CATEGORIES = "All categories"
_ATTRIBUTE = re.compile(r"attribute(\d+)(name|values|visible|global|default)")


@dataclass(slots=True)
class _Seen:
    """What occurs among the rows of an export."""

    attributes: dict[str, None] = field(default_factory=dict)
    several_values: set[str] = field(default_factory=set)
    several_categories: bool = False
    without_picture: int = 0


class _Columns:
    """The columns of an export."""

    def __init__(self, table: Table, header: Header) -> None:
        self.id = header.first("id", "sku")
        self.sku = header.first("sku")
        self.kind = header.first("type")
        self.categories = header.first("categories")
        self.images = header.first("images")
        self.parent = header.first("parent")
        self.tags = header.first("tags")
        self.pairs: list[tuple[str, str | None]] = []
        self.used_up: list[str] = []
        for column in table.columns:
            match = _ATTRIBUTE.fullmatch(plain_name(column))
            if match is not None:
                self.used_up.append(column)
                if match[2] == "name":
                    self.pairs.append((column, header.first(f"attribute{match[1]}values")))

    def is_variation(self, record: Record) -> bool:
        """Return whether a row is a variation of another one."""
        return filled(record.cells, self.kind).lower().startswith(VARIATION)

    def attributes(self, record: Record) -> dict[str, list[str]]:
        """Return the attributes of a row and their values."""
        named = ((filled(record.cells, name), value) for name, value in self.pairs)
        return {name: parts(filled(record.cells, value)) for name, value in named if name}


def layout_of(table: Table) -> Layout | None:
    """Return the layout of an export; None for any other table."""
    header = Header(table)
    if not header.has("sku", "name", "images") or header.first("categories", "type") is None:
        return None
    columns = _Columns(table, header)
    seen = _survey(table, columns)
    kept = [column for column in table.columns if column not in columns.used_up]
    names: dict[str, str] = {}
    if len(seen.attributes) <= MAX_NAMES:
        for attribute in seen.attributes:
            names[attribute] = free_name(attribute, (*kept, *names.values()), "(attribute)")
    extra = [ALL_CATEGORIES] if seen.several_categories and ALL_CATEGORIES not in kept else []
    assert columns.id is not None
    assert columns.images is not None
    mapping = {"item_id": columns.id, "image": columns.images}
    if columns.categories is not None:
        mapping["label"] = columns.categories
    if columns.parent is not None:
        mapping["product_id"] = columns.parent
    types = {names[name]: "list" for name in names if name in seen.several_values}
    types |= dict.fromkeys(extra, "list")
    if columns.tags is not None:
        types[columns.tags] = "list:,"
    codes = (columns.sku, header.first("gtinupceanorisbn"))
    types |= {code: "text" for code in codes if code is not None}
    return Layout(
        RewrittenTable(
            table.path,
            [*kept, *names.values(), *extra],
            table.notes,
            lambda: _records(table, columns, kept, names, seen),
        ),
        mapping,
        types,
        consumed=taken_apart(columns.used_up, names.values()),
        notes=tuple(_notes(columns, seen, names)),
    )


def _records(
    table: Table,
    columns: _Columns,
    kept: list[str],
    names: Mapping[str, str],
    seen: _Seen,
) -> Iterator[Record | Reject]:
    parents: dict[str, tuple[str, str | None]] = {}
    for record in table.records():
        if isinstance(record, Reject):
            yield record
            continue
        if columns.is_variation(record) and not filled(record.cells, columns.images):
            continue
        cells = {column: record.cells[column] for column in kept if column in record.cells}
        item_id = filled(cells, columns.id) or filled(cells, columns.sku)
        if columns.id is not None:
            cells[columns.id] = item_id
        categories = parts(filled(cells, columns.categories))
        label = max(categories, key=_depth, default=None)
        product = item_id
        if columns.is_variation(record):
            named = filled(cells, columns.parent)
            product, inherited = parents.get(named, (named.removeprefix("id:"), None))
            label = label or inherited
        elif filled(cells, columns.kind).lower().startswith("variable"):
            parents[f"id:{item_id}"] = parents[filled(cells, columns.sku)] = (item_id, label)
        if columns.categories is not None:
            cells[columns.categories] = label
        if columns.parent is not None:
            cells[columns.parent] = product
        if seen.several_categories:
            cells[ALL_CATEGORIES] = [_path(one) for one in categories] or None
        cells.update(_attributes(record, columns, names, seen))
        yield Record(record.line, cells)


def _attributes(
    record: Record, columns: _Columns, names: Mapping[str, str], seen: _Seen
) -> dict[str, Any]:
    found = columns.attributes(record)
    return {
        column: one_or_list(found.get(name, ()), name in seen.several_values)
        for name, column in names.items()
    }


def _survey(table: Table, columns: _Columns) -> _Seen:
    seen = _Seen()
    for record in table.records():
        if isinstance(record, Reject):
            continue
        for name, values in columns.attributes(record).items():
            seen.attributes[name] = None
            if len(values) > 1:
                seen.several_values.add(name)
        seen.several_categories |= len(parts(filled(record.cells, columns.categories))) > 1
        if columns.is_variation(record):
            seen.without_picture += not filled(record.cells, columns.images)
    return seen


def _depth(category: str) -> int:
    return category.count(">")


def _path(category: str) -> str:
    return "/".join(level.strip() for level in category.split(">"))


def _notes(columns: _Columns, seen: _Seen, names: Mapping[str, str]) -> Iterator[str]:
    yield "recognised as a WooCommerce export"
    if names:
        yield f"attributes become columns: {', '.join(names.values())[:200]}"
    if seen.several_categories:
        yield (f"the deepest of several categories is the label; all are in {ALL_CATEGORIES!r}")
    if seen.without_picture:
        one = seen.without_picture == 1
        have = "1 variation has" if one else f"{seen.without_picture:,} variations have"
        yield f"{have} no picture of {'its' if one else 'their'} own: left out"
