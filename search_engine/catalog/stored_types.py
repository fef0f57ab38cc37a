"""Types of columns that may hold anything: a disk, or another program, may have changed them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import JSON, Dialect, String, Text, TypeDecorator

from search_engine.catalog.damaged import UNKNOWN, Damaged
from search_engine.catalog.dialects.sortable_values import plain, sortable


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


class JsonObject(TypeDecorator[Mapping[str, Any]]):
    """A JSON object; NULL is None, and what cannot be read is `Damaged`.

    Written as `json.dumps` does it, which `attributes.json_path` relies on.
    """

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """See the class."""
        return lambda value: None if value is None else json.dumps(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:
        """See the class; the type below would raise."""
        return lambda value: None if value is None else read_object(value)


class JsonValue(TypeDecorator[Any]):
    """Something in a JSON object: a text or a number, 1 and 0 for true and false.

    SQLite takes and gives these as they are; see `sortable_values` for PostgreSQL.
    """

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """See the class."""
        return None if dialect.name == "sqlite" else sortable

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any] | None:
        """See the class."""
        return None if dialect.name == "sqlite" else plain


class JsonText(TypeDecorator[str]):
    """A list or an object in a JSON object, as JSON."""

    impl = Text
    cache_ok = True


class _StoredText(TypeDecorator[str]):
    """A text; what else was stored in its place is read as far as it is text."""

    impl: Any = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """See the class."""
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        return None if value is None else str(value)


class StoredText(_StoredText):
    """A text of any length, whatever is stored."""

    cache_ok = True


class StoredString(_StoredText):
    """A text of a bounded length, whatever is stored."""

    impl = String
    cache_ok = True


def read_object(value: Any) -> dict[str, Any]:
    """The JSON object of a stored value, or `Damaged`."""
    if not isinstance(value, str):
        return Damaged("not a text")
    if UNKNOWN in value:  # `json.dumps` writes none
        return Damaged("not UTF-8")
    try:
        found = _DECODER.decode(value)
    except (ValueError, RecursionError):
        return Damaged("not JSON")
    return found if isinstance(found, dict) else Damaged("not a JSON object")
