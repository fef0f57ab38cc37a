"""Import files of Google Cloud's Product Search: a picture a row, usually without a header."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from indexer.sources.base import Reject
from indexer.sources.headerless import PRODUCT_SEARCH_COLUMNS
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

IMAGE, IMAGE_ID, _, PRODUCT, CATEGORY, NAME, LABELS, POLYGON = map(
    plain_name, PRODUCT_SEARCH_COLUMNS
)


def layout_of(table: Table) -> Layout | None:
    """Return the layout of an import file; None for any other table."""
    header = Header(table)
    image, product = header.first(IMAGE), header.first(PRODUCT)
    if image is None or product is None or header.first("productsetid") is None:
        return None
    image_id = header.first(IMAGE_ID) or free_name("image-id", table.columns, "(made)")
    labels, category = header.first(LABELS), header.first(CATEGORY)
    keys, several = _survey(table, labels)
    kept = [column for column in table.columns if column != labels]
    names = _column_names(keys, kept)

    def records() -> Iterator[Record | Reject]:
        views: Counter[str] = Counter()
        for record in table.records():
            if isinstance(record, Reject):
                yield record
                continue
            cells = {name: cell for name, cell in record.cells.items() if name != labels}
            cells[image_id] = _id_of(record.cells, image_id, product, views)
            found = _labels(record.cells, labels)
            for key, name in names.items():
                cells[name] = one_or_list(found.get(key, ()), key in several)
            yield Record(record.line, cells)

    mapping = {"item_id": image_id, "image": image, "product_id": product}
    if category is not None:
        mapping["label"] = category
    made = [] if image_id in kept else [image_id]
    notes = ["recognised as an import file of Google Cloud Product Search"]
    if header.first(POLYGON) is not None:
        notes.append("whole pictures are indexed: the polygons are kept as text")
    return Layout(
        RewrittenTable(table.path, [*made, *kept, *names.values()], table.notes, records),
        mapping,
        types={names[key]: "list" for key in names if key in several},
        consumed=taken_apart([] if labels is None else [labels], names.values()),
        notes=tuple(notes),
    )


def _column_names(keys: Collection[str], kept: Sequence[str]) -> dict[str, str]:
    """The columns that keys of labels become, by key; none if there are too many."""
    names: dict[str, str] = {}
    for key in keys if len(keys) <= MAX_NAMES else ():
        names[key] = free_name(key, (*kept, *names.values()), "(label)")
    return names


def _id_of(cells: Mapping[str, Any], image_id: str, product: str, views: Counter[str]) -> str:
    """Return the picture's id, or the product's, numbered from its second picture on."""
    given = filled(cells, image_id)
    if given:
        return given
    of = filled(cells, product)
    views[of] += 1
    return of if views[of] == 1 or not of else f"{of}/{views[of]}"


def _survey(table: Table, labels: str | None) -> tuple[dict[str, None], set[str]]:
    """Collect the keys of all labels, and those that a picture has several of."""
    keys: dict[str, None] = {}
    several: set[str] = set()
    for record in table.records():
        if not isinstance(record, Reject):
            found = _labels(record.cells, labels)
            keys.update(dict.fromkeys(found))
            several.update(key for key, values in found.items() if len(values) > 1)
    return keys, several


def _labels(cells: Mapping[str, Any], labels: str | None) -> Mapping[str, Sequence[str]]:
    """Parse `style=a,colour=black,colour=white` to values by key."""
    found: dict[str, list[str]] = {}
    for pair in parts(filled(cells, labels)):
        key, equals, value = pair.partition("=")
        if equals and key.strip() and value.strip():
            found.setdefault(key.strip(), []).append(value.strip())
    return found
