"""Tables with a column for each picture of an item: `image`, `image_2`, `image_3`..."""

import re

from indexer.sources.mapping import ALIASES, plain_name
from indexer.sources.records import Record, Table
from indexer.sources.shops.base import Layout, RewrittenTable, each_changed, more_pictures, several

_NUMBERED = re.compile(r"(\D+?)(\d{1,2})(\D*)")
_PICTURES = frozenset(map(plain_name, ALIASES["image"]))


def layout_of(table: Table) -> Layout | None:
    """Return the layout of a table with several columns of pictures; None for any other."""
    columns = _numbered(table)
    if len(columns) < 2:
        return None
    image, *more = columns

    def changed(record: Record) -> Record:
        cells = {name: cell for name, cell in record.cells.items() if name not in more}
        cells[image] = several(record.cells.get(column) for column in columns)
        return Record(record.line, cells)

    kept = [column for column in table.columns if column not in more]
    return Layout(
        RewrittenTable(table.path, kept, table.notes, each_changed(table, changed)),
        {"image": image},
        consumed=more_pictures(more),
        notes=(f"{', '.join(columns)[:200]} are the pictures of an item",),
    )


def _numbered(table: Table) -> list[str]:
    """Return the columns of pictures that differ by a number only, in order."""
    families: dict[str, dict[int, str]] = {}
    for column in table.columns:
        plain = plain_name(column)
        match = _NUMBERED.fullmatch(plain)
        stem, number = (match[1] + match[3], int(match[2])) if match else (plain, 0)
        if stem in _PICTURES:
            families.setdefault(stem, {}).setdefault(number, column)
    numbered = max(families.values(), key=len, default={})
    return [numbered[number] for number in sorted(numbered)]
