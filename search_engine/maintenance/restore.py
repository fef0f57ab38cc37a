"""Restore a data directory from a snapshot, completely or not at all.

The archive is verified before anything is written; the unpacked files are checked again and then
replace the directory by one rename. After any interruption the directory is unchanged or complete.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from search_engine.catalog.copying import copy_catalog
from search_engine.catalog.database import KNOWN_VERSIONS, SCHEMA_VERSION
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.errors import (
    CorruptDataError,
    IndexUnavailableError,
    LockHeldError,
    NewerFormatError,
    ParameterError,
    StorageError,
)
from search_engine.maintenance.check import CheckReport
from search_engine.maintenance.staging import check_space, checked, item_count, real_path, workshop
from search_engine.storage.archive import Archive, Description, open_archive
from search_engine.storage.durable import storage_error, sync_directory
from search_engine.storage.faults import fault_point
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths

_SQLITE_SHARED_BYTES = (0x40000002, 510)
"""Offset and length in the file of SQLite's shared lock, held while a catalog is open."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """The content of the data directory now; `kept` is where its former content is."""

    data: Path
    size_bytes: int
    collections: int
    items: int
    seq: int
    seconds: float
    kept: Path | None = None


def restore_snapshot(settings: Settings, file: Path, replace: bool = False) -> RestoreReport:
    """Make the data directory what it was when a snapshot was taken.

    The archive is verified before anything is written, and the unpacked files are checked again
    before they replace the directory.

    Args:
        settings: Name the data directory, which must be missing or empty.
        file: The snapshot.
        replace: Replace an existing catalog, which is kept as `<name>.before-restore-<n>`.

    Raises:
        ParameterError: The directory is not empty, or there is no such snapshot.
        LockHeldError: Another process has the catalog open, is writing to it or restoring it.
        StorageError: The snapshot is damaged, incomplete or of a newer version, or cannot be
            unpacked. The data directory is unchanged.
    """
    started = time.perf_counter()
    data = real_path(settings.data)
    try:
        with open_archive(file) as archive:
            occupied = _check_place(data, replace)
            check_schema(archive.description, str(file))
            check_space(data.parent, archive.description.unpacked_bytes())
            archive.verify()
            with (
                _held(DataPaths(data), settings.lock_wait_s if occupied else None),
                workshop(data.with_name(f".{data.name}.restore"), "restoring here") as aside,
            ):
                report = _unpack(settings, archive, aside / "data", file)
                if settings.database_url is not None:
                    _move_to_database(settings, aside / "data")
                kept = _put_in_place(aside / "data", data, occupied)
    except OSError as error:
        raise storage_error(error, "restoring a snapshot", data) from error
    return RestoreReport(
        data=data,
        size_bytes=archive.size_bytes,
        collections=len(report.collections),
        items=item_count(report),
        seq=archive.description.seq,
        seconds=time.perf_counter() - started,
        kept=kept,
    )


def check_schema(description: Description, where: str) -> None:
    """Refuse what a newer version wrote.

    Raises:
        NewerFormatError: One did.
    """
    if description.schema_version not in KNOWN_VERSIONS:
        raise NewerFormatError(
            f"the snapshot has schema {description.schema_version}; this version knows up to "
            f"{SCHEMA_VERSION}",
            where=where,
            fix="use a newer eyedex",
        )


def _unpack(settings: Settings, archive: Archive, folder: Path, file: Path) -> CheckReport:
    """Unpack a verified archive to a sound data directory, safe on disk."""
    archive.extract(folder)
    indexed = _discard_indexes(folder)
    fault_point("restore_extracted")
    report = checked(settings, folder, file)
    for copy in folder.glob(f"{DataPaths(folder).catalog.name}.before-*"):
        copy.unlink()  # no backup: the snapshot of an older version is one
    with Catalog(DataPaths(folder)) as catalog:
        if catalog.seq() != archive.description.seq:
            raise CorruptDataError("the catalog is not of the announced state", where=str(file))
        _build_indexes(
            catalog, settings.model_copy(update={"data": folder, "database_url": None}), indexed
        )
    for path, _, _ in os.walk(folder):
        sync_directory(Path(path))
    fault_point("restore_checked")
    return report


def _move_to_database(settings: Settings, folder: Path) -> None:
    """Copy the catalog of an unpacked directory into a database, in place of its file.

    Raises:
        ParameterError: There is something in that database.
    """
    note = settings.paths.database
    with TemporaryDirectory(dir=folder.parent) as beside:
        target = DataPaths(Path(beside), note)
        with Catalog(DataPaths(folder)) as source, Catalog(target) as copy:
            copy_catalog(source, copy)
        target.database_note.rename(folder / target.database_note.name)
    for left in folder.glob(f"{DataPaths(folder).catalog.name}*"):
        left.unlink()
    sync_directory(folder)


