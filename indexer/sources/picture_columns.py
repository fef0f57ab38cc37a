"""Find the columns of pictures by what their cells look like, where no name says it."""

import re
from itertools import islice
from typing import Any

from indexer.sources.mapping import plain_name
from indexer.sources.pictures import is_address
from indexer.sources.records import Record, Table
from indexer.sources.shapes import is_empty

LOOKED_AT = 200
"""Records at the start of the table."""
_WORDS = ("picture", "photo", "foto", "bild", "imag", "immag", "afbeelding")
_BETWEEN = re.compile(r"[,;|\s]+")
_PICTURE = re.compile(
    r".+\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|hei[cf])([?#].*)?", re.IGNORECASE
)


def picture_columns(table: Table, named: str | None) -> list[str]:
    """Return the columns whose cells name pictures, those first that are called so.

    Args:
        table: Its first records are read.
        named: The column whose name means pictures; nothing is found where it has cells.
    """
    records = (each for each in table.records() if isinstance(each, Record))
    cells = [record.cells for record in islice(records, LOOKED_AT)]
    if named is not None and any(not is_empty(row.get(named)) for row in cells):
        return []
    found = [
        name for name in table.columns if _has_pictures([row.get(name) for row in cells], name)
    ]
    return sorted(found, key=lambda name: not _is_called_so(name))


def _has_pictures(cells: list[Any], name: str) -> bool:
    filled = [cell for cell in cells if not is_empty(cell)]
    return bool(filled) and all(_names_pictures(cell, _is_called_so(name)) for cell in filled)


def _names_pictures(cell: Any, called_so: bool) -> bool:
    """Return whether a cell names pictures; any addresses are, in a column that is called so."""
    parts = cell if isinstance(cell, list) else [cell]
    texts = [part.strip() for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        return False
    return all(
        _PICTURE.fullmatch(one) or (called_so and is_address(one))
        for text in texts
        for one in ([text] if _PICTURE.fullmatch(text) else _BETWEEN.split(text))
    )


def _is_called_so(name: str) -> bool:
    return any(word in plain_name(name) for word in _WORDS)
