"""Decide which cells can be read as a type, and with which decimal sign or date order."""

from collections.abc import Sequence

from indexer.sources.column_types import ColumnType
from indexer.sources.evidence import Evidence
from indexer.sources.numerals import DecimalSign, Numeral
from indexer.sources.shapes import Shape
from search_engine.catalog.dates import DayOrder

SIGNS: tuple[DecimalSign, ...] = (".", ",")
ORDERS: tuple[DayOrder, ...] = ("dmy", "mdy")
PRICE_WORDS = (
    "price", "preis", "prix", "precio", "prezzo", "prijs", "preco", "cost", "msrp", "rrp", "uvp",
)  # fmt: skip
"""Words in the name of a column of prices: there 5, 5.0 and 5.00 are one amount, not three
sizes."""


def fits(shape: Shape, kind: ColumnType) -> bool:
    """Return whether a cell of this shape can be read as a type."""
    if kind.name in ("text", "list"):
        return True
    if kind.name == "boolean":
        return shape.kind == "boolean" or shape.binary
    if shape.kind != kind.name:
        return False
    if shape.numeral is not None:
        return shape.numeral.decimals(kind.sign or ".") is not None
    return shape.dates is None or shape.dates.has(kind.order or "dmy")


def depends_on_how(shape: Shape) -> bool:
    """Return whether another decimal sign or date order would change how a cell is read."""
    if shape.numeral is not None:
        return shape.numeral.point != shape.numeral.comma
    return shape.dates is not None and not shape.dates.year_first


def completed(evidence: Evidence, kind: ColumnType) -> tuple[ColumnType, bool]:
    """Add the decimal sign or date order that most cells fit; tell if both fit equally."""
    if kind.how or kind.name not in ("number", "date"):
        return kind, False
    hows: tuple[str, ...] = SIGNS if kind.name == "number" else ORDERS
    fitting = {
        how: evidence.total([s for s in evidence.shapes if fits(s, ColumnType(kind.name, how))])
        for how in hows
    }
    best = max(hows, key=lambda how: fitting[how])  # the first among equals
    written = [shape for shape in evidence.shapes if depends_on_how(shape)]
    ambiguous = bool(written) and fitting[hows[0]] == fitting[hows[1]]
    usual = best == hows[0] and not (kind.name == "date" and written)
    return ColumnType(kind.name, "" if usual else best), ambiguous


def prints_back(name: str, forms: Sequence[Numeral], sign: DecimalSign) -> bool:
    """Return whether different texts become different numbers, or are amounts anyway."""
    kept = not any(form.padded and form.decimals(sign) for form in forms)
    uniform = len({form.decimals(sign) for form in forms}) == 1
    priced = any(word in name.casefold() for word in PRICE_WORDS)
    return kept or uniform or priced or any(form.amount for form in forms)
