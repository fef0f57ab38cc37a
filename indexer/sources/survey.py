"""Make the first pass over a table: count its rows and examine its columns."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from indexer.sources.base import ColumnReport
from indexer.sources.column_types import ColumnType, parse_type
from indexer.sources.columns import Column
from indexer.sources.evidence import Evidence
from indexer.sources.found_types import Found, found_type, shown_sign
from indexer.sources.given_types import declared_type, known_type, suggested_type
from indexer.sources.label_paths import LabelEvidence, label_notes
from indexer.sources.mapping import ColumnMapping, plain_name
from indexer.sources.options import SourceOptions
from indexer.sources.pictures import Pictures
from indexer.sources.records import Record, Table
from search_engine.catalog.attribute_values import MAX_NAME_CHARS, is_attribute_name
from search_engine.catalog.filters import RESERVED_FIELDS
from search_engine.errors import SourceError
from search_engine.near import near

CHUNK = 2_048
"""Records to examine at once."""
CURRENCY_SUFFIX = "_currency"
_SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class Survey:
    """The result: the number of rows and rejects, readers of the columns, and reports.

    `columns` are those that become attributes, by their name in the table; `types` are the types of
    attributes, as `--type` takes them, but for the `misdeclared` columns, whose declared type no
    cell fits.
    """

    rows: int
    columns: Mapping[str, Column]
    types: Mapping[str, str]
    misdeclared: frozenset[str]
    reports: tuple[ColumnReport, ...]
    notes: tuple[str, ...]
    label_separator: str | None


@dataclass(slots=True)
class _Counts:
    """The counts of the pass."""

    evidence: Mapping[str, Evidence]
    labels: LabelEvidence = field(default_factory=LabelEvidence)
    records: int = 0
    rows: int = 0
    multiple: int = 0


def survey(
    table: Table,
    mapping: ColumnMapping,
    options: SourceOptions,
    pictures: Pictures,
    suggested: Mapping[str, str] | None = None,
    consumed: Sequence[ColumnReport] = (),
) -> Survey:
    """Examine every row once.

    Args:
        table: The records.
        mapping: The columns of fields; all others become attributes.
        options: Declared and known types.
        pictures: Counts the pictures of a row.
        suggested: Types of a shop's layout, used if all cells of the column fit.
        consumed: Columns that a shop's layout has used up.

    Raises:
        SourceError: A type is declared for a missing column, or there is no such type.
    """
    counts = _count(table, mapping, pictures)
    fields = _fields(mapping)
    free = [name for name in table.columns if name not in fields]
    names = _attribute_names(free, options.known_types)
    types = _declared(options, table, fields, {one.column for one in consumed})
    found = _types(names, counts.evidence, types, suggested or {}, options.known_types)
    columns = _columns(names, found, fields)
    misdeclared = frozenset(column for column in names if found[column].fits_none)
    separator = options.label_separator or counts.labels.separator()
    notes = _notes(counts, mapping, separator)
    reports = _reports(table, counts, fields, names, found, columns)
    reports += [report for report in consumed if report.column not in counts.evidence]
    return Survey(
        counts.rows,
        columns,
        {names[each]: str(found[each].kind) for each in names if each not in misdeclared},
        misdeclared,
        tuple(reports),
        tuple(notes),
        separator,
    )


def _fields(mapping: ColumnMapping) -> dict[str, str]:
    """Map columns to fields; of a column used for two fields, to the first."""
    fields: dict[str, str] = {}
    for name, column in mapping.columns.items():
        fields.setdefault(column, name)
    return fields


def _count(table: Table, mapping: ColumnMapping, pictures: Pictures) -> _Counts:
    counts = _Counts({name: Evidence() for name in table.columns})
    fields = set(mapping.columns.values())
    image, label = mapping.columns.get("image", ""), mapping.columns.get("label", "")
    records = table.records()
    while chunk := list(islice(records, CHUNK)):
        cells = [record.cells for record in chunk if isinstance(record, Record)]
        counts.rows += len(chunk)
        counts.records += len(cells)
        for name, evidence in counts.evidence.items():
            column = [row[name] for row in cells if name in row]
            if name == image:
                references = [pictures.references(cell) for cell in column]
                counts.rows += sum(max(0, len(views) - 1) for views in references)
                counts.multiple += sum(len(views) > 1 for views in references)
                column = [views[0] if views else None for views in references]
            take = evidence.count if name in fields or evidence.is_text else evidence.take
            take(column)
            if name == label:
                counts.labels.take_all(column)
    return counts


def _declared(
    options: SourceOptions,
    table: Table,
    fields: Mapping[str, str],
    consumed: Collection[str],
) -> dict[str, str]:
    """Parse the types that the user declares, by column as the table spells it.

    Raises:
        SourceError: A column is missing, or is a field.
    """
    found: dict[str, str] = {}
    for column, kind in options.types.items():
        parse_type(kind, f"--type {column}={kind}")
        if column in consumed:
            continue
        alike = [name for name in table.columns if plain_name(name) == plain_name(column)]
        name = column if column in table.columns else alike[0] if len(alike) == 1 else None
        if name is None:
            close = near(column, table.columns)
            meant = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
            raise SourceError(
                f"there is no column {column!r}",
                where="--type",
                fix=f"{meant}found: {', '.join(table.columns)[:300]}",
            )
        if name in fields and parse_type(kind, "").name != "text":
            raise SourceError(
                f"the column {name!r} is the {fields[name]}, which is always text",
                where="--type",
                fix="declare attributes only",
            )
        if name not in fields:
            found[name] = kind
    return found


def _types(
    names: Mapping[str, str],
    evidence: Mapping[str, Evidence],
    declared: Mapping[str, str],
    suggested: Mapping[str, str],
    known: Mapping[str, str],
) -> dict[str, Found]:
    sign = shown_sign(evidence[column] for column in names)
    found: dict[str, Found] = {}
    for column, attribute in names.items():
        if column in declared:
            kind = parse_type(declared[column], f"--type {column}={declared[column]}")
            found[column] = declared_type(column, evidence[column], kind)
        elif attribute in known:
            kind = parse_type(known[attribute], f"the type of {attribute}")
            found[column] = known_type(column, evidence[column], kind)
        elif column in suggested:
            kind = parse_type(suggested[column], f"the type of {column}")
            found[column] = suggested_type(column, evidence[column], kind, sign)
        else:
            found[column] = found_type(column, evidence[column], sign)
    return found


def _columns(
    names: Mapping[str, str], found: Mapping[str, Found], fields: Mapping[str, str]
) -> dict[str, Column]:
    """Make readers of the columns; a currency becomes an attribute if its name is free."""
    taken = {*names.values(), *fields}
    columns: dict[str, Column] = {}
    for column, attribute in names.items():
        beside = f"{attribute[: MAX_NAME_CHARS - len(CURRENCY_SUFFIX)]}{CURRENCY_SUFFIX}"
        has_currency = found[column].currencies and beside not in taken
        columns[column] = Column(column, attribute, found[column], beside if has_currency else None)
    return columns


def _attribute_names(columns: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Choose the attributes' names by column.

    A column that is spelled a little otherwise than an attribute that the collection has is that
    attribute. Characters that attribute names must not have are dropped, and names of fields are
    changed, as filters would take them for the field.
    """
    spelled = _spelled_otherwise(columns, known)
    names: dict[str, str] = {}
    for column in columns:
        name = spelled.get(column, column)
        if not is_attribute_name(name) or name in RESERVED_FIELDS:
            kept = (character for character in name if is_attribute_name(character))
            name = "".join(kept)[: MAX_NAME_CHARS - 12].strip() or "column"
            name = f"{name}_column" if name in RESERVED_FIELDS else name
            number, plain = 2, name
            while name in columns or name in names.values():
                name, number = f"{plain}_{number}", number + 1
        names[column] = name
    return names


