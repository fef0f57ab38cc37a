"""Receive a file in parts, within limits, and check its content once it is complete."""

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indexer.staged_files import StagedFile, StagedKind, check_content, kind_of
from indexer.upload_errors import UploadNotFoundError, UploadTooLargeError
from search_engine.errors import EyedexError, StorageFullError
from search_engine.images import CATALOG_SETTING, ImageLimits
from search_engine.images.limits import too_many_bytes
from search_engine.storage.durable import storage_error
from search_engine.storage.faults import fault_point

ROOM_LOOKED_AT_BYTES = 8 * 2**20
"""Interval between checks of the free disk space."""

_DOING = "keeping a file that was sent"


@dataclass(frozen=True, slots=True)
class Room:
    """Limits of a file: bytes left in its upload, limits of pictures, and disk space to keep free.

    `most_bytes` is the limit of the whole upload, for error messages.
    """

    bytes: int
    most_bytes: int
    reserve_bytes: int
    pictures: ImageLimits


class Incoming:
    """A file being received. Used as a context manager, it is discarded unless finished."""

    def __init__(
        self,
        name: str,
        parts: Path,
        room: Room,
        accept: "Callable[[Incoming, StagedKind], StagedFile]",
    ) -> None:
        """Write the file below `parts`; `accept` moves it into its upload."""
        self.name = name
        self.bytes = 0
        self._kind = kind_of(name)
        self._room = room
        self._accept = accept
        self._folder = parts / uuid.uuid4().hex
        self.path = self._folder / name.rpartition("/")[2]
        self._looked_at = -ROOM_LOOKED_AT_BYTES
        self._descriptor: int | None = None

    def check(self, more: int) -> None:
        """Refuse the file if `more` further bytes would exceed a limit.

        Raises:
            TooManyBytesError: The picture would be too large.
            UploadTooLargeError: The upload would be too large.
            StorageFullError: The disk would be too full.
        """
        size, most = self.bytes + more, self._room.pictures.max_bytes
        if self._kind == "picture" and size > most:
            raise too_many_bytes(size, most, CATALOG_SETTING)
        if size > self._room.bytes:
            raise too_large(self._room.most_bytes)
        if size - self._looked_at >= ROOM_LOOKED_AT_BYTES:
            self._check_disk(more)
            self._looked_at = self.bytes

    def add(self, chunk: bytes) -> None:
        """Append a part of the file.

        Raises:
            EyedexError: As for `check`, or the part cannot be written.
        """
        self.check(len(chunk))
        try:
            descriptor = self._opened()
            fault_point("upload_half")
            view = memoryview(chunk)
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError as error:
            raise self._explained(error) from error
        self.bytes += len(chunk)

    def finish(self) -> StagedFile:
        """Check the content, make it durable and add it to the upload.

        Raises:
            ImageError, UploadError: The content does not match the name.
            UploadNotFoundError: The upload was deleted meanwhile.
            StorageError: The file cannot be written.
        """
        try:
            os.fsync(self._opened())
            kind = check_content(self.path, self.name, self._room.pictures.formats)
        except OSError as error:
            raise self._explained(error) from error
        return self._accept(self, kind)

    def drop(self) -> None:
        """Delete the parts written so far."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Incoming":
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def _opened(self) -> int:
        if self._descriptor is None:
            self._folder.mkdir(mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o600)
        return self._descriptor

    def _check_disk(self, more: int) -> None:
        parts, reserve = self._folder.parent, self._room.reserve_bytes
        try:
            free = shutil.disk_usage(parts).free
        except OSError as error:
            raise self._explained(error) from error
        if free - more < reserve:
            raise StorageFullError(
                f"{free:,} bytes are free, of which uploads leave {reserve:,}",
                where=str(parts),
                fix="free some space and try again, or set EYEDEX_DISK_RESERVE_BYTES",
            )

    def _explained(self, error: OSError) -> EyedexError:
        """Translate an OS error; a missing folder means that the upload was deleted meanwhile."""
        if isinstance(error, FileNotFoundError):
            return UploadNotFoundError("the upload is gone", fix="open another")
        return storage_error(error, _DOING, self.path)


def too_large(most_bytes: int) -> UploadTooLargeError:
    """Return the error for an upload that would exceed its limit."""
    return UploadTooLargeError(
        f"an upload has at most {most_bytes:,} bytes (EYEDEX_STAGED_MAX_BYTES)",
        fix="open another upload for the rest",
    )
