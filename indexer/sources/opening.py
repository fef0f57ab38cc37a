"""Open the source at a path."""

from pathlib import Path

from indexer.sources.base import Source
from indexer.sources.folder import FolderSource
from indexer.sources.options import AS_FOUND, SourceOptions
from indexer.sources.reading import read_table
from indexer.sources.table import TableSource
from search_engine.errors import SourceError


def open_source(path: Path, options: SourceOptions = AS_FOUND) -> Source:
    """Open the source at a path: a folder of pictures or a table.

    Raises:
        SourceError: There is nothing usable.
    """
    if path.is_dir():
        if options.label_from not in (None, "parent"):
            raise SourceError(
                "a folder takes its labels from the sub-folders",
                where=str(path),
                fix="use --label-from parent, or a table",
            )
        return FolderSource(path, options)
    if not path.exists():
        is_address = path.parts[:1] in (("http:",), ("https:",), ("s3:",), ("gs:",))
        raise SourceError(
            "there is no such file or folder",
            where=str(path),
            fix="save what is at this address as a file, and name that" if is_address else None,
        )
    if not path.is_file():
        raise SourceError("neither a folder nor a file", where=str(path))
    return TableSource(read_table(path, options), options)