def _spelled_otherwise(columns: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """The attribute that each column means by its letters alone, where only one column means it."""
    bare = [_SEPARATORS.sub("", name.casefold()) for name in columns]
    attributes: dict[str, list[str]] = {}
    for name in known:
        attributes.setdefault(_SEPARATORS.sub("", name.casefold()), []).append(name)
    return {
        column: attributes[letters][0]
        for column, letters in zip(columns, bare, strict=True)
        if bare.count(letters) == len(attributes.get(letters, ())) == 1
    }


def _notes(counts: _Counts, mapping: ColumnMapping, separator: str | None) -> list[str]:
    notes = list(mapping.notes)
    if "label" in mapping.columns:
        notes += label_notes(mapping.columns["label"], counts.labels, separator)
    if counts.multiple:
        rows = "1 row names" if counts.multiple == 1 else f"{counts.multiple:,} rows name"
        ids = "id, id/2, id/3..." if "item_id" in mapping.columns else "of their paths"
        notes.append(f"{rows} several pictures: they become the items {ids} of one product")
    return notes


def _reports(
    table: Table,
    counts: _Counts,
    fields: Mapping[str, str],
    names: Mapping[str, str],
    found: Mapping[str, Found],
    columns: Mapping[str, Column],
) -> list[ColumnReport]:
    reports = []
    for column in table.columns:
        evidence = counts.evidence[column]
        filled = evidence.filled / counts.records if counts.records else 0.0
        examples = tuple(evidence.examples)
        if column in fields:
            reports.append(ColumnReport(column, fields[column], "text", filled, examples))
            continue
        kind: ColumnType = found[column].kind
        note = _with_name(column, names[column], _with_currency(found[column], columns[column]))
        reports.append(ColumnReport(column, names[column], kind.name, filled, examples, note))
    return reports


def _with_currency(found: Found, column: Column) -> str | None:
    if column.currency is None:
        return found.note
    said = f"the currency ({', '.join(found.currencies[:5])}) is kept as {column.currency}"
    return said if found.note is None else f"{found.note}; {said}"


def _with_name(column: str, attribute: str, note: str | None) -> str | None:
    if column == attribute:
        return note
    if _SEPARATORS.sub("", column.casefold()) == _SEPARATORS.sub("", attribute.casefold()):
        why = "this collection spells it so"
    elif column in RESERVED_FIELDS:
        why = "the field has this name"
    else:
        why = "a name has no quotes, backslashes or line breaks, and is not long"
    said = f"is called {attribute!r}, as {why}"
    return said if note is None else f"{said}; {note}"
