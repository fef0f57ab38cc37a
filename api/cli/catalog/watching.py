"""Which changes of a folder are changes of a source."""

from pathlib import Path

from watchfiles import Change, DefaultFilter

from indexer.sources.folder_listing import LOOKED_AT_BYTES, is_picture_content, is_picture_name


class SourceChanges(DefaultFilter):
    """Changes of the table itself, of pictures and of folders.

    Neither the data directory, which often lies beside the source and is written by every run, nor
    a log of the run: they would begin the next one, without end.
    """

    def __init__(self, source: Path, data: Path) -> None:
        super().__init__()
        self._source, self._data = source.resolve(), data.resolve()

    def __call__(self, change: Change, path: str) -> bool:
        """Return whether a change of this path, of a kind, calls for another run."""
        changed = Path(path).resolve()
        if changed == self._source:
            return True
        if changed.is_relative_to(self._data) or not super().__call__(change, path):
            return False
        return is_picture_name(changed.name) or not changed.is_file() or _is_picture(changed)


def _is_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_picture_content(file.read(LOOKED_AT_BYTES))
    except OSError:
        return False
