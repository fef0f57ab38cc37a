"""The types of a table's columns, found from all their cells, declared, or known already.

A column is numeric, boolean or a date only if every filled cell fits; else it stays text as it was
written, and a note says what stood in the way. A number has to print back as it was written: a
column with `1.10` and `1.1` holds sizes or versions, one with two decimals throughout holds prices.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.sources.base import usable
from indexer.sources.column_types import (
    ColumnType,
    Reading,
    misfit,
    read_currency,
    reading,
)
from indexer.sources.dates import DayOrder
from indexer.sources.numerals import DecimalSign, Numeral
from indexer.sources.shapes import TEXT as TEXT_SHAPE
from indexer.sources.shapes import Shape, is_empty, shape_of, text_of
from search_engine.catalog.attribute_values import MAX_TEXT_CHARS, check_attributes
from search_engine.errors import SourceError

EXAMPLES = 3
MAX_EXAMPLE_CHARS = 40
TOLD_SHARE = 0.5
"""From this share of fitting cells on, a note tells why the column is not of their type."""
SURE_OF_TEXT = 2_000
"""After so many cells of which most are texts the rest is not looked at."""
TEXT = ColumnType("text")
SIGNS: tuple[DecimalSign, ...] = (".", ",")
ORDERS: tuple[DayOrder, ...] = ("dmy", "mdy")
PRICE_WORDS = (
    "price", "preis", "prix", "precio", "prezzo", "prijs", "preco", "cost", "msrp", "rrp", "uvp",
)  # fmt: skip
"""In the name of a column: 5, 5.0 and 5.00 are one amount there, not three sizes."""


@dataclass(slots=True)
class Evidence:
    """What the cells of a column look like; bounded, however many there are."""

    filled: int = 0
    shapes: Counter[Shape] = field(default_factory=Counter)
    firsts: dict[Shape, str] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def take(self, cells: Sequence[Any]) -> None:
        """Take note of some cells of the column."""
        if all(type(cell) is str for cell in cells):
            for cell, count in Counter(cells).items():
                self._take(cell, count)
        else:
            for cell in cells:
                self._take(cell, 1)

    @property
    def is_text(self) -> bool:
        """Whether enough texts were seen to be sure what the column is, and that no note is due."""
        return self.filled > SURE_OF_TEXT and self.shapes[TEXT_SHAPE] > self.filled * TOLD_SHARE

    def _take(self, cell: Any, count: int) -> None:
        shape = shape_of(cell)
        if shape is None:
            return
        self.filled += count
        self.shapes[shape] += count
        if len(self.examples) < EXAMPLES:
            written = shortened(text_of(cell))
            if written not in self.examples:
                self.examples.append(written)
        if shape not in self.firsts:
            self.firsts[shape] = shortened(text_of(cell))

    def count(self, cells: Sequence[Any]) -> None:
        """Take note of how many cells are filled, where the type is known anyway."""
        if len(self.examples) < EXAMPLES:
            self.take(cells)
        else:
            self.filled += sum(not is_empty(cell) for cell in cells)

    def share_of(self, kind: str) -> float:
        """The share of the filled cells that are of a kind."""
        count = sum(count for shape, count in self.shapes.items() if shape.kind == kind)
        return count / self.filled if self.filled else 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """The type of a column, and what is to be said of it."""

    kind: ColumnType
    note: str | None = None
    currencies: tuple[str, ...] = ()
    days_only: bool = False


class Column:
    """Reads the cells of one column that becomes an attribute."""

    __slots__ = ("_kind", "_read", "_source", "currency", "name")

    def __init__(self, source: str, name: str, found: Found, currency: str | None = None) -> None:
        self._source = source
        self._kind = found.kind
        self._read: Reading = reading(found.kind, found.days_only)
        self.name = name
        self.currency = currency

    def read(self, cell: Any) -> Any:
        """The value of a cell; None for an empty one.

        Raises:
            RowError: The cell does not fit the column's type.
        """
        if is_empty(cell):
            return cell if isinstance(cell, str) and cell and self._kind == TEXT else None
        value = self._read(cell)
        if value is None:
            raise misfit(self._source, self._kind, cell)
        return value

    def put(self, cell: Any, attributes: dict[str, Any]) -> None:
        """Add the attributes that a cell gives: its value, and the currency beside it.

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
    """Whether a text can be stored as it is, without a closer look."""
    return (
        isinstance(value, str)
        and value.isascii()
        and len(value) <= MAX_TEXT_CHARS
        and "\x00" not in value
    )


