"""Catalogs as their owners have them, read as rows in a stable order."""

from indexer.sources.base import ColumnReport, Reject, Rows, Source, SourceRow
from indexer.sources.folder import FolderSource
from indexer.sources.opening import open_source
from indexer.sources.options import AS_FOUND, SourceOptions

__all__ = [
    "AS_FOUND",
    "ColumnReport",
    "FolderSource",
    "Reject",
    "Rows",
    "Source",
    "SourceOptions",
    "SourceRow",
    "open_source",
]
