"""Attributes of items in SQL: how a statement names one, its kind and its value.

Attributes are the members of a JSON object in one column, and SQLite can index what it extracts
from it (`field_indexes`), but uses such an index only for a statement that spells the path as the
index does. So a path is part of the statement's text, and not a bound parameter as values are.
"""

import json
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    TableValuedAlias,
    bindparam,
    case,
    column,
    func,
)
from sqlalchemy.sql import visitors

from search_engine.catalog.stored_types import JsonText, JsonValue
from search_engine.catalog.tables import items
from search_engine.errors import ParameterError

TEXT_KINDS = ("text",)
NUMBER_KINDS = ("integer", "real")
TRUTH_KINDS = ("true", "false")
LIST_KIND = "array"
KINDS = (*TEXT_KINDS, *NUMBER_KINDS, *TRUTH_KINDS, LIST_KIND, "object")
"""What SQLite's json_type calls the values that are not null."""

PICTURE_COLOR = "picture_color"
"""Stands among attributes where they are filtered by and counted: the names of the colours that
were found in an item's picture. No attribute of this name can be asked for."""

MAX_INDEXED_PATH = 1_600
"""Longest path, in characters, that becomes part of a statement's text: any name of 128."""


def json_path(name: str) -> str:
    """The path of an attribute in ASCII, the name spelled as `items.attributes` spells it.

    SQLite before 3.45 compares a name with the stored JSON as it is written, escapes included.
    Both are written by `json.dumps`, so a name of any language is found. A double quote ends the
    name there, whatever stands before it.

    Raises:
        ParameterError: The name holds a double quote, so that no path leads to it.
    """
    if not is_nameable(name):
        raise ParameterError(
            "no query can name an attribute with a double quote in its name",
            where=name,
            fix="give the attribute another name",
        )
    return f"$.{json.dumps(name)}"


def attribute_kind(name: str) -> ColumnElement[str]:
    """One of `KINDS` or "null"; SQL's NULL for an item without the attribute."""
    if name == PICTURE_COLOR:
        return case((items.c.colors.is_not(None), LIST_KIND))
    return func.json_type(items.c.attributes, _path(name), type_=String)


def attribute_value(name: str) -> ColumnElement[Any]:
    """A text or a number; 1 and 0 for true and false, and the JSON text of a list or an object."""
    if name == PICTURE_COLOR:
        return items.c.colors
    return func.json_extract(items.c.attributes, _path(name), type_=JsonValue())


def attribute_list(name: str) -> ColumnElement[str]:
    """The JSON text of a list."""
    if name == PICTURE_COLOR:
        return items.c.colors
    return func.json_extract(items.c.attributes, _path(name), type_=JsonText())


def list_values(listed: ColumnElement[str]) -> TableValuedAlias:
    """Kind (`type`) and `value` of each value of a list that is given as JSON."""
    return func.json_each(listed).table_valued(column("type", String), column("value", JsonValue()))


def is_list(name: str) -> ColumnElement[bool]:
    """The condition that an item has a list in an attribute, as an index serves it."""
    if name == PICTURE_COLOR:
        return items.c.colors.is_not(None)
    return attribute_kind(name) == LIST_KIND


def is_nameable(name: str) -> bool:
    """Whether a path leads to the attribute."""
    return '"' not in name


class _Guarded:
    """A connection whose questions take attributes that cannot be read for none.

    No index serves them: every item's attributes are read, and looked at first.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: Any, *arguments: Any) -> Any:
        guarded = visitors.replacement_traverse(statement, {}, _guard)
        return self._connection.execute(guarded, *arguments)


def guarded(connection: Connection) -> Connection:
    """The connection for `attribute_kind` and `attribute_value` where some cannot be read."""
    return cast("Connection", _Guarded(connection))


def _guard(element: Any, **_: Any) -> Any:
    if element is items.c.attributes:
        return case((func.json_valid(items.c.attributes) == 1, items.c.attributes))
    return None


def is_indexable(name: str) -> bool:
    """Whether the attribute's path can be part of a statement's text."""
    return is_nameable(name) and len(json_path(name)) <= MAX_INDEXED_PATH


def _path(name: str) -> ColumnElement[str]:
    return bindparam(
        "path", json_path(name), String, unique=True, literal_execute=is_indexable(name)
    )