def declared_type(name: str, evidence: Evidence, kind: ColumnType) -> Found:
    """What was declared; a note says how many rows will be refused for it.

    Raises:
        SourceError: It does not say how dates are written, and the column does not show it.
    """
    kind, ambiguous = _completed(evidence, kind)
    if ambiguous and kind.name == "date":
        raise SourceError(
            f"the dates of {name!r} can have the day or the month first, such as "
            f"{evidence.examples[0]!r}",
            where="--type",
            fix=f"--type {name}=date:dmy or --type {name}=date:mdy",
        )
    wrong = [shape for shape in evidence.shapes if not _fits(shape, kind)]
    note = None
    if wrong:
        count = sum(evidence.shapes[shape] for shape in wrong)
        note = (
            f"{cells(count)} not fit, such as {_quoted(evidence, wrong)}: those rows are rejected"
        )
    elif ambiguous:
        note = _taken(name, evidence, kind)
    return _found(evidence, kind, note)


def known_type(name: str, evidence: Evidence, kind: ColumnType) -> Found:
    """What the collection has in this column, if the cells can be read so; else text."""
    remembered, ambiguous = kind, False
    wrong = [shape for shape in evidence.shapes if not _fits(shape, kind)]
    if wrong or not kind.how:
        kind, ambiguous = _completed(evidence, ColumnType(kind.name, kind.how if not wrong else ""))
        wrong = [shape for shape in evidence.shapes if not _fits(shape, kind)]
    if wrong:
        do = "does" if _total(evidence, wrong) == 1 else "do"
        return Found(
            TEXT,
            f"was {remembered.name} in this collection and is text now, as "
            f"{_count(evidence, wrong)} {do} not fit, such as {_quoted(evidence, wrong)}; "
            f"--type {name}={remembered.name} rejects those rows instead",
        )
    return _found(evidence, kind, _taken(name, evidence, kind) if ambiguous else None)


def suggested_type(
    name: str, evidence: Evidence, kind: ColumnType, sign: DecimalSign | None = None
) -> Found:
    """The type that such columns have by their origin, where all cells fit; else what is found."""
    if any(not _fits(shape, kind) for shape in evidence.shapes):
        return found_type(name, evidence, sign)
    return _found(evidence, kind, None)


def found_type(name: str, evidence: Evidence, sign: DecimalSign | None = None) -> Found:
    """The type that all cells of a column fit, else text.

    Args:
        name: Of the column, for the note.
        evidence: Of all its cells.
        sign: The decimal sign of the table's other columns, for numbers that could have either.
    """
    shapes = evidence.shapes
    kinds = {shape.kind for shape in shapes}
    if not shapes:
        return Found(TEXT, "empty in every row")
    if len({shape.native for shape in shapes}) > 1 or ("object" in kinds and len(kinds) > 1):
        return Found(TEXT, f"has {_kinds(shapes)}: all are kept as text")
    if kinds == {"boolean"} or kinds == {"list"}:
        return Found(ColumnType("boolean" if kinds == {"boolean"} else "list"))
    if kinds == {"object"}:
        return Found(TEXT, "objects within it are kept as JSON text")
    if "list" in kinds:
        return Found(TEXT, f"has {_kinds(shapes)}: all are kept as text")
    if kinds <= {"number", "long"} and "long" in kinds:
        note = "has whole numbers of more than 15 digits: kept exactly, as text"
        return Found(TEXT, note)
    if kinds == {"number"}:
        return _number(name, evidence, sign)
    if kinds == {"date"}:
        return _date(name, evidence)
    return Found(TEXT, _what_stands_in_the_way(name, evidence))


def shown_sign(evidences: Iterable[Evidence]) -> DecimalSign | None:
    """The decimal sign that columns of a table show without a doubt; None if both or none do."""
    shown: set[DecimalSign] = set()
    for evidence in evidences:
        forms = [shape.numeral for shape in evidence.shapes if shape.numeral is not None]
        if len(forms) == len(evidence.shapes):
            fitting = [sign for sign in SIGNS if all(f.decimals(sign) is not None for f in forms)]
            if len(fitting) == 1:
                shown.add(fitting[0])
    return shown.pop() if len(shown) == 1 else None


