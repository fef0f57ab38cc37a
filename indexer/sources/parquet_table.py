"""Tables in Parquet files, read in batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from indexer.arrow_import import import_arrow
from indexer.sources.base import Reject
from indexer.sources.headers import check_width
from indexer.sources.records import Record
from search_engine.errors import SourceError
from search_engine.names import normal

BATCH_ROWS = 1_024


class ParquetTable:
    """Records of a Parquet file; cells are Python objects, and a line is the number of a row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrow, self._parquet = import_arrow(str(path), "give CSV or JSON Lines")
        with self._opened() as file:
            names = [normal(name.strip()) for name in file.schema_arrow.names]
        check_width(len(names), str(path))
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated or "" in names:
            raise SourceError(
                f"columns without a name of their own: {', '.join(map(repr, repeated or ['']))}",
                where=str(path),
            )
        self.columns = tuple(names)
        self.notes: tuple[str, ...] = ()

    def records(self) -> Iterator[Record | Reject]:
        """See Table."""
        row = 0
        with self._opened() as file:
            for batch in file.iter_batches(BATCH_ROWS):
                columns = [_cells(self._arrow, column) for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    row += 1
                    yield Record(row, dict(zip(self.columns, cells, strict=True)))

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the file; errors name it."""
        try:
            with self._parquet.ParquetFile(self.path) as file:
                yield file
        except (self._arrow.ArrowException, OSError, ValueError, OverflowError) as error:
            reason = str(error).split("\n")[0][:200]
            raise SourceError(
                f"the Parquet file cannot be read: {reason}", where=str(self.path)
            ) from error


def _cells(arrow: Any, column: Any) -> list[Any]:
    """Return Python objects; times are cut to microseconds, as Python has no finer ones."""
    kind = column.type
    if arrow.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(arrow.timestamp("us", kind.tz), safe=False)
    elif arrow.types.is_time64(kind) and kind.unit == "ns":
        column = column.cast(arrow.time64("us"), safe=False)
    elif arrow.types.is_duration(kind) and kind.unit == "ns":
        column = column.cast(arrow.duration("us"), safe=False)
    found: list[Any] = column.to_pylist()
    return found
