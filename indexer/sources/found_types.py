"""Infer the type of a column from all its cells.

A column is numeric, boolean or a date only if every filled cell fits; else it stays text as
written, and a note says which cells prevented that. Numbers must print back as written: a column
with `1.10` and `1.1` holds sizes or versions, one with two decimals throughout holds prices.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from indexer.sources.column_types import ColumnType, reading
from indexer.sources.evidence import TOLD_SHARE, Evidence
from indexer.sources.numerals import DecimalSign, Numeral
from indexer.sources.shapes import Shape
from indexer.sources.type_fit import ORDERS, SIGNS, prints_back

TEXT = ColumnType("text")
GAP_TYPES = ("number", "date", "boolean")
"""Types whose cells may be missing under another name than nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """The inferred type of a column, and notes about it.

    `gaps`: texts such as `N/A` (see GAPS) count as empty cells. `fits_none`: it was declared, and
    no filled cell fits it. `misfits_as_text`: cells that do not fit are kept as they are written.
    """

    kind: ColumnType
    note: str | None = None
    currencies: tuple[str, ...] = ()
    days_only: bool = False
    gaps: bool = False
    fits_none: bool = False
    misfits_as_text: bool = False


def found_type(name: str, evidence: Evidence, sign: DecimalSign | None = None) -> Found:
    """Return the type that all cells of a column fit, else text.

    Args:
        name: The column's name, for the note.
        evidence: A summary of all its cells.
        sign: The decimal sign of the table's other columns, for ambiguous numbers.
    """
    found = _found(name, evidence.without_gaps(), sign)
    if not evidence.gaps:
        return found
    return with_gaps(name, evidence, found) or _found(name, evidence, sign)


def with_gaps(name: str, evidence: Evidence, found: Found) -> Found | None:
    """Return the type with gaps as empty cells; None for a type that takes any text."""
    if found.kind.name not in GAP_TYPES:
        return None
    gaps = evidence.gaps
    count = "counts" if evidence.total(gaps) == 1 else "count"
    said = (
        f"{evidence.counted(gaps)} {count} as empty, such as {evidence.quoted(gaps)}; "
        f"--type {name}=text keeps what is written"
    )
    note = said if found.note is None else f"{found.note}; {said}"
    return replace(found, note=note, gaps=True)


def _found(name: str, evidence: Evidence, sign: DecimalSign | None) -> Found:
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
    """Return the decimal sign that columns of a table show unambiguously; None if both or none."""
    shown: set[DecimalSign] = set()
    for evidence in evidences:
        forms = [shape.numeral for shape in evidence.shapes if shape.numeral is not None]
        if len(forms) == len(evidence.shapes):
            fitting = [sign for sign in SIGNS if all(f.decimals(sign) is not None for f in forms)]
            if len(fitting) == 1:
                shown.add(fitting[0])
    return shown.pop() if len(shown) == 1 else None


def found_as(evidence: Evidence, kind: ColumnType, note: str | None) -> Found:
    """Return a type that the cells fit, and details that they show: currencies, days of a sheet."""
    currencies: tuple[str, ...] = ()
    if kind.name == "number":
        forms = [shape.numeral for shape in evidence.shapes if shape.numeral is not None]
        currencies = tuple(sorted({form.currency for form in forms if form.currency}))
    days = kind.name == "date" and all(
        shape.midnight for shape in evidence.shapes if shape.kind == "date" and shape.native
    )
    return Found(kind, note, currencies, days)


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
            f"{evidence.counted(without)} {'has' if evidence.total(without) == 1 else 'have'} no "
            f"currency, such as {evidence.quoted(without)}; kept as text; "
            f"--type {name}=number reads all as numbers",
        )
    signs = [sign for sign in SIGNS if all(form.decimals(sign) is not None for form in forms)]
    if not signs:
        points = next(shape for form, shape in forms.items() if form.comma is None)
        commas = next(shape for form, shape in forms.items() if form.point is None)
        both = f"{evidence.quoted([points])} and {evidence.quoted([commas])}"
        return Found(TEXT, f"has both decimal points and commas, as in {both}; kept as text")
    doubtful = [shape for form, shape in forms.items() if form.point != form.comma]
    if None not in currencies:
        signs = _without_thousandths(signs, forms)
    if len(signs) == 2 and doubtful and shown is None:
        return Found(
            TEXT,
            f"{evidence.quoted(doubtful)} can be {_both_readings(evidence, doubtful)}; kept as "
            f"text; --type {name}=number:. or --type {name}=number:, says which",
        )
    sign = shown if len(signs) == 2 and doubtful and shown else signs[0]
    if not prints_back(name, [*forms], sign):
        one, other = _differing(evidence, sign)
        return Found(
            TEXT,
            f'has different numbers of decimals, as in "{one}" and "{other}"; kept as text; '
            f"--type {name}=number compares them as numbers",
        )
    note = None
    if sign == "," or any(form.amount for form in forms) or (len(signs) == 2 and doubtful):
        note = _read_as(evidence, [*forms.values()], sign)
    return found_as(evidence, ColumnType("number", "," if sign == "," else ""), note)


