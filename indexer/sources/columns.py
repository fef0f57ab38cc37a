"""Read the cells of columns that become attributes."""

from typing import Any

from indexer.sources.base import usable
from indexer.sources.column_types import Reading, misfit, read_currency, reading
from indexer.sources.found_types import Found
from indexer.sources.shapes import is_empty, is_gap, text_of
from search_engine.catalog.attribute_values import MAX_TEXT_CHARS, check_attributes


class Column:
    """Reads the cells of one column that becomes an attribute."""

    __slots__ = ("_gaps", "_kind", "_misfits_as_text", "_read", "_source", "currency", "name")

    def __init__(self, source: str, name: str, found: Found, currency: str | None = None) -> None:
        self._source = source
        self._kind = found.kind
        self._read: Reading = reading(found.kind, found.days_only)
        self._gaps = found.gaps
        self._misfits_as_text = found.misfits_as_text
        self.name = name
        self.currency = currency

    def read(self, cell: Any) -> Any:
        """Return the value of a cell; None for an empty one.

        Raises:
            RowError: The cell does not fit the column's type.
        """
        if is_empty(cell):
            return None
        value = self._read(cell)
        if value is None and self._gaps and is_gap(cell):
            return None
        if value is None and self._misfits_as_text:
            return text_of(cell)
        if value is None:
            raise misfit(self._source, self._kind, cell)
        return value

    def put(self, cell: Any, attributes: dict[str, Any]) -> None:
        """Add the attributes of a cell: its value, and the currency beside it.

        Raises:
            RowError: The cell does not fit the column's type, or cannot be stored.
        """
        value = self.read(cell)
        if isinstance(value, str | list) and not _is_plain(value):
            value = usable("bad_value", check_attributes, {self.name: value})[self.name]
        attributes[self.name] = value
        if self.currency is not None:
            attributes[self.currency] = read_currency(cell)


def _is_plain(value: str | list[Any]) -> bool:
    """Return whether a text can be stored without further checks."""
    return (
        isinstance(value, str)
        and value.isascii()
        and len(value) <= MAX_TEXT_CHARS
        and "\x00" not in value
    )
