"""A table of items and their pictures as a source: columns interpreted, rows read."""

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from indexer.sources.base import Reject, SourceRow, printable, usable
from indexer.sources.label_paths import LabelPaths, levels_of, path_of
from indexer.sources.mapping import map_columns
from indexer.sources.objects import without_objects
from indexer.sources.options import AS_FOUND, SourceOptions
from indexer.sources.picture_columns import picture_columns
from indexer.sources.pictures import MAX_VIEWS, Pictures, folder_label, is_address, path_id, view_id
from indexer.sources.records import Record, Table
from indexer.sources.shapes import is_empty, text_of
from indexer.sources.shops import recognised
from indexer.sources.survey import survey
from search_engine.catalog.attribute_values import MAX_ATTRIBUTES, check_attributes
from search_engine.errors import RowError
from search_engine.names import check_item_id, check_label, check_product_id, normal


class TableSource:
    """Rows of a table: an id, a picture, a label, a product, and typed attributes.

    The whole table is examined when the source is opened (`indexer.sources.survey`); rows are read
    again each time they are requested.
    """

    def __init__(self, table: Table, options: SourceOptions = AS_FOUND) -> None:
        layout = recognised(without_objects(table), options)
        self._table = layout.table
        self._pictures = Pictures(table.path.parent, options.inside)
        look = partial(picture_columns, self._table)
        where = f"table {table.path}"
        mapping = map_columns(self._table.columns, options, layout.mapping, where, look)
        surveyed = survey(
            self._table, mapping, options, self._pictures, layout.types, layout.consumed
        )
        self._fields = dict(mapping.columns)
        self._label_from_folder = mapping.label_from_folder
        self._columns = surveyed.columns
        self._count = surveyed.rows
        self._labels = LabelPaths(surveyed.label_separator)
        self._label = lru_cache(maxsize=2**14)(self._checked_path)
        self._addresses = options.addresses
        self.path = table.path
        self.description = f"table {table.path}"
        self.columns = surveyed.reports
        self.types: Mapping[str, str] = surveyed.types
        self.misdeclared = surveyed.misdeclared
        self.notes = (*self._table.notes, *layout.notes, *surveyed.notes)

    @property
    def mapping(self) -> dict[str, str]:
        """The columns of the fields, to remember as `SourceOptions.known_columns`."""
        return dict(self._fields)

    def __len__(self) -> int:
        return self._count

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source."""
        for record in self._table.records():
            if isinstance(record, Reject):
                yield record
            else:
                yield from self._rows(record)

    def ids(self) -> Iterator[str]:
        """See Source."""
        for record in self._table.records():
            if isinstance(record, Reject):
                if record.item_id is not None:
                    yield record.item_id
                continue
            yield from filter(None, map(normal, self._ids(record, self._references(record))))

    def _rows(self, record: Record) -> Iterator[SourceRow | Reject]:
        """Yield a row for each picture of a record, or one without a picture."""
        references = self._references(record)
        ids = self._ids(record, references)
        try:
            if len(references) > MAX_VIEWS:
                what = f"{len(references):,} pictures in one row; at most {MAX_VIEWS:,} are taken"
                raise RowError("bad_value", what)
            first = usable("bad_id", check_item_id, ids[0])
            description = self._description(record, references, first)
        except RowError as error:
            for written in ids:
                yield Reject(record.line, printable(written), error.code, error.what)
            return
        if not references:
            yield SourceRow(record.line, first, None, description)
            return
        yield self._view(record.line, first, references[0], description)
        for written, reference in zip(ids[1:], references[1:], strict=True):
            yield self._further_view(record.line, written, reference, description)

    def _further_view(
        self, line: int, written: str, reference: str, description: Mapping[str, Any]
    ) -> SourceRow | Reject:
        try:
            item_id = usable("bad_id", check_item_id, written)
        except RowError as error:
            return Reject(line, printable(written), error.code, error.what)
        return self._view(line, item_id, reference, description)

    def _view(
        self, line: int, item_id: str, reference: str, description: Mapping[str, Any]
    ) -> SourceRow | Reject:
        try:
            if self._addresses and is_address(reference):
                return SourceRow(line, item_id, None, description, reference.strip())
            return SourceRow(line, item_id, self._pictures.find(reference), description)
        except RowError as error:
            return Reject(line, item_id, error.code, error.what)

    def _references(self, record: Record) -> list[str]:
        column = self._fields.get("image")
        return self._pictures.references(record.cells.get(column)) if column else []

    def _ids(self, record: Record, references: list[str]) -> list[str]:
        """Return the ids of a record's pictures as written; one id for one without pictures."""
        column = self._fields.get("item_id")
        if column is None:
            return [path_id(reference) for reference in references] or [""]
        cell = record.cells.get(column)
        written = "" if is_empty(cell) else text_of(cell)
        return [view_id(written, number) for number in range(1, max(1, len(references)) + 1)]

    def _description(
        self, record: Record, references: list[str], item_id: str
    ) -> Mapping[str, Any]:
        """Describe an item: an empty cell clears a value, a missing column does not."""
        cells = record.cells
        found: dict[str, Any] = {}
        label, product = self._fields.get("label", ""), self._fields.get("product_id", "")
        if self._label_from_folder and references:
            found["label"] = self._label(folder_label(references[0]))
        elif label and label in cells:
            levels = levels_of(cells[label])
            found["label"] = (
                self._label(_text(cells[label]))
                if levels is None
                else _checked_label(path_of(levels) or None)
            )
        if product and product in cells:
            found["product_id"] = usable("bad_value", check_product_id, _text(cells[product]))
        if len(references) > 1 and found.get("product_id") is None:
            found["product_id"] = item_id
        attributes: dict[str, Any] = {}
        for name, column in self._columns.items():
            if name in cells:
                column.put(cells[name], attributes)
        if len(attributes) > MAX_ATTRIBUTES:
            usable("bad_value", check_attributes, attributes)
        found["attributes"] = attributes
        return found

    def _checked_path(self, written: str | None) -> str | None:
        return _checked_label(None if written is None else self._labels.path(written))


def _checked_label(path: str | None) -> str | None:
    return usable("bad_value", check_label, path)


def _text(cell: Any) -> str | None:
    """Return the text of a cell of a field; None for an empty one."""
    return None if is_empty(cell) else text_of(cell)
