"""What the live items of a collection have in a field: kinds of values, and values near others.

Every question ends at the first item that answers it, or reads a bounded number of values along
the field's index.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    and_,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.sql.expression import FromClause

from search_engine.catalog.attributes import (
    NUMBER_KINDS,
    TEXT_KINDS,
    TRUTH_KINDS,
    attribute_kind,
    attribute_list,
    attribute_value,
    is_list,
    list_values,
)
from search_engine.catalog.dates import DayOrder, date_form, parse_date
from search_engine.catalog.key_queries import Either, Every, KeyQuery, Rows, Without
from search_engine.catalog.tables import LIVE, fields, items

KINDS_OF = {"text": TEXT_KINDS, "number": NUMBER_KINDS, "true or false": TRUTH_KINDS}
"""What values are called in messages, and the kinds that SQLite knows of each."""
COLUMNS = ("item_id", "label", "product_id")
LISTS_READ = 2_000
"""Items with lists that are looked into for texts near another."""


class FieldValues:
    """The fields of one collection, in one state of the database."""

    def __init__(self, connection: Connection, collection_id: int) -> None:
        self._connection = connection
        self._collection_id = collection_id
        self._live = and_(items.c.collection_id == collection_id, LIVE)
        self._found: dict[tuple[str, str], bool] = {}
        self._types: dict[str, str] = {}

    def has(self, field: str, kind: str) -> bool:
        """Whether an item has a value of this kind, `text` say, alone or in a list."""
        if (field, kind) not in self._found:
            self._found[field, kind] = self.any(_is(field, kind)) or self._lists_have(field, kind)
        return self._found[field, kind]

    def is_of_dates(self, field: str) -> bool:
        """Whether a field is known as one of dates."""
        return self._declared(field).partition(":")[0] == "date"

    def as_date(self, field: str, written: str) -> str | None:
        """A text as a field of dates stores it; None in other fields.

        None too where day and month could be confused and nobody said which comes first.
        """
        if not self.is_of_dates(field):
            return None
        declared = self._declared(field)
        form = date_form(written)
        orders: list[DayOrder] = [each for each in ("dmy", "mdy") if form and form.has(each)]
        if declared != "date":
            orders = [each for each in orders if declared.endswith(each)]
        readings = {parse_date(written, each) for each in orders}
        return readings.pop() if len(readings) == 1 else None

    def _declared(self, field: str) -> str:
        if field not in self._types:
            query = select(fields.c.type).where(
                fields.c.collection_id == self._collection_id, fields.c.name == field
            )
            self._types[field] = self._connection.execute(query).scalar() or ""
        return self._types[field]

    def _lists_have(self, field: str, kind: str) -> bool:
        if field in COLUMNS:
            return False
        each, is_list = _list_of(field)
        return self.any(and_(is_list, exists().where(each.c.type.in_(KINDS_OF[kind]))))

    def any(self, condition: ColumnElement[bool]) -> bool:
        """Whether an item fulfils a condition."""
        query = select(literal(1)).select_from(items).where(self._live, condition).limit(1)
        return self._connection.execute(query).first() is not None

    def holds(self, query: KeyQuery) -> bool:
        """Whether an item is among those that a query asks for, as far as one part decides it."""
        if isinstance(query, Rows):
            return self.any(query.condition)
        if isinstance(query, Either):
            return any(self.holds(part) for part in query.parts)
        if isinstance(query, Without):
            return True
        assert isinstance(query, Every)
        return all(self.holds(part) for part in query.parts)

    def present(self, field: str, kind: str, wanted: Sequence[Any]) -> set[Any]:
        """Those of some values of one kind that an item has, alone or in a list."""
        value = _value(field)
        among = and_(self._live, _is(field, kind), value.in_(wanted))
        found = set(self._read(select(value).where(among).distinct()))
        left = [one for one in wanted if one not in found]
        if left and field not in COLUMNS:
            each, is_list = _list_of(field)
            inside = and_(each.c.type.in_(KINDS_OF[kind]), each.c.value.in_(left))
            lists = select(each.c.value).select_from(items.join(each, inside))
            found.update(self._read(lists.where(self._live, is_list).distinct()))
        return found

    def zoned(self, field: str, every: bool) -> bool:
        """Whether some, or every, text of a field is a time with a zone as ISO 8601 writes it."""
        value, among = _value(field), _is(field, "text")
        start = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:*"
        zones = ("*[Zz]", "*[+-][0-9][0-9]:[0-9][0-9]")
        zone = or_(*(func.glob(form, value, type_=Boolean) for form in zones))
        is_time = and_(func.glob(start, value, type_=Boolean), zone)
        if every:
            return not self.any(and_(among, not_(is_time)))
        return self.any(and_(among, is_time))

    def texts(self, field: str, start: str, count: int) -> list[str]:
        """Different texts of a field from `start` on, in order; then some of those in lists."""
        value = _value(field)
        among = and_(self._live, _is(field, "text"), value >= start)
        found = self._read(select(value).where(among).distinct().order_by(value).limit(count))
        if field in COLUMNS or len(found) == count:
            return found
        _, is_list = _list_of(field)
        listed = attribute_list(field).label("list")
        lists = select(listed).where(self._live, is_list).limit(LISTS_READ).subquery()
        each = list_values(lists.c.list)
        inside = select(each.c.value).select_from(lists.join(each, each.c.type == "text"))
        return [*found, *self._read(inside.distinct().limit(count - len(found)))]

    def among(self, field: str, texts: list[str]) -> list[str]:
        """Those of some texts that an item has."""
        value = _value(field)
        among = and_(self._live, _is(field, "text"), value.in_(texts))
        return self._read(select(value).where(among).distinct())

    def span(self, field: str, kind: str) -> tuple[Any, Any] | None:
        """The least and the greatest value of a kind; None if no item has one."""
        value = _value(field)
        query = select(func.min(value), func.max(value)).where(self._live, _is(field, kind))
        low, high = self._connection.execute(query).one()
        return None if low is None else (low, high)

    def around(self, field: str, number: float) -> Iterator[float]:
        """The numbers of a field next to one that no item has: the one below, the one above."""
        value = _value(field)
        below, above = (func.max(value), value < number), (func.min(value), value > number)
        for nearest, beyond in (below, above):
            query = select(nearest).where(self._live, _is(field, "number"), beyond)
            found = self._connection.execute(query).scalar()
            if found is not None:
                yield found

    def _read(self, query: Any) -> list[Any]:
        return list(self._connection.execute(query).scalars())


def _is(field: str, kind: str) -> ColumnElement[bool]:
    """The condition that an item's value is of a kind, not in a list."""
    if field in COLUMNS:
        return items.c[field].is_not(None) if kind == "text" else false()
    return attribute_kind(field).in_(KINDS_OF[kind])


def _value(field: str) -> ColumnElement[Any]:
    return items.c[field] if field in COLUMNS else attribute_value(field)


def _list_of(field: str) -> tuple[FromClause, ColumnElement[bool]]:
    """The values of an item's list, and the condition that it is one."""
    return list_values(attribute_list(field)), is_list(field)
