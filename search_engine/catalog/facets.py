"""How many items have each value of a field, counted by SQLite along the field's index.

A list counts for each of its values, once an item; null, lists in lists and objects are no values.
3 and 3.0 are one value; the text "3" is another, and so is true.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select, true

from search_engine.catalog.attributes import (
    LIST_KIND,
    NUMBER_KINDS,
    TEXT_KINDS,
    TRUTH_KINDS,
    attribute_kind,
    attribute_list,
    attribute_value,
    is_list,
    is_nameable,
)
from search_engine.catalog.key_queries import among_live
from search_engine.catalog.tables import items
from search_engine.records import FacetCount, Keys

TOP_VALUES = 20
COLUMNS = ("label", "product_id")
VALUE_KINDS = (*TEXT_KINDS, *NUMBER_KINDS, *TRUTH_KINDS, LIST_KIND)
_TRUTH, _NUMBER, _TEXT = range(3)
_Value = tuple[int, Any]
"""A value behind the rank of its kind: so True, 1 and "1" differ, and any two have an order."""


def count_values(
    connection: Connection, collection_id: int, field: str, within: Keys | None = None
) -> tuple[FacetCount, ...]:
    """The most frequent values of a field of live items, equal counts by value; at most 20.

    Args:
        connection: To read from.
        collection_id: Of the collection.
        field: `label`, `product_id` or an attribute; an unknown one has no values.
        within: Count only the items with these keys: live ones of the collection, ascending.
    """
    counted = among_live(connection, collection_id, within)
    if field in COLUMNS:
        counts = _count_column(connection, counted, field)
    else:
        counts = _count_attribute(connection, counted, field)
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP_VALUES]
    return tuple(FacetCount(_short(value), count) for (_, value), count in best)


def has_field(name: str) -> ColumnElement[bool]:
    """The condition that an item has a value of `label`, `product_id` or an attribute.

    Of an attribute that no query can name, every item is taken to have one.
    """
    if name in COLUMNS:
        return items.c[name].is_not(None)
    return attribute_kind(name).in_(VALUE_KINDS) if is_nameable(name) else true()


def _count_column(
    connection: Connection, counted: ColumnElement[bool], name: str
) -> Counter[_Value]:
    column = items.c[name]
    count = func.count()
    query = select(column, count).where(counted, column.is_not(None)).group_by(column)
    rows = connection.execute(query.order_by(count.desc(), column).limit(TOP_VALUES))
    return Counter({(_TEXT, value): number for value, number in rows})


def _count_attribute(
    connection: Connection, counted: ColumnElement[bool], name: str
) -> Counter[_Value]:
    """Lists first: without any, the database itself can leave out all but the top values."""
    kind, value = attribute_kind(name), attribute_value(name)
    counts: Counter[_Value] = Counter()
    listed = attribute_list(name)
    lists = select(listed, func.count()).where(counted, is_list(name)).group_by(listed)
    for source, number in connection.execute(lists):
        for one in _values_in(source):
            counts[one] += number
    limit = None if counts else TOP_VALUES
    for rank, found, number in connection.execute(_scalars(counted, kind, value, limit)):
        counts[rank, bool(found) if rank == _TRUTH else found] += int(number)  # PostgreSQL: Decimal
    return counts


def _scalars(
    counted: ColumnElement[bool],
    kind: ColumnElement[str],
    value: ColumnElement[Any],
    limit: int | None,
) -> Any:
    """Rank, value and count: grouped as the index has them, then 3 with 3.0."""
    kinds = (*TEXT_KINDS, *NUMBER_KINDS, *TRUTH_KINDS)
    grouped = (
        select(kind.label("kind"), value.label("value"), func.count().label("number"))
        .where(counted, kind.in_(kinds))
        .group_by(kind, value)
        .subquery()
    )
    rank = case(
        (grouped.c.kind.in_(TEXT_KINDS), _TEXT),
        (grouped.c.kind.in_(NUMBER_KINDS), _NUMBER),
        else_=_TRUTH,
    )
    number = func.sum(grouped.c.number)
    query = select(rank, grouped.c.value, number).group_by(rank, grouped.c.value)
    return query.order_by(number.desc(), rank, grouped.c.value).limit(limit)


def _short(value: Any) -> Any:
    """3 for 3.0, whichever of the two items have; what float64 rounds stays as it is."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if whole else value


def _values_in(source: str) -> Iterator[_Value]:
    """The different values of a list."""
    ranks = {bool: _TRUTH, int: _NUMBER, float: _NUMBER, str: _TEXT}
    yield from {(ranks[type(one)], one) for one in json.loads(source) if type(one) in ranks}
