"""The source at a path."""

from pathlib import Path

from indexer.sources.base import Source
from indexer.sources.folder import FolderSource
from indexer.sources.options import AS_FOUND, SourceOptions
from indexer.sources.table import UTF_8, CsvSource
from search_engine.errors import SourceError


def open_source(path: Path, options: SourceOptions = AS_FOUND) -> Source:
    """The source at a path: a folder of pictures or a table.

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
        return FolderSource(path)
    if not path.exists():
        raise SourceError("there is no such file or folder", where=str(path))
    if path.suffix.lower() not in (".csv", ".tsv") or not path.is_file():
        raise SourceError(
            "not a folder and not a CSV file", where=str(path), fix="name a folder, .csv or .tsv"
        )
    return CsvSource(
        path,
        options.columns.get("item_id", "item_id"),
        options.columns.get("image", "image"),
        options.label_from or options.columns.get("label", "label"),
        options.encoding or UTF_8,
    )
