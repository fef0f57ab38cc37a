"""A small typed filter language over items: parsed to a tree, compiled to bound SQL.

    {"all": [{"field": "price", "lt": 30}, {"field": "label", "under": "Home/Kitchen"}]}

A condition names a field (`item_id`, `product_id`, `label` or an attribute) and one operator:
`eq ne in lt lte gt gte under exists`. `all`, `any` and `not` join. Numbers compare with numbers
and texts with texts only; `ne` and the others hold only for items that have the field. A list
fulfils a condition if one of its values does, and `ne` if none is equal.
"""

import math
import operator
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, exists, func, literal, or_

from search_engine.catalog.attributes import (
    KINDS,
    NUMBER_KINDS,
    PICTURE_COLOR,
    TEXT_KINDS,
    TRUTH_KINDS,
    attribute_kind,
    attribute_list,
    attribute_value,
    is_list,
    list_values,
)
from search_engine.catalog.key_queries import Either, Every, KeyQuery, Rows, Without
from search_engine.catalog.tables import items
from search_engine.errors import FilterError, ParameterError, UnknownFieldError
from search_engine.names import check_label, normal
from search_engine.near import did_you_mean, shown
from search_engine.plain_numbers import parse_real
from search_engine.strict_json import read_json

OPERATORS = ("eq", "ne", "in", "lt", "lte", "gt", "gte", "under", "exists")
BUILT_IN_FIELDS = ("item_id", "label", "product_id")
RESERVED_FIELDS = (*BUILT_IN_FIELDS, PICTURE_COLOR)
"""What a condition takes for something else than an attribute."""
FOR_INSTANCE = 'for instance {"field": "price", "lt": 30}, or as a line: price < 30'
MAX_CONDITIONS = 20
MAX_VALUES = 100
MAX_DEPTH = 8
MAX_TEXT = 1_024
MAX_NUMBER = 1e300

