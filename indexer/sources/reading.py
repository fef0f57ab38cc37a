"""The table in a file, whatever form it has: found by its content first, then by its name."""

from pathlib import Path

from indexer.sources.delimited import DelimitedTable
from indexer.sources.options import SourceOptions
from indexer.sources.records import Table

AS_FOUND = SourceOptions()


def read_table(path: Path, options: SourceOptions = AS_FOUND) -> Table:
    """The table in a file.

    Raises:
        SourceError: It holds none that can be read.
    """
    return DelimitedTable(path, options)
