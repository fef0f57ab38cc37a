"""Stage uploaded files below the data directory until a job reads them or they expire.

An upload is a folder `uploads/<id>` with `about.json` and `files/`. A file is written elsewhere and
renamed into `files/` once complete, so a job in another process sees the whole file or nothing.
Every change of state holds one lock, briefly.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from indexer.incoming import Incoming, Room, too_large
from indexer.staged_files import StagedFile, StagedKind, check_name, kind_of
from indexer.upload_errors import (
    TooManyUploadsError,
    UploadError,
    UploadNotFoundError,
    UploadTooLargeError,
)
from search_engine.config import Settings
from search_engine.storage.durable import replace_synced, storage_error, sync_directory
from search_engine.storage.faults import fault_point
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths

UPLOAD_SOURCE = "upload"
"""Default name of the source of uploaded items."""

_LOCK_WAIT_S = 10.0
_ID_CHARS = frozenset("0123456789abcdef")


Reads = Literal["pictures", "table", "archive"]
"""How a job reads an upload."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An open upload. Times are in seconds since 1970.

    `files` and `bytes` count complete files. After a crash they may include a file that was never
    renamed; both are recounted before an upload is refused for its size.
    """

    id: str
    collection: str
    created_at: float
    expires_at: float
    files: int = 0
    bytes: int = 0


class Staging:
    """Manages the uploads of one data directory. Safe to use from several threads and processes."""

    def __init__(self, paths: DataPaths, settings: Settings) -> None:
        self._root = paths.uploads
        self._settings = settings

    def create(self, collection: str) -> Upload:
        """Open an upload for a collection, which need not exist yet.

        Raises:
            TooManyUploadsError: The maximum number of uploads is open.
            StorageError: It cannot be written.
        """
        self.expire()
        now = time.time()
        upload = Upload(uuid.uuid4().hex, collection, now, self._expiry(now))
        with self._changing("opening an upload"):
            if len(self._ids()) >= self._settings.staged_max_open:
                raise TooManyUploadsError(
                    f"{self._settings.staged_max_open:,} uploads are open, as many as there may be",
                    fix="delete those that are not needed, or wait until they expire",
                )
            made = self._root / f".new-{upload.id}"
            (made / "files").mkdir(mode=0o700, parents=True)
            (made / "parts").mkdir(mode=0o700)
            _write_about(made, upload)
            os.replace(made, self._root / upload.id)
            sync_directory(self._root)
        return upload

    def get(self, collection: str, upload_id: str) -> Upload:
        """Return an open upload.

        Raises:
            UploadNotFoundError: The collection has none of this id.
        """
        upload = self._read(upload_id) if set(upload_id) <= _ID_CHARS else None
        if upload is None or upload.collection != collection or upload.expires_at < time.time():
            raise UploadNotFoundError(
                "the collection has no upload of this id", fix="it may have expired; open another"
            )
        return upload

    def list(self, collection: str) -> Sequence[Upload]:
        """Return the open uploads of a collection, oldest first."""
        now = time.time()
        found = filter(None, (self._read(upload_id) for upload_id in self._ids()))
        mine = [each for each in found if each.collection == collection and each.expires_at >= now]
        return sorted(mine, key=lambda each: (each.created_at, each.id))

    def files(self, collection: str, upload_id: str) -> Sequence[StagedFile]:
        """Return the complete files of an upload, sorted by name.

        Raises:
            UploadNotFoundError: As `get`.
        """
        self.get(collection, upload_id)
        listed = _listed(self._root / upload_id / "files")
        return sorted(listed, key=lambda each: each.name)

    def receive(self, collection: str, upload_id: str, name: str) -> Incoming:
        """Start receiving a file in parts; see `Incoming`.

        Args:
            collection: Of the upload.
            upload_id: Of the upload.
            name: A relative path whose suffix tells what the file is.

        Raises:
            UploadNotFoundError: As `get`.
            ParameterError, UnsupportedTypeError: The name is not accepted.
        """
        upload, name = self.get(collection, upload_id), check_name(name)
        folder, most = self._root / upload_id, self._settings.staged_max_bytes
        room = Room(
            bytes=most - upload.bytes + _size(folder / "files" / name),
            most_bytes=most,
            reserve_bytes=self._settings.disk_reserve_bytes,
            pictures=self._settings.catalog_limits(),
        )
        return Incoming(name, folder / "parts", room, partial(self._accept, upload))

    def write(
        self, collection: str, upload_id: str, name: str, chunks: Iterable[bytes]
    ) -> StagedFile:
        """Add a file to an upload, or replace the one with that name.

        Raises:
            EyedexError: As `receive` and `Incoming.add` and `Incoming.finish`.
        """
        with self.receive(collection, upload_id, name) as incoming:
            for chunk in chunks:
                incoming.add(chunk)
            return incoming.finish()

    def keep(self, collection: str, upload_id: str) -> Upload:
        """Restart the expiry of an upload, for a job that uses it.

        Raises:
            UploadNotFoundError: As `get`.
        """
        with self._changing("keeping an upload"):
            upload = self.get(collection, upload_id)
            kept = replace(upload, expires_at=self._expiry(time.time()))
            _write_about(self._root / upload_id, kept)
        return kept

    def delete(self, collection: str, upload_id: str) -> None:
        """Delete an upload and its files.

        Raises:
            UploadNotFoundError: As `get`.
        """
        with self._changing("deleting an upload"):
            self.get(collection, upload_id)
            gone = self._put_away(upload_id)
        shutil.rmtree(gone, ignore_errors=True)

    def expire(self) -> int:
        """Delete expired uploads and leftovers of crashes; return the number of expired uploads."""
        if not self._root.is_dir():
            return 0
        now = time.time()
        with self._changing("removing old uploads"):
            over = [each for each in self._ids() if not self._lasts(each, now)]
            for upload_id in over:
                self._put_away(upload_id)
            left = [
                each for each in self._root.iterdir() if each.name.startswith((".gone-", ".new-"))
            ]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        return len(over)

    def source(self, collection: str, upload_id: str) -> Path:
        """Return the path for `indexer.sources.open_source`: the only archive, the only table
        (with or without pictures beside it), or the folder of pictures.

        Raises:
            UploadNotFoundError, UploadError: As `leading`.
        """
        folder = self._root / upload_id / "files"
        _, name = self.leading(collection, upload_id)
        return folder if name is None else folder / name

    def leading(self, collection: str, upload_id: str) -> tuple[Reads, str | None]:
        """Return how a job reads an upload, and the name of its archive or table.

        Raises:
            UploadNotFoundError: As `get`.
            UploadError: The upload is empty, or it is ambiguous what to read.
        """
        named: dict[StagedKind, list[str]] = {"archive": [], "table": [], "picture": []}
        for each in self.files(collection, upload_id):
            named[each.kind].append(each.name)
        archives, tables = named["archive"], named["table"]
        if not any(named.values()):
            raise UploadError("the upload is empty", fix="put pictures, a table or an archive")
        if len(archives) + len(tables) > 1 or (archives and named["picture"]):
            names = ", ".join(sorted(archives + tables)[:3])
            raise UploadError(
                f"it is not clear what of the upload is to be read ({names})",
                fix="leave one table with its pictures, or one archive alone, or pictures alone",
            )
        if archives:
            return "archive", archives[0]
        return ("table", tables[0]) if tables else ("pictures", None)

    def unpacked(self, upload_id: str) -> Path:
        """Return the folder for the unpacked archive of an upload, deleted with the upload."""
        return self._root / upload_id / "unpacked"

    def _accept(self, upload: Upload, incoming: Incoming, kind: StagedKind) -> StagedFile:
        """Move a complete file into its upload."""
        folder = self._root / upload.id
        target = folder / "files" / incoming.name
        with self._changing("keeping a file that was sent"):
            upload = self.get(upload.collection, upload.id)
            more, is_new = incoming.bytes - _size(target), not target.is_file()
            grown = replace(
                upload,
                files=upload.files + is_new,
                bytes=upload.bytes + more,
                expires_at=self._expiry(time.time()),
            )
            grown = self._within_limits(grown, more, is_new)
            _make_folder(target, incoming.name)
            _write_about(folder, grown)
            fault_point("upload_before_rename")
            os.replace(incoming.path, target)
            sync_directory(target.parent)
        return StagedFile(incoming.name, kind, incoming.bytes, is_new)

    def _within_limits(self, grown: Upload, more_bytes: int, is_new: bool) -> Upload:
        """Return the upload, recounted if it seems too large.

        Raises:
            UploadTooLargeError: It is too large.
        """
        most = self._settings
        if grown.files <= most.staged_max_files and grown.bytes <= most.staged_max_bytes:
            return grown
        whole = [*_listed(self._root / grown.id / "files")]
        size = sum(each.bytes for each in whole) + more_bytes
        grown = replace(grown, files=len(whole) + is_new, bytes=size)
        if grown.files > most.staged_max_files:
            raise UploadTooLargeError(
                f"an upload has at most {most.staged_max_files:,} files (EYEDEX_STAGED_MAX_FILES)",
                fix="open another upload for the rest, or send one archive",
            )
        if grown.bytes > most.staged_max_bytes:
            raise too_large(most.staged_max_bytes)
        return grown

    @contextmanager
    def _changing(self, doing: str) -> Iterator[None]:
        try:
            with exclusive(self._root / ".lock", _LOCK_WAIT_S, doing):
                yield
        except OSError as error:
            raise storage_error(error, doing, self._root) from error

    def _expiry(self, now: float) -> float:
        return now + 3_600 * self._settings.staged_hours

    def _ids(self) -> Sequence[str]:
        try:
            return [each for each in os.listdir(self._root) if not each.startswith(".")]
        except FileNotFoundError:
            return []

    def _read(self, upload_id: str) -> Upload | None:
        """Return the record of an upload, or None if it is gone or unreadable."""
        try:
            return Upload(**json.loads((self._root / upload_id / "about.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _lasts(self, upload_id: str, now: float) -> bool:
        upload = self._read(upload_id)
        return upload is not None and upload.expires_at >= now

    def _put_away(self, upload_id: str) -> Path:
        """Hide an upload atomically; its files are deleted later."""
        gone = self._root / f".gone-{upload_id}"
        os.replace(self._root / upload_id, gone)
        return gone


def _write_about(folder: Path, upload: Upload) -> None:
    replace_synced(folder / "about.json", json.dumps(asdict(upload)).encode())


def _make_folder(target: Path, name: str) -> None:
    """Create the missing parent folders of a file.

    Raises:
        UploadError: A parent is a file, or the file is a folder.
    """
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UploadError(f"what stands before a slash in {name} is a file of the upload") from None
    for folder in missing:
        sync_directory(folder.parent)
    if target.is_dir():
        raise UploadError(f"{name} is a folder of the upload already")


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size if path.is_file() else 0
    return 0


def _listed(folder: Path) -> Iterator[StagedFile]:
    """Yield the files below a folder."""
    for below, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(below, name)
            relative = path.relative_to(folder).as_posix()
            yield StagedFile(relative, kind_of(relative), _size(path), is_new=False)
