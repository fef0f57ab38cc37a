"""A small typed filter language over items: parsed to a tree, compiled to bound SQL.

    {"all": [{"field": "price", "lt": 30}, {"field": "label", "under": "Home/Kitchen"}]}

A condition names a field (`item_id`, `product_id`, `label` or an attribute) and one operator:
`eq ne in lt lte gt gte under exists`. `all`, `any` and `not` join. Numbers compare with numbers
and texts with texts only; `ne` and the others hold only for items that have the field.
"""

import json
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, true

from search_engine.catalog.tables import items
from search_engine.errors import FilterError, UnknownFieldError

BUILT_IN_FIELDS = ("item_id", "label", "product_id")
MAX_CONDITIONS = 20
MAX_VALUES = 100
MAX_DEPTH = 8
MAX_TEXT = 1_024

Scalar = str | float | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `value` is a tuple for `in`."""

    field: str
    operator: str
    value: Scalar | tuple[Scalar, ...]


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
            source = json.loads(
                source, parse_constant=_no_constant, object_pairs_hook=_no_repeated_key
            )
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
                "there is no such field",
                where=f"filter, condition {number}",
                fix=f"known: {', '.join([*BUILT_IN_FIELDS, *sorted(attributes)])}",
            )


def compile_filter(parsed: Filter) -> ColumnElement[bool]:
    """The filter as a condition on the items table; all values are bound parameters."""
    if isinstance(parsed, Condition):
        return _COMPILERS[parsed.operator](parsed)
    parts = [compile_filter(part) for part in parsed.parts]
    if parsed.joint == "not":
        return not_(func.coalesce(parts[0], False))
    return and_(*parts) if parsed.joint == "all" else or_(*parts)


def _parse(source: Any, where: str, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise _error(f"nested deeper than {MAX_DEPTH}", where)
    if not isinstance(source, dict) or not source:
        raise _error("a filter is an object", where)
    if "field" in source:
        return _parse_condition(source, where)
    if len(source) != 1 or next(iter(source)) not in ("all", "any", "not"):
        raise _error("expected one of all, any, not, or a condition with field", where)
    joint, parts = next(iter(source.items()))
    if joint == "not":
        return Group("not", (_parse(parts, f"{where}.not", depth + 1),))
    if not isinstance(parts, list) or not parts:
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
    operators = [name for name in source if name != "field"]
    if not isinstance(field, str) or len(operators) != 1 or operators[0] not in _COMPILERS:
        raise _error(f"a condition has a field and one operator of {' '.join(_COMPILERS)}", where)
    operator, value = operators[0], source[operators[0]]
    if operator == "in":
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
            raise _error(f"in takes a list of 1 to {MAX_VALUES} values", where)
        return Condition(field, operator, tuple(_scalar(each, where) for each in value))
    value = _scalar(value, where)
    wanted = {"exists": bool, "under": str}.get(operator)
    if wanted and not isinstance(value, wanted):
        raise _error(f"{operator} takes {'true or false' if wanted is bool else 'text'}", where)
    if operator in ("lt", "lte", "gt", "gte") and isinstance(value, bool):
        raise _error(f"{operator} takes a number or text", where)
    return Condition(field, operator, value)


def _scalar(value: Any, where: str) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= MAX_TEXT and not _has_surrogates(value):
        return value
    if isinstance(value, int | float) and abs(value) < 1e300 and math.isfinite(value):
        return float(value)
    raise _error("a value is a text, a finite number, true or false", where)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _no_repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found


def _error(what: str, where: str) -> FilterError:
    return FilterError(what, where=where)


def _path(field: str) -> str:
    return f'$."{field}"'


def _typed(field: str, value: Scalar) -> tuple[ColumnElement[Any], ColumnElement[bool]]:
    """The column or JSON value, and the condition that it is of the value's type."""
    if field in BUILT_IN_FIELDS:
        return items.c[field], true() if isinstance(value, str) else false()
    kinds = ("text",)
    if isinstance(value, bool):
        kinds = ("true", "false")  # type: ignore[assignment]
    elif isinstance(value, float):
        kinds = ("integer", "real")  # type: ignore[assignment]
    column = func.json_extract(items.c.attributes, _path(field))
    return column, func.json_type(items.c.attributes, _path(field)).in_(kinds)


def _comparison(
    compare: Callable[[ColumnElement[Any], Any], ColumnElement[bool]],
) -> Callable[[Condition], ColumnElement[bool]]:
    def build(condition: Condition) -> ColumnElement[bool]:
        assert not isinstance(condition.value, tuple)
        column, of_type = _typed(condition.field, condition.value)
        return and_(of_type, compare(column, condition.value))

    return build


def _among(condition: Condition) -> ColumnElement[bool]:
    """One list a type: SQLite bounds the depth of a chain of alternatives, not a list's length."""
    assert isinstance(condition.value, tuple)
    alternatives = []
    for kind in (str, float, bool):
        values = [value for value in condition.value if type(value) is kind]
        if values:
            column, of_type = _typed(condition.field, values[0])
            alternatives.append(and_(of_type, column.in_(values)))
    return or_(*alternatives)


def _differs(condition: Condition) -> ColumnElement[bool]:
    return and_(
        _exists(Condition(condition.field, "exists", True)),
        not_(func.coalesce(_COMPILERS["eq"](condition), False)),
    )


def _under(condition: Condition) -> ColumnElement[bool]:
    """The path itself and all below it: a range, which an index serves and no wildcard spoils."""
    path = str(condition.value).rstrip("/")
    column, is_text = _typed(condition.field, path)
    below = and_(column >= f"{path}/", column < f"{path}0")  # "0" is the character after "/"
    return and_(is_text, or_(column == path, below))


def _exists(condition: Condition) -> ColumnElement[bool]:
    column, _ = _typed(condition.field, "")
    return column.is_not(None) if condition.value else column.is_(None)


_COMPILERS: dict[str, Callable[[Condition], ColumnElement[bool]]] = {
    "eq": _comparison(lambda column, value: column == value),
    "ne": _differs,
    "in": _among,
    "lt": _comparison(lambda column, value: column < value),
    "lte": _comparison(lambda column, value: column <= value),
    "gt": _comparison(lambda column, value: column > value),
    "gte": _comparison(lambda column, value: column >= value),
    "under": _under,
    "exists": _exists,
}