def shortened(text: str) -> str:
    """A cell as an example: on one line, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_EXAMPLE_CHARS else f"{line[: MAX_EXAMPLE_CHARS - 1]}…"


def cells(count: int) -> str:
    """`1 cell does`, `12 cells do`."""
    return "1 cell does" if count == 1 else f"{count:,} cells do"


def _number(name: str, evidence: Evidence, shown: DecimalSign | None) -> Found:
    if all(shape.native for shape in evidence.shapes):
        return Found(ColumnType("number"))
    forms = {form: shape for shape in evidence.shapes if (form := shape.numeral) is not None}
    currencies = {form.currency for form in forms}
    if None in currencies and len(currencies) > 1:
        without = [
            shape for shape in evidence.shapes if shape.numeral and not shape.numeral.currency
        ]
        return Found(
            TEXT,
            f"{_count(evidence, without)} {'has' if _total(evidence, without) == 1 else 'have'} no "
            f"currency, such as {_quoted(evidence, without)}; kept as text; "
            f"--type {name}=number reads all as numbers",
        )
    signs = [sign for sign in SIGNS if all(form.decimals(sign) is not None for form in forms)]
    if not signs:
        points = next(shape for form, shape in forms.items() if form.comma is None)
        commas = next(shape for form, shape in forms.items() if form.point is None)
        both = f"{_quoted(evidence, [points])} and {_quoted(evidence, [commas])}"
        return Found(TEXT, f"has both decimal points and commas, as in {both}; kept as text")
    doubtful = [shape for form, shape in forms.items() if form.point != form.comma]
    if None not in currencies:
        signs = _without_thousandths(signs, forms)
    if len(signs) == 2 and doubtful and shown is None:
        return Found(
            TEXT,
            f"{_quoted(evidence, doubtful)} can be {_both_readings(evidence, doubtful)}; kept as "
            f"text; --type {name}=number:. or --type {name}=number:, says which",
        )
    sign = shown if len(signs) == 2 and doubtful and shown else signs[0]
    if not _prints_back(name, [*forms], sign):
        one, other = _differing(evidence, sign)
        return Found(
            TEXT,
            f'"{one}" and "{other}" would be told apart no more as numbers; kept as text; '
            f"--type {name}=number compares them as numbers",
        )
    note = None
    if sign == "," or any(form.amount for form in forms) or (len(signs) == 2 and doubtful):
        note = _read_as(evidence, [*forms.values()], sign)
    return _found(evidence, ColumnType("number", "," if sign == "," else ""), note)


def _without_thousandths(signs: list[DecimalSign], forms: Iterable[Numeral]) -> list[DecimalSign]:
    """The signs with which money has no three decimals: `$1,299` is thousands."""
    whole = [sign for sign in signs if all(form.decimals(sign) != 3 for form in forms)]
    return whole or signs


def _date(name: str, evidence: Evidence) -> Found:
    forms = {form: shape for shape in evidence.shapes if (form := shape.dates) is not None}
    orders = [order for order in ORDERS if all(form.has(order) for form in forms)]
    if not orders:
        days = next(shape for form, shape in forms.items() if not form.mdy)
        months = next(shape for form, shape in forms.items() if not form.dmy)
        both = f"{_quoted(evidence, [days])} and {_quoted(evidence, [months])}"
        return Found(TEXT, f"has the day first and the month first, as in {both}; kept as text")
    doubtful = [shape for form, shape in forms.items() if not form.year_first]
    if len(orders) == 2 and doubtful:
        return Found(
            TEXT,
            f"{_quoted(evidence, doubtful)} can have the day or the month first; kept as text; "
            f"--type {name}=date:dmy or --type {name}=date:mdy says which",
        )
    note = None
    if doubtful:
        first = "day" if orders[0] == "dmy" else "month"
        note = (
            f"{_quoted(evidence, doubtful)} is read with the {first} first and stored as ISO 8601"
        )
    elif len({form.zoned for form in forms}) > 1:
        note = "some times have a zone and some have none: those cannot be compared as instants"
    return _found(evidence, ColumnType("date", orders[0] if doubtful else ""), note)


def _found(evidence: Evidence, kind: ColumnType, note: str | None) -> Found:
    currencies: tuple[str, ...] = ()
    if kind.name == "number":
        forms = [shape.numeral for shape in evidence.shapes if shape.numeral is not None]
        currencies = tuple(sorted({form.currency for form in forms if form.currency}))
    days = kind.name == "date" and all(
        shape.midnight for shape in evidence.shapes if shape.kind == "date" and shape.native
    )
    return Found(kind, note, currencies, days)


def _completed(evidence: Evidence, kind: ColumnType) -> tuple[ColumnType, bool]:
    """A type with the decimal sign or order that most cells fit, and whether both fit all alike."""
    if kind.how or kind.name not in ("number", "date"):
        return kind, False
    hows: tuple[str, ...] = SIGNS if kind.name == "number" else ORDERS
    fitting = {
        how: _total(evidence, [s for s in evidence.shapes if _fits(s, ColumnType(kind.name, how))])
        for how in hows
    }
    best = max(hows, key=lambda how: fitting[how])  # the first of equals
    written = [shape for shape in evidence.shapes if _depends(shape)]
    ambiguous = bool(written) and fitting[hows[0]] == fitting[hows[1]]
    usual = best == hows[0] and not (kind.name == "date" and written)
    return ColumnType(kind.name, "" if usual else best), ambiguous


def _depends(shape: Shape) -> bool:
    """Whether a cell is read differently with another decimal sign or order of days."""
    if shape.numeral is not None:
        return shape.numeral.point != shape.numeral.comma
    return shape.dates is not None and not shape.dates.year_first


def _fits(shape: Shape, kind: ColumnType) -> bool:
    """Whether a cell of this shape can be read as a type."""
    if kind.name in ("text", "list"):
        return True
    if kind.name == "boolean":
        return shape.kind == "boolean" or shape.binary
    if shape.kind != kind.name:
        return False
    if shape.numeral is not None:
        return shape.numeral.decimals(kind.sign or ".") is not None
    return shape.dates is None or shape.dates.has(kind.order or "dmy")


def _prints_back(name: str, forms: list[Numeral], sign: DecimalSign) -> bool:
    """Whether different texts become different numbers, or are amounts anyway."""
    kept = not any(form.padded and form.decimals(sign) for form in forms)
    uniform = len({form.decimals(sign) for form in forms}) == 1
    priced = any(word in name.casefold() for word in PRICE_WORDS)
    return kept or uniform or priced or any(form.amount for form in forms)


def _differing(evidence: Evidence, sign: DecimalSign) -> tuple[str, str]:
    """A cell that ends in a zero, and one with another number of decimals."""
    forms = {shape: shape.numeral for shape in evidence.shapes if shape.numeral is not None}
    padded = next(shape for shape, form in forms.items() if form.padded and form.decimals(sign))
    places = forms[padded].decimals(sign)
    other = next(shape for shape, form in forms.items() if form.decimals(sign) != places)
    return evidence.firsts[padded], evidence.firsts[other]


def _read_as(evidence: Evidence, shapes: list[Shape], sign: DecimalSign) -> str | None:
    """The sentence of how a number that is not written plainly is read."""
    read = reading(ColumnType("number", sign))
    for shape in sorted(shapes, key=lambda one: not (one.numeral and one.numeral.amount)):
        written = evidence.firsts[shape]
        value = read(written)
        if value is not None and str(value) != written:
            return f'"{written}" is read as {value}'
    return None


def _taken(name: str, evidence: Evidence, kind: ColumnType) -> str | None:
    """How a cell is read that could be read in two ways."""
    doubtful = [shape for shape in evidence.shapes if _depends(shape) and _fits(shape, kind)]
    if not doubtful:
        return None
    how = kind.how or (SIGNS if kind.name == "number" else ORDERS)[0]
    other = next(one for one in (*SIGNS, *ORDERS) if one != how and len(one) == len(how))
    value = reading(ColumnType(kind.name, how))(evidence.firsts[doubtful[0]])
    return (
        f"{_quoted(evidence, doubtful)} is read as {value}; "
        f"--type {name}={kind.name}:{other} reads it otherwise"
    )


def _both_readings(evidence: Evidence, shapes: list[Shape]) -> str:
    written = evidence.firsts[shapes[0]]
    read = [reading(ColumnType("number", sign))(written) for sign in SIGNS]
    return " or ".join(str(value) for value in read)


def _what_stands_in_the_way(name: str, evidence: Evidence) -> str | None:
    """Which cells keep a column from being of the type that most of its cells have."""
    plurals = {"number": "numbers", "boolean": "true or false", "date": "dates"}
    for kind, plural in plurals.items():
        if evidence.share_of(kind) < TOLD_SHARE:
            continue
        others = [shape for shape in evidence.shapes if shape.kind != kind]
        count = _total(evidence, others)
        is_no = "is no" if count == 1 else "are no"
        what = {"number": "number", "date": "date"}.get(kind, plural) if count == 1 else plural
        is_no = is_no if kind != "boolean" else ("is not" if count == 1 else "are not")
        return (
            f"{_count(evidence, others)} {is_no} {what}, such as {_quoted(evidence, others)}; "
            f"kept as text; --type {name}={kind} rejects those rows instead"
        )
    return None


def _kinds(shapes: Iterable[Shape]) -> str:
    names = {
        "text": "texts", "number": "numbers", "long": "numbers", "boolean": "true or false",
        "date": "dates", "list": "lists", "object": "objects",
    }  # fmt: skip
    found = {names[shape.kind if shape.native else "text"] for shape in shapes}
    return " and ".join(sorted(found))


def _total(evidence: Evidence, shapes: Iterable[Shape]) -> int:
    return sum(evidence.shapes[shape] for shape in shapes)


def _count(evidence: Evidence, shapes: Iterable[Shape]) -> str:
    """`12 of 340 cells`."""
    return f"{_total(evidence, shapes):,} of {evidence.filled:,} cells"


def _quoted(evidence: Evidence, shapes: Iterable[Shape]) -> str:
    return f'"{evidence.firsts[next(iter(shapes))]}"'
