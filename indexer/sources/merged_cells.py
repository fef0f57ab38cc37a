"""Cells of a workbook that are merged over several rows: their value counts for each of these."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from search_engine.errors import SourceError

MAX_MERGED = 100_000
CHUNK_BYTES = 2**18
OVERLAP_BYTES = 2**10
"""Longer than the tag of a merged cell, which may lie across two pieces."""

_MERGED = re.compile(
    rb"""<(?:\w+:)?mergeCell\s[^>]{0,200}?\bref=["']([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})["']"""
)

Merged = Mapping[int, Sequence[tuple[int, int]]]
"""By the number of their first row: the column, from 0, and the last row."""


def merged_over_rows(sheet: BinaryIO, path: str) -> Merged:
    """Return the cells of a sheet that are merged over several rows.

    Args:
        sheet: The XML of the sheet. Such tags cannot be text of a cell, where `<` is escaped.
        path: For messages.

    Raises:
        SourceError: There are too many.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    count = 0
    for letters, first, last in _tags(sheet):
        if int(last) > int(first):
            found.setdefault(int(first), []).append((_column(letters), int(last)))
            count += 1
        if count > MAX_MERGED:
            raise SourceError(
                f"more than {MAX_MERGED:,} merged cells",
                where=path,
                fix="unmerge them, or save the sheet as CSV",
            )
    return found


class Filling:
    """Fills the rows of a table, one after the other, with what was merged over them."""

    def __init__(self, merged: Merged) -> None:
        self._merged = merged
        self._open: dict[int, tuple[int, Any]] = {}

    def filled(self, row: int, cells: Sequence[Any]) -> Sequence[Any]:
        """Return the cells of a row, those that are empty below a merged one with its value."""
        if not self._merged:
            return cells
        self._open = {place: each for place, each in self._open.items() if each[0] >= row}
        full = [*cells]
        for place, (_, value) in self._open.items():
            if full[place] in (None, ""):
                full[place] = value
        for place, last in self._merged.get(row, ()):
            if place < len(cells) and cells[place] not in (None, ""):
                self._open[place] = (last, cells[place])
        return full


def _tags(sheet: BinaryIO) -> Iterator[tuple[bytes, bytes, bytes]]:
    kept = b""
    while chunk := sheet.read(CHUNK_BYTES):
        text = kept + chunk
        end = 0
        for match in _MERGED.finditer(text):
            yield match[1], match[2], match[3]
            end = match.end()
        kept = text[max(end, len(text) - OVERLAP_BYTES) :]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