def _without_thousandths(signs: list[DecimalSign], forms: Iterable[Numeral]) -> list[DecimalSign]:
    """Return the signs that give money less than three decimals: `$1,299` is thousands."""
    whole = [sign for sign in signs if all(form.decimals(sign) != 3 for form in forms)]
    return whole or signs


def _date(name: str, evidence: Evidence) -> Found:
    forms = {form: shape for shape in evidence.shapes if (form := shape.dates) is not None}
    orders = [order for order in ORDERS if all(form.has(order) for form in forms)]
    if not orders:
        days = next(shape for form, shape in forms.items() if not form.mdy)
        months = next(shape for form, shape in forms.items() if not form.dmy)
        both = f"{evidence.quoted([days])} and {evidence.quoted([months])}"
        return Found(TEXT, f"has the day first and the month first, as in {both}; kept as text")
    doubtful = [shape for form, shape in forms.items() if not form.year_first]
    if len(orders) == 2 and doubtful:
        return Found(
            TEXT,
            f"{evidence.quoted(doubtful)} can have the day or the month first; kept as text; "
            f"--type {name}=date:dmy or --type {name}=date:mdy says which",
        )
    note = None
    if doubtful:
        first = "day" if orders[0] == "dmy" else "month"
        note = f"{evidence.quoted(doubtful)} is read with the {first} first and stored as ISO 8601"
    elif len({form.zoned for form in forms}) > 1:
        note = "some times have a zone and some have none: those cannot be compared as instants"
    return found_as(evidence, ColumnType("date", orders[0] if doubtful else ""), note)


def _differing(evidence: Evidence, sign: DecimalSign) -> tuple[str, str]:
    """Return a cell that ends in a zero, and one with another number of decimals."""
    forms = {shape: shape.numeral for shape in evidence.shapes if shape.numeral is not None}
    padded = next(shape for shape, form in forms.items() if form.padded and form.decimals(sign))
    places = forms[padded].decimals(sign)
    other = next(shape for shape, form in forms.items() if form.decimals(sign) != places)
    return evidence.firsts[padded], evidence.firsts[other]


def _read_as(evidence: Evidence, shapes: list[Shape], sign: DecimalSign) -> str | None:
    """Describe how numbers that are not written plainly are read."""
    read = reading(ColumnType("number", sign))
    for shape in sorted(shapes, key=lambda one: not (one.numeral and one.numeral.amount)):
        written = evidence.firsts[shape]
        value = read(written)
        if value is not None and str(value) != written:
            return f'"{written}" is read as {value}'
    return None


def _both_readings(evidence: Evidence, shapes: list[Shape]) -> str:
    written = evidence.firsts[shapes[0]]
    read = [reading(ColumnType("number", sign))(written) for sign in SIGNS]
    return " or ".join(str(value) for value in read)


def _what_stands_in_the_way(name: str, evidence: Evidence) -> str | None:
    """Describe the cells that keep a column from having the type of most of its cells."""
    rounded = [shape for shape in evidence.shapes if shape.rounded]
    if rounded:
        return (
            f"{evidence.counted(rounded)} {'is' if evidence.total(rounded) == 1 else 'are'} what a "
            f"spreadsheet makes of a long number, such as {evidence.quoted(rounded)}: its other "
            "digits are not in the file; make the column one of texts there and save it again"
        )
    plurals = {"number": "numbers", "boolean": "true or false", "date": "dates"}
    for kind, plural in plurals.items():
        if evidence.share_of(kind) < TOLD_SHARE:
            continue
        others = [shape for shape in evidence.shapes if shape.kind != kind]
        first = evidence.firsts[others[0]]
        if kind == "number" and first.startswith("0") and first.isdecimal():
            return f'has leading zeros, as in "{first}"; kept as text'
        count = evidence.total(others)
        is_no = "is no" if count == 1 else "are no"
        what = {"number": "number", "date": "date"}.get(kind, plural) if count == 1 else plural
        is_no = is_no if kind != "boolean" else ("is not" if count == 1 else "are not")
        return (
            f"{evidence.counted(others)} {is_no} {what}, such as {evidence.quoted(others)}; "
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
