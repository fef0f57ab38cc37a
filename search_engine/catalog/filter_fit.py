"""A filter held against what a collection has: types that fit, and conditions nothing can fulfil.

A comparison of a field with a value of another type would quietly find nothing, so it is refused.
Of a comparison that no item can fulfil the answer tells, with values near the one that was asked
for. Words without quotes (`search_engine.catalog.filter_text`) become what the field has.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from search_engine.catalog.attributes import PICTURE_COLOR
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.field_values import KINDS_OF, FieldValues
from search_engine.catalog.filters import (
    BUILT_IN_FIELDS,
    Condition,
    Filter,
    Group,
    Moment,
    Scalar,
    Word,
    check_fields,
    compile_filter,
    spelled,
)
from search_engine.catalog.near_values import describe, near_paths, near_texts, quoted, written
from search_engine.catalog.store import Catalog
from search_engine.errors import FilterError

NOTHING = "filter_matches_nothing"
AS_TEXT = "compared_as_text"
NO_ITEM_FITS_ALL = f"{NOTHING}: each condition fits an item, but none fits the whole filter"
MAX_WARNINGS = 5
ORDERS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
SIGNS = {"eq": "=", "ne": "!=", "in": "=", **ORDERS}

NO_VALUE = ("null", "none", "nil", "na", "n/a")
"""What other languages call that there is no value."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?", re.ASCII)
_MONTH = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?-?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ZONE = re.compile(r".*[T ]\d{2}:\d{2}.*([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A filter as a collection answers it, and what to know of the answer: code and sentence."""

    filter: Filter
    warnings: tuple[str, ...] = ()


def fit_filter(catalog: Catalog, collection: Collection, parsed: Filter) -> Fitted:
    """Hold a filter against a collection.

    Raises:
        UnknownFieldError: Naming the fields there are.
        FilterError: A value's type does not fit the field.
    """
    check_fields(parsed, [PICTURE_COLOR, *catalog.fields(collection)])

    def fit(connection: Connection) -> Fitted:
        found = _Fit(FieldValues(connection, collection.id))
        return Fitted(found.filter(parsed), tuple(dict.fromkeys(found.warnings)))

    return catalog.ask(fit)


class _Fit:
    """One filter on its way; `warnings` gather."""

    def __init__(self, values: FieldValues) -> None:
        self._values = values
        self._number = 0
        self.warnings: list[str] = []

    def filter(self, parsed: Filter) -> Filter:
        if isinstance(parsed, Group):
            return Group(parsed.joint, tuple(self.filter(part) for part in parsed.parts))
        self._number += 1
        if parsed.operator == "exists" or self._is_absent(parsed):
            return parsed
        return self._ordered(parsed) if parsed.operator in ORDERS else self._equal(parsed)

    def _is_absent(self, asked: Condition) -> bool:
        """Whether no item has anything to compare with in this field; told then."""
        value = asked.value[0] if isinstance(asked.value, tuple) else asked.value
        likely = _kind_of(value.plain() if isinstance(value, Word) else value)
        kinds = sorted(KINDS_OF, key=lambda kind: kind != likely)  # the rest costs more
        if any(self._values.has(asked.field, kind) for kind in kinds):
            return False
        remedy = "; run `eyedex colors`" if asked.field == PICTURE_COLOR else ""
        self._warn(NOTHING, f"no item has a {asked.field} that can be compared{remedy}")
        return True

    def _equal(self, asked: Condition) -> Filter:
        """`eq ne in under` with the values that the field can have."""
        given = asked.value if isinstance(asked.value, tuple) else (asked.value,)
        readings = [self._readings(asked, value) for value in given]
        self._tell_of_nothing(asked, readings)
        if asked.operator == "under":
            return replace(asked, value=readings[0][0])
        values = tuple(one for meant in readings for one in meant)
        if asked.operator == "in" or len(values) > 1:
            found = Condition(asked.field, "in", values)
            if asked.operator != "ne":
                return found
            return Group("all", (Condition(asked.field, "exists", True), Group("not", (found,))))
        return replace(asked, value=values[0])

    def _readings(self, asked: Condition, value: Scalar) -> tuple[Scalar, ...]:
        """What a value can mean in the field: of a word perhaps the number and the text."""
        field = asked.field
        if isinstance(value, float) and field in BUILT_IN_FIELDS and value.is_integer():
            return (f"{value:.0f}",)
        date = self._date(field, value)
        if date is not None:
            return (date, _text(value))
        if not isinstance(value, Word):
            self._check_type(asked, value)
            return (value,)
        may_be = (value.as_number(), value.as_truth(), spelled(field, value.text))
        kinds = zip(may_be, ("number", "true or false", "text"), strict=True)
        found = tuple(
            one for one, kind in kinds if one is not None and self._values.has(field, kind)
        )
        if not found:
            raise self._misfit(asked, value)
        return found

    def _ordered(self, asked: Condition) -> Filter:
        """`lt lte gt gte`: numbers with numbers, texts with texts, times with zones as instants."""
        assert not isinstance(asked.value, tuple)
        value = self._date(asked.field, asked.value) or asked.value
        if isinstance(value, Word):
            number = value.as_number()
            value = spelled(asked.field, value.text) if number is None else number
        self._check_type(asked, value)
        if isinstance(value, str) and self._is_order_of_dates(asked):
            self._check_date(asked, value)
        if isinstance(value, str) and _DATE.fullmatch(value):
            value = self._moment(asked.field, value)
        fitted = replace(asked, value=value)
        if not self._values.holds(compile_filter(fitted)):
            self._tell_of_span(fitted)
        return fitted

    def _date(self, field: str, value: Scalar) -> str | None:
        """The date of a column of dates as it is stored, where it is written in another way."""
        if not isinstance(value, str | Word):
            return None
        written = _text(value).strip()
        found = self._values.as_date(field, written)
        return None if found == written else found

    def _is_order_of_dates(self, asked: Condition) -> bool:
        return asked.operator in ORDERS and self._values.is_of_dates(asked.field)

    def _check_date(self, asked: Condition, text: str) -> None:
        """Refuse a text that is no date nor the start of one: its order would mean nothing."""
        day = _DAY.match(text)
        if _MONTH.fullmatch(text) or (day and self._values.as_date(asked.field, day[0])):
            return
        raise FilterError(
            f"{asked.field} is a date in this collection, {quoted(text)} is none, or can be two",
            where=f"filter, condition {self._number}",
            fix=f"write it as in {self._as_line(asked, '2025-12-31')}",
        )

    def _moment(self, field: str, text: str) -> Scalar:
        """A date or time as it is compared: as an instant, or as text and with a warning."""
        if _ZONE.fullmatch(text):
            if self._values.zoned(field, every=True):
                return Moment(text)
            self._warn(AS_TEXT, f"not every {field} is a time with a zone, as {text} is")
        elif self._values.zoned(field, every=False):
            self._warn(AS_TEXT, f"{text} has no zone, and times of {field} have; add Z, say")
        return text

    def _check_type(self, asked: Condition, value: Scalar) -> None:
        if not self._values.has(asked.field, _kind_of(value)):
            raise self._misfit(asked, value)

    def _misfit(self, asked: Condition, value: Scalar) -> FilterError:
        field = asked.field
        kinds = [kind for kind in KINDS_OF if self._values.has(field, kind)]
        if isinstance(value, Word) and value.text.lower() in NO_VALUE:
            fix = f"write not {field} exists for items without it"
        elif asked.operator == "under":
            fix = "compare it by =; under is for texts that are paths, such as labels"
        elif kinds == ["text"] and _kind_of(value) != "text":
            fix = f"write {self._as_line(asked, quoted(written(value)))} to compare as text"
        elif kinds == ["number"] and Word(str(value)).as_number() is not None:
            fix = f"write {self._as_line(asked, str(value))}, without quotes"
        elif kinds == ["true or false"]:
            fix = f"write {field} = true or {field} = false"
        else:
            fix = f"compare it with {' or '.join(map(_named, kinds))}"
        here = " or ".join(map(_named, kinds))
        ordered = asked.operator in ORDERS and kinds == ["true or false"]
        what = "which has no order" if ordered else f"{quoted(value)} is not"
        return FilterError(
            f"{field} is {here} in this collection, {what}",
            where=f"filter, condition {self._number}",
            fix=fix,
        )

    def _as_line(self, asked: Condition, value: str) -> str:
        return f"{asked.field} {SIGNS.get(asked.operator, asked.operator)} {value}"

    def _tell_of_nothing(self, asked: Condition, readings: Sequence[Sequence[Scalar]]) -> None:
        """Say which values no item has in any of their readings, with values near them."""
        field = asked.field
        if asked.operator == "under":
            path = str(readings[0][0])
            if not self._values.holds(compile_filter(Condition(field, "under", path))):
                near = [quoted(one) for one in near_paths(self._values, field, path)]
                self._warn(NOTHING, f"no item has a {field} under {quoted(path)}{describe(near)}")
            return
        for meant in self._absent(field, readings):
            if len(self.warnings) == MAX_WARNINGS:
                break
            near = list(dict.fromkeys(self._near(field, meant)))
            self._warn(NOTHING, f"no item has {field} {quoted(meant[0])}{describe(near)}")

    def _absent(
        self, field: str, readings: Sequence[Sequence[Scalar]]
    ) -> Iterator[Sequence[Scalar]]:
        """The values of which no item has any reading; all are looked for together."""
        asked: dict[str, list[Scalar]] = {}
        for one in (one for meant in readings for one in meant):
            asked.setdefault(_kind_of(one), []).append(one)
        present = {kind: self._values.present(field, kind, asked[kind]) for kind in asked}
        for meant in readings:
            if not any(one in present[_kind_of(one)] for one in meant):
                yield meant

    def _near(self, field: str, meant: Sequence[Scalar]) -> Iterator[str]:
        for one in meant:
            if isinstance(one, str):
                yield from map(quoted, near_texts(self._values, field, one))
            elif isinstance(one, float):
                yield from map(quoted, self._values.around(field, one))

    def _tell_of_span(self, fitted: Condition) -> None:
        """Say that no value is so large or small, and how far the values go."""
        assert not isinstance(fitted.value, tuple)
        what = f"no item has {fitted.field} {ORDERS[fitted.operator]} {quoted(fitted.value)}"
        span = self._values.span(fitted.field, _kind_of(fitted.value))
        if span is not None:
            what += f"; it goes from {quoted(span[0])} to {quoted(span[1])}"
        self._warn(NOTHING, what)

    def _warn(self, code: str, sentence: str) -> None:
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(f"{code}: {sentence}")


def _text(value: Scalar) -> str:
    return value.text if isinstance(value, Word) else str(value)


def _kind_of(value: Scalar) -> str:
    kinds = {bool: "true or false", float: "number", int: "number"}
    return kinds.get(type(value), "text")


def _named(kind: str) -> str:
    return kind if kind == "true or false" else f"a {kind}"
