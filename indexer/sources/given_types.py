"""Types of columns that are given: declared, known from the collection, or usual in a shop."""

from dataclasses import replace

from indexer.sources.column_types import ColumnType, reading
from indexer.sources.evidence import Evidence
from indexer.sources.found_types import GAP_TYPES, Found, found_as, found_type, with_gaps
from indexer.sources.numerals import DecimalSign
from indexer.sources.shapes import Shape
from indexer.sources.type_fit import ORDERS, SIGNS, completed, depends_on_how, fits
from search_engine.errors import SourceError


def declared_type(name: str, evidence: Evidence, kind: ColumnType) -> Found:
    """Return the declared type; a note says how many rows do not fit and will be rejected.

    Raises:
        SourceError: The date order is neither declared nor evident from the column.
    """
    kind, ambiguous = completed(evidence, kind)
    if ambiguous and kind.name == "date":
        raise SourceError(
            f"the dates of {name!r} can have the day or the month first, such as "
            f"{evidence.examples[0]!r}",
            where="--type",
            fix=f"--type {name}=date:dmy or --type {name}=date:mdy",
        )
    wrong = _misfits(evidence, kind)
    note = None
    if wrong:
        count = sum(evidence.shapes[shape] for shape in wrong)
        note = f"{_cells(count)} not fit, such as {evidence.quoted(wrong)}: those rows are rejected"
    elif ambiguous:
        note = _taken(name, evidence, kind)
    found = found_as(evidence, kind, note)
    return replace(found, fits_none=bool(wrong) and len(wrong) == len(evidence.shapes))


def known_type(name: str, evidence: Evidence, kind: ColumnType) -> Found:
    """Return the type that the collection has for this column; cells that do not fit stay texts.

    One bad cell changes neither the other cells of its column nor the type of the collection.
    """
    if evidence.gaps and kind.name in GAP_TYPES:
        found = known_type(name, evidence.without_gaps(), kind)
        return with_gaps(name, evidence, found) or _known(name, evidence, kind)
    return _known(name, evidence, kind)


def _known(name: str, evidence: Evidence, kind: ColumnType) -> Found:
    kind, ambiguous = _written_as(evidence, kind)
    notes = [_taken(name, evidence, kind)] if ambiguous else []
    wrong = _misfits(evidence, kind)
    if wrong:
        does, stays = ("does", "stays") if evidence.total(wrong) == 1 else ("do", "stay")
        notes.append(
            f"is {kind.name} in this collection; {evidence.counted(wrong)} {does} not fit, such as "
            f"{evidence.quoted(wrong)}, and {stays} text; --type {name}={kind.name} rejects those "
            f"rows instead, --type {name}=text makes all cells text"
        )
    found = found_as(evidence, kind, "; ".join(filter(None, notes)) or None)
    return replace(found, misfits_as_text=bool(wrong))


def _written_as(evidence: Evidence, kind: ColumnType) -> tuple[ColumnType, bool]:
    """Return a known type as these cells are written, and whether that can be doubted.

    The known decimal sign or order of dates stays unless another fits more cells.
    """
    other, ambiguous = completed(evidence, ColumnType(kind.name))
    if not kind.how:
        return other, ambiguous
    if kind.name not in ("number", "date"):
        return kind, False
    fewer = evidence.total(_misfits(evidence, other)) < evidence.total(_misfits(evidence, kind))
    return (other, ambiguous) if fewer else (kind, False)


def _misfits(evidence: Evidence, kind: ColumnType) -> list[Shape]:
    return [shape for shape in evidence.shapes if not fits(shape, kind)]


def suggested_type(
    name: str, evidence: Evidence, kind: ColumnType, sign: DecimalSign | None = None
) -> Found:
    """Return the type that a shop's layout suggests, if all cells fit; else the inferred one."""
    if _misfits(evidence, kind):
        return found_type(name, evidence, sign)
    return found_as(evidence, kind, None)


def _cells(count: int) -> str:
    """Format a count: `1 cell does`, `12 cells do`."""
    return "1 cell does" if count == 1 else f"{count:,} cells do"


def _taken(name: str, evidence: Evidence, kind: ColumnType) -> str | None:
    """Describe how an ambiguous cell is read."""
    doubtful = [shape for shape in evidence.shapes if depends_on_how(shape) and fits(shape, kind)]
    if not doubtful:
        return None
    how = kind.how or (SIGNS if kind.name == "number" else ORDERS)[0]
    other = next(one for one in (*SIGNS, *ORDERS) if one != how and len(one) == len(how))
    value = reading(ColumnType(kind.name, how))(evidence.firsts[doubtful[0]])
    return (
        f"{evidence.quoted(doubtful)} is read as {value}; "
        f"--type {name}={kind.name}:{other} reads it otherwise"
    )