_TRUTHS = {"true": True, "false": False, "yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Word:
    """A value as a line has it without quotes: what it is depends on the field it is held against.

    The spelling is kept, as `007` may be a number or the code of something.
    """

    text: str

    def as_number(self) -> float | None:
        """The number that it may be."""
        found = parse_real(self.text)
        return found if found is not None and abs(found) < MAX_NUMBER else None

    def as_truth(self) -> bool | None:
        """True or false, if it may be one of them."""
        return _TRUTHS.get(self.text.lower())

    def plain(self) -> "str | float | bool":
        """What it looks like, where nothing is known of the field."""
        number = self.as_number()
        truth = None if self.text.lower() in ("yes", "no") else self.as_truth()
        return number if number is not None else self.text if truth is None else truth


@dataclass(frozen=True, slots=True)
class Moment:
    """A time with a zone, that is compared with other such times as instants."""

    text: str


Scalar = str | float | bool | Word | Moment


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One comparison; `value` is a tuple for `in`.

    Conditions are equal only if they ask for the same: to Python, True is 1.0.
    """

    field: str
    operator: str
    value: Scalar | tuple[Scalar, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self._asked() == other._asked()

    def __hash__(self) -> int:
        return hash(self._asked())

    def _asked(self) -> tuple[str, str, str]:
        return self.field, self.operator, repr(self.value)


@dataclass(frozen=True, slots=True)
class Group:
    """`all` or `any` of the parts, or `not` of the one part."""

    joint: str
    parts: "tuple[Filter, ...]"


Filter = Condition | Group


def parse_filter(source: Any) -> Filter:
    """A filter from its JSON form, as text or as the decoded value.

    Raises:
        FilterError: It says what is wrong and where.
    """
    if isinstance(source, str):
        try:
            source = read_json(source)
        except (ValueError, RecursionError):
            raise _error("the filter is not JSON", "filter") from None
    parsed = _parse(source, "filter", 1)
    if sum(1 for _ in conditions(parsed)) > MAX_CONDITIONS:
        raise _error(f"more than {MAX_CONDITIONS} conditions", "filter")
    return parsed


def conditions(parsed: Filter) -> Iterator[Condition]:
    """All comparisons in the tree."""
    if isinstance(parsed, Condition):
        yield parsed
    else:
        for part in parsed.parts:
            yield from conditions(part)


def check_fields(parsed: Filter, attributes: Collection[str]) -> None:
    """Make sure that every field exists.

    Raises:
        UnknownFieldError: Naming the fields there are.
    """
    for number, condition in enumerate(conditions(parsed), 1):
        if condition.field not in BUILT_IN_FIELDS and condition.field not in attributes:
            raise UnknownFieldError(
                f"there is no such field: {shown(condition.field)}",
                where=f"filter, condition {number}",
                fix=did_you_mean(condition.field, [*BUILT_IN_FIELDS, *sorted(attributes)]),
            )


def spelled(field: str, text: str) -> str:
    """A text as the catalog would have it in a field: in NFC, a label without slashes around it."""
    if field == "label":
        try:
            return check_label(text) or normal(text)
        except ParameterError:
            pass  # no item has such a label: nothing is found
    return normal(text)


def compile_filter(parsed: Filter) -> KeyQuery:
    """The filter as a query for keys; all values are bound parameters.

    Raises:
        ParameterError: No query can name a field (`search_engine.catalog.attributes`).
    """
    if isinstance(parsed, Condition):
        return _select_by(parsed)
    parts = tuple(compile_filter(part) for part in parsed.parts)
    if parsed.joint == "not":
        return Without(parts[0])
    return Every(parts) if parsed.joint == "all" else Either(parts)


def _parse(source: Any, where: str, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise _error(f"nested deeper than {MAX_DEPTH}", where)
    if not isinstance(source, dict) or not source:
        what = (
            "the filter is an object without anything" if source == {} else "a filter is an object"
        )
        raise _error(what, where, FOR_INSTANCE)
    if "field" in source:
        return _parse_condition(source, where)
    if len(source) != 1 or next(iter(source)) not in ("all", "any", "not"):
        what = "expected one of all, any, not, or a condition with field"
        raise _error(what, where, FOR_INSTANCE)
    joint, parts = next(iter(source.items()))
    if joint == "not":
        return Group("not", (_parse(parts, f"{where}.not", depth + 1),))
    if not isinstance(parts, list | tuple) or not parts:
        raise _error(f"{joint} takes a list of filters", where)
    return Group(
        joint,
        tuple(
            _parse(part, f"{where}.{joint}[{number}]", depth + 1)
            for number, part in enumerate(parts[: MAX_CONDITIONS + 1])
        ),
    )


def _parse_condition(source: dict[str, Any], where: str) -> Condition:
    field = source["field"]
    field = normal(field) if isinstance(field, str) else field
    operators = [name for name in source if name != "field"]
    if not isinstance(field, str) or len(operators) != 1 or operators[0] not in OPERATORS:
        raise _error(f"a condition has a field and one operator of {' '.join(OPERATORS)}", where)
    name, value = operators[0], source[operators[0]]
    if name == "in":
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_VALUES:
            raise _error(f"in takes a list of 1 to {MAX_VALUES} values", where)
        return Condition(field, name, tuple(_scalar(each, field, where) for each in value))
    value = _scalar(value, field, where)
    wanted = {"exists": bool, "under": str}.get(name)
    if wanted and not isinstance(value, wanted):
        raise _error(f"{name} takes {'true or false' if wanted is bool else 'text'}", where)
    if name in ("lt", "lte", "gt", "gte") and isinstance(value, bool):
        raise _error(f"{name} takes a number or text", where)
    return Condition(field, name, value)


def _scalar(value: Any, field: str, where: str) -> Scalar:
    if isinstance(value, np.generic):
        value = str(value) if isinstance(value, np.datetime64) else value.item()
    if isinstance(value, date):  # or a moment, which is one too
        value = value.isoformat()
    if isinstance(value, bool):
        return value
    text = value.text if isinstance(value, Word) else value
    if isinstance(text, str) and len(text) <= MAX_TEXT and not _has_surrogates(text):
        return Word(normal(text)) if isinstance(value, Word) else spelled(field, text)
    if isinstance(value, int | float) and abs(value) < MAX_NUMBER and math.isfinite(value):
        return float(value)
    absent = f'{{"not": {{"field": "{field}", "exists": true}}}} finds items without it'
    fix = absent if value is None else None
    raise _error("a value is a text, a finite number, true or false", where, fix)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _error(what: str, where: str, fix: str | None = None) -> FilterError:
    return FilterError(what, where=where, fix=fix)


_Expression = ColumnElement[Any]


def _select_by(condition: Condition) -> KeyQuery:
    field, value = condition.field, condition.value
    if condition.operator == "exists":
        return Rows(_is_there(field)) if value else Without(Rows(_is_there(field)))
    if condition.operator == "ne":
        return Every((Rows(_is_there(field)), Without(_select_by(Condition(field, "eq", value)))))
    if isinstance(value, tuple):
        plain = tuple(_plain(each) for each in value)
        return Either(tuple(_select_values(field, "in", each) for each in _by_type(plain)))
    return _select_values(field, condition.operator, _plain(value))


def _plain(value: Scalar) -> Scalar:
    return value.plain() if isinstance(value, Word) else value


def _select_values(field: str, name: str, value: Scalar | list[Scalar]) -> KeyQuery:
    """The items whose value, or one of whose values if it is a list, fulfils the condition."""
    if field in BUILT_IN_FIELDS:
        return Rows(_fulfils(literal("text"), items.c[field], name, value))
    kind, content = attribute_kind(field), attribute_value(field)
    each = list_values(attribute_list(field))
    one_does = exists().where(_fulfils(each.c.type, each.c.value, name, value))
    return Either(
        (Rows(_fulfils(kind, content, name, value)), Rows(and_(is_list(field), one_does)))
    )


def _by_type(values: tuple[Scalar, ...]) -> list[list[Scalar]]:
    """The values apart by type: each type is looked for in its own part of an index."""
    ordered = sorted(values, key=lambda value: type(value).__name__)
    return [list(same) for _, same in groupby(ordered, key=type)]


def _is_there(field: str) -> ColumnElement[bool]:
    if field in BUILT_IN_FIELDS:
        return items.c[field].is_not(None)
    return attribute_kind(field).in_(KINDS)


def _fulfils(
    kind: _Expression, content: _Expression, name: str, value: Scalar | list[Scalar]
) -> ColumnElement[bool]:
    """The comparison of something of a kind with a value, or values of one type."""
    if isinstance(value, Moment):
        instants = func.julianday(content), func.julianday(value.text)
        return and_(kind.in_(TEXT_KINDS), _COMPARISONS[name](*instants))
    kinds = _COMPARABLE[type(value[0] if isinstance(value, list) else value)]
    return and_(kind.in_(kinds), _COMPARISONS[name](content, value))


def _under(content: _Expression, path: str) -> ColumnElement[bool]:
    """The path itself and all below it: a range, which an index serves and no wildcard spoils.

    "0" is the character after "/". The range from the path on also holds such as `path-more`, which
    the last condition leaves out.
    """
    path = path.rstrip("/")
    within = and_(content >= path, content < f"{path}0")
    return and_(within, or_(content == path, content >= f"{path}/"))


_COMPARABLE = {str: TEXT_KINDS, float: NUMBER_KINDS, bool: TRUTH_KINDS}
_COMPARISONS: dict[str, Callable[[_Expression, Any], ColumnElement[bool]]] = {
    "eq": operator.eq,
    "in": lambda content, values: content.in_(values),
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "under": _under,
}
