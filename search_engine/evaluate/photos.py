"""Pictures of queries and items, for reports and stress tests; any may be missing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from search_engine.engine import SearchEngine
from search_engine.errors import ImageError, PictureNotFoundError
from search_engine.images import read_file
from search_engine.images.decoder import InlineDecoder
from search_engine.records import Keys

QUALITY = 95
THUMBNAIL_SIDE_PX = 112
THUMBNAIL_QUALITY = 78


class Photos(Protocol):
    """Pictures by row."""

    def jpeg(self, row: int, max_side_px: int, quality: int) -> bytes | None:
        """Return the picture upright as JPEG; None if it can no longer be read."""
        ...

    def path(self, row: int) -> Path | None:
        """Return the path, if the picture is a file that the user named."""
        ...


class ItemPhotos:
    """Pictures of catalog items, by their keys."""

    def __init__(self, engine: SearchEngine, keys: Keys) -> None:
        self._engine = engine
        self._keys = keys.tolist()

    def jpeg(self, row: int, max_side_px: int, quality: int) -> bytes | None:
        """See Photos."""
        item = self._engine.catalog.by_keys([self._keys[row]]).get(self._keys[row])
        try:
            return None if item is None else self._engine.picture(item, max_side_px, quality)
        except (ImageError, PictureNotFoundError):
            return None

    def path(self, row: int) -> Path | None:
        """See Photos."""
        return None


class FilePhotos:
    """Pictures that are the user's files."""

    def __init__(self, engine: SearchEngine, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._max_bytes = engine.settings.catalog_max_bytes
        self._decoder = InlineDecoder(engine.settings.catalog_limits())

    def jpeg(self, row: int, max_side_px: int, quality: int) -> bytes | None:
        """See Photos."""
        try:
            data = read_file(self._paths[row], self._max_bytes)
            return self._decoder.render(data, max_side_px, quality)
        except ImageError:
            return None

    def path(self, row: int) -> Path | None:
        """See Photos."""
        return self._paths[row]


class RowsOf:
    """Some rows of other photos."""

    def __init__(self, photos: Photos, rows: Sequence[int]) -> None:
        self._photos = photos
        self._rows = rows

    def jpeg(self, row: int, max_side_px: int, quality: int) -> bytes | None:
        """See Photos."""
        return self._photos.jpeg(self._rows[row], max_side_px, quality)

    def path(self, row: int) -> Path | None:
        """See Photos."""
        return self._photos.path(self._rows[row])


def thumbnail(photos: Photos, row: int) -> bytes | None:
    """Render a picture for a report."""
    return photos.jpeg(row, THUMBNAIL_SIDE_PX, THUMBNAIL_QUALITY)
