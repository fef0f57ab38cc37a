"""Product exports of Shopify: the rows of a handle are the variants and pictures of a product.

The first row of a product has its description. Each product becomes one row with all its pictures;
its options become columns, such as `Size` with all its sizes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from indexer.sources.base import Reject
from indexer.sources.mapping import plain_name
from indexer.sources.records import Record, Table
from indexer.sources.shapes import is_empty
from indexer.sources.shops.base import (
    MAX_NAMES,
    Header,
    Layout,
    RewrittenTable,
    filled,
    free_name,
    more_pictures,
    one_or_list,
    taken_apart,
)
from search_engine.plain_numbers import is_digits

OPTIONS = (1, 2, 3)
NO_OPTION = "Title"
"""Option name of a product without options."""
OF_VARIANTS = (
    "variant", "sku", "barcode", "price", "compareatprice", "costperitem", "chargetax", "taxcode",
    "unitprice", "inventory", "continueselling", "weight", "requiresshipping", "fulfillmentservice",
)  # fmt: skip
"""Prefixes of the columns that describe a variant, not the product."""


@dataclass(slots=True)
class _Seen:
    """What occurs among the products of an export."""

    options: dict[str, None] = field(default_factory=dict)
    several_skus: bool = False
    several_prices: int = 0
    several_values: set[str] = field(default_factory=set)


class _Columns:
    """The columns of an export, by the names of the older and the newer format."""

    def __init__(self, header: Header) -> None:
        self.handle = header.first("handle", "urlhandle")
        self.image = header.first("imagesrc", "productimageurl")
        self.position = header.first("imageposition")
        self.variant_image = header.first("variantimage", "variantimageurl")
        self.sku = header.first("variantsku", "sku")
        self.price = header.first("variantprice", "price")
        self.barcode = header.first("variantbarcode", "barcode")
        self.type = header.first("type", "customproducttype")
        self.category = header.first("productcategory", "standardproducttype")
        self.tags = header.first("tags")
        self.names = [header.first(f"option{number}name") for number in OPTIONS]
        self.values = [header.first(f"option{number}value") for number in OPTIONS]
        self.used_up = [
            column
            for column in (
                self.position,
                self.variant_image,
                *header.starting("option1", "option2", "option3"),
            )
            if column is not None
        ]


def layout_of(table: Table) -> Layout | None:
    """Return the layout of an export; None for any other table."""
    header = Header(table)
    columns = _Columns(header)
    if columns.handle is None or columns.image is None or not header.has("title"):
        return None
    seen = _survey(table, columns)
    kept = [column for column in table.columns if column not in columns.used_up]
    names: dict[str, str] = {}
    if len(seen.options) <= MAX_NAMES:
        for option in seen.options:
            names[option] = free_name(option, (*kept, *names.values()), "(option)")

    def records() -> Iterator[Record | Reject]:
        for product in _products(table, columns):
            if isinstance(product, Reject):
                yield product
            else:
                yield _merged(product, columns, kept, names, seen)

    label = columns.type or columns.category
    mapping = {"item_id": columns.handle, "product_id": columns.handle, "image": columns.image}
    if label is not None:
        mapping["label"] = label
    types = {code: "text" for code in (columns.sku, columns.barcode) if code is not None}
    if seen.several_skus and columns.sku is not None:
        types[columns.sku] = "list"
    if columns.tags is not None:
        types[columns.tags] = "list:,"
    types |= {names[option]: "list" for option in names if option in seen.several_values}
    of_pictures = [one for one in (columns.position, columns.variant_image) if one is not None]
    of_options = [one for one in columns.used_up if one not in of_pictures]
    return Layout(
        RewrittenTable(table.path, [*kept, *names.values()], table.notes, records),
        mapping,
        types,
        (*more_pictures(of_pictures), *taken_apart(of_options, names.values())),
        tuple(_notes(columns, seen, names)),
    )


def _products(table: Table, columns: _Columns) -> Iterator[list[Record] | Reject]:
    """Group the rows by product; a rejected row stands for itself."""
    group: list[Record] = []
    handle = ""
    for record in table.records():
        if isinstance(record, Reject):
            yield record
            continue
        own = filled(record.cells, columns.handle)
        if group and own and own != handle:
            yield group
            group = []
        handle = own or handle
        group.append(record)
    if group:
        yield group


def _survey(table: Table, columns: _Columns) -> _Seen:
    seen = _Seen()
    for product in _products(table, columns):
        if isinstance(product, Reject):
            continue
        for option, values in _options(product, columns).items():
            seen.options[option] = None
            if len(values) > 1:
                seen.several_values.add(option)
        seen.several_skus |= len(_all(product, columns.sku)) > 1
        seen.several_prices += len(_all(product, columns.price)) > 1
    return seen


def _merged(
    product: Sequence[Record],
    columns: _Columns,
    kept: Sequence[str],
    names: dict[str, str],
    seen: _Seen,
) -> Record:
    """Merge the rows of a product: its first description, first variant, and all its pictures."""
    first = product[0]
    cells = {column: first.cells[column] for column in kept if column in first.cells}
    for column, cell in cells.items():
        if is_empty(cell) and not plain_name(column).startswith(OF_VARIANTS):
            cells[column] = next(iter(_all(product, column)), cell)
    if columns.image is not None:
        pictures = _pictures(product, columns)
        cells[columns.image] = pictures if len(pictures) > 1 else next(iter(pictures), None)
    if columns.type is not None and not filled(cells, columns.type) and columns.category:
        cells[columns.type] = filled(cells, columns.category) or None
    if columns.sku is not None and seen.several_skus:
        cells[columns.sku] = one_or_list(_all(product, columns.sku), as_list=True)
    options = _options(product, columns)
    for option, name in names.items():
        as_list = option in seen.several_values
        cells[name] = one_or_list(options.get(option, ()), as_list)
    return Record(first.line, cells)


def _pictures(product: Sequence[Record], columns: _Columns) -> list[str]:
    """Return the pictures by position, then those of variants only; each once."""
    placed = []
    for number, record in enumerate(product):
        written = filled(record.cells, columns.image)
        if written:
            position = filled(record.cells, columns.position)
            placed.append((int(position) if is_digits(position) else number, number, written))
    found = [written for _, _, written in sorted(placed)]
    return list(dict.fromkeys([*found, *_all(product, columns.variant_image)]))


def _options(product: Sequence[Record], columns: _Columns) -> dict[str, list[str]]:
    """Return the values of each option of a product; the first row names the option."""
    found: dict[str, list[str]] = {}
    for name, value in zip(columns.names, columns.values, strict=True):
        option = next(iter(_all(product, name)), "")
        if option and option != NO_OPTION:
            found[option] = _all(product, value)
    return found


def _all(product: Sequence[Record], column: str | None) -> list[str]:
    """Return the distinct cells of a product in a column."""
    written = (filled(record.cells, column) for record in product)
    return [one for one in dict.fromkeys(written) if one]


def _notes(columns: _Columns, seen: _Seen, names: dict[str, str]) -> Iterator[str]:
    yield "recognised as a Shopify export: a product's rows become one, with all its pictures"
    if names:
        listed = ", ".join(names.values())
        yield f"options become columns with the values of all variants: {listed[:200]}"
    if seen.several_prices and columns.price is not None:
        products = "1 product" if seen.several_prices == 1 else f"{seen.several_prices:,} products"
        yield f"{columns.price}: {products} with several prices have that of the first variant"
    if columns.type is not None and columns.category is not None:
        yield f"{columns.category} is the label where {columns.type} is empty"
