"""A folder of pictures as a source."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from indexer.sources.base import ColumnReport, Reject, SourceRow, confined, printable, usable
from search_engine.errors import RowError, SourceError
from search_engine.names import check_item_id, check_label

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jpe", ".jfif"}
)


class FolderSource:
    """Every picture below a folder: `item_id` is the relative path, `label` the sub-folder path.

    Files are found by suffix; others are ignored, hidden ones too. Symbolic links to folders are
    not followed.
    """

    def __init__(self, root: Path) -> None:
        self.path = self._root = root
        self._files = sorted(_pictures_below(root))
        self.description = f"folder {root}"
        self.notes: tuple[str, ...] = ()
        self.columns: tuple[ColumnReport, ...] = ()
        self.mapping: Mapping[str, str] = {}
        self.types: Mapping[str, str] = {}

    def __len__(self) -> int:
        return len(self._files)

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source."""
        root = self._root.resolve()
        for line, relative in enumerate(self._files, 1):
            try:
                yield self._row(line, Path(relative), root)
            except RowError as error:
                yield Reject(line, printable(relative), error.code, error.what)

    def ids(self) -> Iterator[str]:
        """See Source."""
        return (item_id for name in self._files if (item_id := printable(Path(name).as_posix())))

    def _row(self, line: int, relative: Path, root: Path) -> SourceRow:
        item_id = usable("bad_id", check_item_id, relative.as_posix())
        label = usable("bad_value", check_label, "/".join(relative.parent.parts))
        description = {} if label is None else {"label": label}
        return SourceRow(line, item_id, confined(root, str(relative)), description)


def _pictures_below(root: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(error.filename))

    for folder, folders, files in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if Path(name).suffix.lower() in PICTURE_SUFFIXES and not name.startswith("."):
                yield os.path.relpath(os.path.join(folder, name), root)
