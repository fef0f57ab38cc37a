"""Tables with a column for each picture of an item: `image`, `image_2`, `image_3`..."""

import re
from collections.abc import Iterator

from indexer.sources.base import Reject
from indexer.sources.mapping import ALIASES, plain_name
from indexer.sources.records import Record, Table
from indexer.sources.shapes import is_empty
from indexer.sources.shops.base import Layout, RewrittenTable, more_pictures

_NUMBERED = re.compile(r"(\D+?)(\d{1,2})(\D*)")
_PICTURES = frozenset(map(plain_name, ALIASES["image"]))


def layout_of(table: Table) -> Layout | None:
    """The layout of a table with several columns of pictures; None for any other."""
    columns = _numbered(table)
    if len(columns) < 2:
        return None
    image, *more = columns

    def records() -> Iterator[Record | Reject]:
        for record in table.records():
            if isinstance(record, Reject):
                yield record
                continue
            cells = {name: cell for name, cell in record.cells.items() if name not in more}
            given = [record.cells.get(column) for column in columns]
            pictures = [cell for cell in given if not is_empty(cell)]
            cells[image] = pictures if len(pictures) > 1 else next(iter(pictures), None)
            yield Record(record.line, cells)

    kept = [column for column in table.columns if column not in more]
    return Layout(
        RewrittenTable(table.path, kept, table.notes, records),
        {"image": image},
        consumed=more_pictures(more),
        notes=(f"{', '.join(columns)[:200]} are the pictures of an item",),
    )


def _numbered(table: Table) -> list[str]:
    """The columns of pictures that differ by a number only, in their order."""
    families: dict[str, dict[int, str]] = {}
    for column in table.columns:
        plain = plain_name(column)
        match = _NUMBERED.fullmatch(plain)
        stem, number = (match[1] + match[3], int(match[2])) if match else (plain, 0)
        if stem in _PICTURES:
            families.setdefault(stem, {}).setdefault(number, column)
    numbered = max(families.values(), key=len, default={})
    return [numbered[number] for number in sorted(numbered)]
