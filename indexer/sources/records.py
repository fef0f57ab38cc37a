"""A table before anything is known of what its columns mean: records with cells by column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from indexer.sources.base import Reject


@dataclass(frozen=True, slots=True)
class Record:
    """One row: cells by column, of the columns that the row has.

    A cell is a text where the file has only texts (CSV). Files with types (JSON, Parquet, XLSX)
    give texts, numbers, booleans, None, dates, lists and objects as they hold them.
    """

    line: int
    cells: Mapping[str, Any]


class Table(Protocol):
    """Records in the order of a file."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns in their order, normalised (NFC), each once."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Sentences about how the file was read, such as its delimiter where it is no comma."""
        ...

    def records(self) -> Iterator[Record | Reject]:
        """All records, or why one cannot be read; can be called again."""
        ...
