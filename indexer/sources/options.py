"""How a source is to be understood, where that does not show by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIELDS = ("item_id", "image", "label", "product_id")
"""What a column can be besides an attribute."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the owner says of a source; whatever is not said is found out and told.

    `columns` names the column of a field (`--map FIELD=COLUMN`), `types` the type of a column.
    `label_from` is `parent` for the sub-folder's path, or a column. `known_columns` and
    `known_types` are what a collection remembers of earlier tables: they yield where a table does
    not fit them. `addresses` lets rows name pictures by their addresses; else those are refused.
    `inside` is where pictures are written that a table holds itself.
    Of a folder, `include` and `exclude` are patterns of paths, and with `follow_links` links to
    other folders count.
    """

    label_from: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    label_separator: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    follow_links: bool = False
    known_columns: Mapping[str, str] = field(default_factory=dict)
    known_types: Mapping[str, str] = field(default_factory=dict)
    addresses: bool = False
    inside: Path | None = None


AS_FOUND = SourceOptions()
"""Nothing is said: all is found out."""
