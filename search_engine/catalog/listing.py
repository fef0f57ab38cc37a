"""Live items in an order, from a place on: along the index of what they are ordered by.

Values that can be compared are a part of the order each: numbers, texts, false, true, lists, and at
the end, whichever way the order goes, items without a value. Within a part an item's place is its
value and its key. So a page begins behind the place where the last one ended, however many items
came or went before it.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    null,
    select,
    true,
)

from search_engine.catalog.attributes import (
    LIST_KIND,
    NUMBER_KINDS,
    TEXT_KINDS,
    attribute_kind,
    attribute_value,
)
from search_engine.catalog.dialects.sortable_values import StoredJson
from search_engine.catalog.dialects.statements import is_no_text, is_text
from search_engine.catalog.key_queries import among_live
from search_engine.catalog.tables import LIVE, items
from search_engine.records import Keys

ADDED, CHANGED = "added", "changed"
COLUMNS = ("item_id", "label", "product_id")
NUMBERED = {ADDED: items.c.key, CHANGED: items.c.seq}
"""Orders by a number that every item has."""

_PARTS = (NUMBER_KINDS, TEXT_KINDS, ("false",), ("true",), (LIST_KIND,), ("object",))
_JSON_KINDS = (LIST_KIND, "object")
Place = tuple[int, str | int | float | None, int]
"""Where an item stands in an order: number of the part, value and key."""


@dataclass(frozen=True, slots=True)
class Order:
    """By what items are ordered: `added`, `changed`, a column or an attribute."""

    field: str = ADDED
    descending: bool = False


@dataclass(frozen=True, slots=True)
class _Range:
    """Items that stand in an index by value and key; without a value by key alone."""

    condition: ColumnElement[bool]
    value: ColumnElement[Any] | None = None
    is_json: bool = False


def list_keys(
    connection: Connection,
    collection_id: int,
    order: Order,
    limit: int,
    *,
    within: Keys | None = None,
    after: Place | None = None,
) -> list[Place]:
    """The places of the first live items behind a place, in order; the last of each is its key.

    Args:
        connection: To read from.
        collection_id: Of the collection.
        order: By what.
        limit: How many at most.
        within: Only items with these keys: live ones of the collection, ascending.
        after: The place of the last one that was listed before.
    """
    listed = and_(LIVE, among_live(connection, collection_id, within))
    found: list[Place] = []
    for number, part in enumerate(_parts(order)):
        if len(found) == limit or (after is not None and number < after[0]):
            continue
        start = after if after is not None and number == after[0] else None
        wanted = limit - len(found)
        statements = chain.from_iterable(_statements(each, order, start) for each in part)
        each_rows = [_rows(connection, one.where(listed).limit(wanted)) for one in statements]
        rows = merge(*each_rows, reverse=order.descending)
        found += ((number, value, key) for value, key in islice(rows, wanted))
    return found


def _parts(order: Order) -> list[list[_Range]]:
    """The parts of an order, each of ranges whose values can be compared."""
    field = order.field
    if field in NUMBERED:
        return [[_Range(true(), NUMBERED[field])]]
    if field in COLUMNS:
        column = items.c[field]
        parts = [[_Range(is_text(column), column)]]
        missing = [_Range(column.is_(None)), _Range(is_no_text(column))]
    else:
        kind, value = attribute_kind(field), attribute_value(field)
        parts = [
            [_Range(kind == each, value, each in _JSON_KINDS) for each in kinds] for kinds in _PARTS
        ]
        missing = [_Range(func.coalesce(kind, "null") == "null")]
    return [*(reversed(parts) if order.descending else parts), missing]


def _statements(found: _Range, order: Order, after: Place | None) -> Iterator[Select[Any]]:
    """What to ask of a range, each along its index from where it begins.

    Behind a place these are two: the rest of the items of its value, and those of other values.
    SQLite would not look for both at once in an index of an attribute, but read it from its start.
    """
    value, key = found.value, items.c.key
    by = (key,) if value is None else (value, key)
    beyond: Callable[[Any, Any], Any] = operator.lt if order.descending else operator.gt
    query = (
        select(null() if value is None else value, key)
        .where(found.condition)
        .order_by(*(each.desc() if order.descending else each for each in by))
    )
    if after is None:
        yield query
    elif value is None:
        yield query.where(beyond(key, after[2]))
    else:
        last = StoredJson(after[1]) if found.is_json else after[1]
        yield query.where(value == last, beyond(key, after[2]))
        yield query.where(beyond(value, last))


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[tuple[Any, int]]:
    return ((row[0], row[1]) for row in connection.execute(statement))
