"""Options for reading a source, where detection is not enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIELDS = ("item_id", "image", "label", "product_id")
"""Fields that a column can be, besides an attribute."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the user says about a source; everything else is detected and reported.

    `columns` maps fields to columns (`--map FIELD=COLUMN`), `types` columns to types. `label_from`
    is `parent` for the sub-folder's path, or a column. `known_columns` and `known_types` are what a
    collection remembers of earlier tables; they are ignored where a table does not fit. `addresses`
    allows rows to name pictures by address, else such rows are rejected. `inside` is the folder for
    pictures contained in a table. `sheet` is the title of one of a workbook. For a folder,
    `include` and `exclude` are patterns of paths, and `follow_links` follows links to other
    folders.
    """

    label_from: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    label_separator: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    follow_links: bool = False
    known_columns: Mapping[str, str] = field(default_factory=dict)
    known_types: Mapping[str, str] = field(default_factory=dict)
    addresses: bool = False
    inside: Path | None = None


AS_FOUND = SourceOptions()
"""Everything is detected."""
