"""What a shop's export becomes: a table in which each row is one item with all its pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from indexer.sources.records import Table


@dataclass(frozen=True, slots=True)
class Layout:
    """A table as it is understood: rewritten rows, columns of fields, types, and what is told.

    `consumed` are columns that are no longer in the table, with what they became.
    """

    table: Table
    mapping: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    consumed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