def _discard_indexes(folder: Path) -> set[str]:
    """Remove the indexes of an archive unread, and return the names of their collections.

    Whoever made the archive made its checksums too, and a FAISS file can do harm when it is read.
    """
    names = set()
    for patches in folder.glob("indexes/*/patches"):
        shutil.rmtree(patches)
    for index in folder.glob("indexes/*/gen-*"):
        shutil.rmtree(index)
        names.add(index.parent.name)
    return names


def _build_indexes(catalog: Catalog, settings: Settings, names: set[str]) -> None:
    """Build anew from the catalog what was removed, so that a restored directory is as quick."""
    for collection in catalog.collections():
        if collection.name in names:
            with suppress(IndexUnavailableError):  # it is built when the server is back
                LiveCollection(catalog, collection, settings).compact()  # and that of its patches


def _put_in_place(staged: Path, data: Path, occupied: bool) -> Path | None:
    """Make the staged directory the data directory, by one rename.

    Returns:
        The path of the former data directory, if there was one.
    """
    if occupied:
        kept = _exchange_with_former(staged, data)
    else:
        kept = None
        fault_point("restore_before_rename")
        _rename_to_free_place(staged, data)
    sync_directory(data.parent)
    fault_point("restore_in_place")
    return kept


def _rename_to_free_place(staged: Path, data: Path) -> None:
    try:
        os.rename(staged, data)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise LockHeldError(
                "another process has just made a catalog here", where=str(data)
            ) from None
        raise


def _exchange_with_former(staged: Path, data: Path) -> Path:
    """Exchange the two, so that a data directory exists at any moment.

    The new one waits under the name that the former one will get. A process killed before the
    exchange leaves it there, and after the exchange nothing remains to do.
    """
    kept = _place_to_keep(data)
    with _nobody_has_open(DataPaths(data).catalog):
        os.rename(staged, kept)
        try:
            sync_directory(data.parent)
            fault_point("restore_before_exchange")
            _exchange(kept, data)
        except (OSError, StorageError):  # cannot come after the exchange
            os.rename(kept, staged)
            raise
    return kept


def _place_to_keep(data: Path) -> Path:
    number = 1
    while os.path.lexists(place := data.with_name(f"{data.name}.before-restore-{number}")):
        number += 1
    return place


def _exchange(one: Path, other: Path) -> None:
    """Exchange two directories atomically, so that neither name is ever missing.

    Raises:
        OSError, StorageError: Nothing was exchanged.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    failed = libc.renameat2(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )
    if failed:
        code = ctypes.get_errno()
        if code in (errno.EINVAL, errno.ENOSYS, errno.EXDEV):
            raise StorageError(
                "this file system cannot exchange two directories",
                where=str(other),
                fix="stop what uses the data directory, rename it, and restore without --replace",
            )
        raise OSError(code, os.strerror(code))


@contextmanager
def _held(paths: DataPaths, wait_s: float | None) -> Iterator[None]:
    """Hold every lock of a data directory that nobody has open; none without `wait_s`.

    Raises:
        LockHeldError: Another process uses it.
    """
    with ExitStack() as locks:
        if wait_s is not None:
            locks.enter_context(exclusive(paths.lock, wait_s, "writing to this catalog"))
            for lock in sorted(paths.root.glob("indexes/*.lock")):
                locks.enter_context(exclusive(lock, 0.0, "indexing this collection"))
            with _nobody_has_open(paths.catalog):
                pass
        yield


@contextmanager
def _nobody_has_open(catalog: Path) -> Iterator[None]:
    """Keep other processes from opening the catalog, without SQLite, as it may be damaged.

    The lock is held for a moment only, as whoever waits for it has already opened the file.

    Raises:
        LockHeldError: A process has it open, even if idle.
    """
    first, count = _SQLITE_SHARED_BYTES
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, first, count, 0)
    with catalog.open("r+b") as file:
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise LockHeldError(
                "another process has this catalog open",
                where=str(catalog.parent),
                fix="stop the server that uses it and try again",
            ) from None
        yield


def _check_place(data: Path, replace: bool) -> bool:
    """Return whether there is a catalog to replace.

    Raises:
        ParameterError: Nothing can be restored here.
    """
    if os.path.ismount(data):
        raise ParameterError(
            "the data directory is the root of a file system and cannot be renamed",
            where=str(data),
            fix="restore into a directory below it and use that one",
        )
    if data.exists() and not data.is_dir():
        raise ParameterError("this is not a directory", where=str(data))
    if not data.exists() or not any(data.iterdir()):
        return False
    if DataPaths(data).database_note.exists():
        raise ParameterError(
            "the catalog of this data directory is in a database, which is not replaced",
            where=str(data),
            fix="restore into another --data, with an empty database or none",
        )
    if not DataPaths(data).catalog.is_file():
        raise ParameterError("something other than a catalog is here", where=str(data))
    if not replace:
        raise ParameterError(
            "there is a catalog here already",
            where=str(data),
            fix="name another --data, or add --replace (the catalog here is kept beside)",
        )
    return True
