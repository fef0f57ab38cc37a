"""Tables before their columns are interpreted: records with cells by column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from indexer.sources.base import Reject


@dataclass(frozen=True, slots=True)
class Record:
    """One row: cells by column, for the columns that the row has.

    Cells of files without types (CSV) are texts. Files with types (JSON, Parquet, XLSX) give texts,
    numbers, booleans, None, dates, lists and objects.
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
        """Names of the columns in order, normalised (NFC) and unique."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Sentences about how the file was read, such as an unusual delimiter."""
        ...

    def records(self) -> Iterator[Record | Reject]:
        """Yield all records, or rejects; can be called again."""
        ...
