"""Snapshot and restore: the whole data directory as one file that checks itself, and back.

A snapshot holds the catalog as of one commit and, for every collection, the newest sound
generation that is not ahead of it. It is made while others search and write. What it holds has
passed `check_data`, so a snapshot that was made can be restored.

Both ways work aside and end in one rename: whatever interrupts them, the snapshot or the data
directory is what it was, or complete. The archive's form is `search_engine.archive`.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from search_engine.archive import (
    Archive,
    Description,
    describe_members,
    open_archive,
    write_archive,
)
from search_engine.catalog.database import (
    KNOWN_VERSIONS,
    SCHEMA_VERSION,
    reader_engine,
    translate_errors,
)
from search_engine.catalog.store import Catalog, Collection
from search_engine.checking import CheckReport, check_data
from search_engine.config import DataPaths, Settings
from search_engine.durable import storage_error, sync_directory
from search_engine.errors import (
    CorruptDataError,
    LockHeldError,
    NewerFormatError,
    ParameterError,
    StorageError,
    StorageFullError,
)
from search_engine.faults import fault_point
from search_engine.indexes import generation
from search_engine.locks import exclusive

GENERATION_FILES = (*generation.FILES, "manifest.json")
SPARE_BYTES = 2**20
"""Room that opening a copied catalog takes beyond its files."""

_SQLITE_SHARED_BYTES = (0x40000002, 510)
"""Where in its file, and how many, SQLite keeps a shared lock as long as a catalog is open."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What a snapshot holds."""

    file: Path
    size_bytes: int
    collections: int
    items: int
    generations: int
    seq: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a data directory holds now; `kept` is where its former content went."""

    data: Path
    size_bytes: int
    collections: int
    items: int
    seq: int
    seconds: float
    kept: Path | None = None


def make_snapshot(settings: Settings, file: Path, force: bool = False) -> SnapshotReport:
    """Write everything that the data directory holds, as of one commit, into one file.

    Neither servers nor indexing runs have to stop, and none of them waits for it.

    Args:
        settings: Names the data directory.
        file: Where to; must not exist yet.
        force: Replace the file if it exists, once the new one is complete.

    Raises:
        ParameterError: There is such a file, or no such folder.
        LockHeldError: Another process is writing a snapshot of this name.
        StorageError: The catalog is missing or damaged, or the file cannot be written; there is no
            new file, and a former one is what it was.
    """
    started = time.perf_counter()
    file = _real(file)
    try:
        _check_target(file, force)
        with _workshop(file.with_name(f".{file.name}.new"), "writing this snapshot") as aside:
            staged = DataPaths(aside / "data")
            description, report = _stage(settings, staged)
            made = aside / "archive"
            write_archive(made, staged.root, description)
            with open_archive(made) as archive:
                archive.verify()
            _check_target(file, force)
            fault_point("snapshot_before_rename")
            os.replace(made, file)
            sync_directory(file.parent)
            fault_point("snapshot_renamed")
    except OSError as error:
        raise storage_error(error, "making a snapshot", file) from error
    return SnapshotReport(
        file=file,
        size_bytes=archive.size_bytes,
        collections=len(report.collections),
        items=_items(report),
        generations=sum(member.name.endswith("manifest.json") for member in description.members),
        seq=description.seq,
        seconds=time.perf_counter() - started,
    )


def restore_snapshot(settings: Settings, file: Path, replace: bool = False) -> RestoreReport:
    """Make the data directory what it was when a snapshot was taken.

    The archive is read and checked completely before anything is written, and what was unpacked is
    checked again before it takes the directory's place.

    Args:
        settings: Names the data directory; it must be missing or empty.
        file: The snapshot.
        replace: Also restore over a catalog; it is kept beside, as `<name>.before-restore-<n>`.

    Raises:
        ParameterError: There is something in the directory, or no such snapshot.
        LockHeldError: Another process has the catalog open, is writing to it or restoring it.
        StorageError: The snapshot is damaged, incomplete or of a newer version, or it cannot be
            unpacked. The data directory is what it was.
    """
    started = time.perf_counter()
    data = _real(settings.data)
    try:
        occupied = _check_place(data, replace)
        with open_archive(file) as archive:
            _check_schema(archive.description, file)
            _check_space(data.parent, archive.description.unpacked_bytes())
            archive.verify()
            with (
                _held(DataPaths(data), settings.lock_wait_s if occupied else None),
                _workshop(data.with_name(f".{data.name}.restore"), "restoring here") as aside,
            ):
                report = _unpack(settings, archive, aside / "data", file)
                kept = _put_in_place(aside / "data", data, occupied)
    except OSError as error:
        raise storage_error(error, "restoring a snapshot", data) from error
    return RestoreReport(
        data=data,
        size_bytes=archive.size_bytes,
        collections=len(report.collections),
        items=_items(report),
        seq=archive.description.seq,
        seconds=time.perf_counter() - started,
        kept=kept,
    )


def _stage(settings: Settings, staged: DataPaths) -> tuple[Description, CheckReport]:
    """A data directory of its own with what the snapshot shall hold, checked as any other.

    Generations are taken before the catalog is copied, so that there is one that is not ahead of
    the copy even if two newer ones are published meanwhile; and after it, should one fit better.
    """
    paths = DataPaths(settings.data)
    if not paths.catalog.exists():
        raise StorageError(
            "there is no catalog here", where=str(paths.root), fix="`eyedex index` makes one"
        )
    staged.root.mkdir(mode=0o700)
    with Catalog(paths, settings.lock_wait_s) as catalog:
        found = _stage_generations(paths, staged, catalog.collections())
        fault_point("snapshot_generations_staged")
        _copy_catalog(paths.catalog, staged.catalog)
        _check_space(staged.root.parent.parent, staged.catalog.stat().st_size)
        found |= _stage_generations(paths, staged, catalog.collections())
    fault_point("snapshot_catalog_copied")
    with Catalog(staged) as copy:
        seq = copy.seq()
        _keep_best_generations(staged, copy.collections(), found, seq)
    report = _checked(settings, staged.root, paths.root)
    description = Description(
        program=version("eyedex"),
        schema_version=SCHEMA_VERSION,
        seq=seq,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        members=describe_members(staged.root),
    )
    return description, report


def _copy_catalog(source: Path, target: Path) -> None:
    """The catalog as of its last commit; what was deleted from it does not come along.

    A reader that stays for long: writers go on, only their log grows meanwhile.
    """
    engine = reader_engine(source)
    connection = engine.raw_connection()
    try:
        with translate_errors(source):
            connection.cursor().execute("VACUUM INTO ?", (str(target),))
    except StorageFullError as error:
        raise StorageFullError(
            "no space is left for the snapshot", where=str(target.parent.parent), fix=error.fix
        ) from error
    finally:
        connection.close()
        engine.dispose()


def _stage_generations(
    paths: DataPaths, staged: DataPaths, collections: Sequence[Collection]
) -> dict[Path, generation.Manifest]:
    """The newest sound generation of each collection, unless it was staged before."""
    found = {}
    for collection in collections:
        source, target = paths.index(collection.name), staged.index(collection.name)
        for name in generation.generations(source):
            if (target / name).exists():
                break
            manifest = _stage_generation(source / name, target / name)
            if manifest is not None and _is_of(manifest, collection):
                found[target / name] = manifest
                break
    return found


def _stage_generation(source: Path, target: Path) -> generation.Manifest | None:
    """Its manifest; None if it is damaged, or was collected while we looked."""
    target.mkdir(mode=0o700, parents=True)
    try:
        for name in GENERATION_FILES:
            _link_or_copy(source / name, target / name)
        return generation.verify(target)
    except (FileNotFoundError, CorruptDataError, NewerFormatError):
        shutil.rmtree(target)
        return None


def _link_or_copy(source: Path, target: Path) -> None:
    """Generations never change, so a second name for the file is as good as a copy."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target, follow_symlinks=False)


def _keep_best_generations(
    staged: DataPaths,
    collections: Sequence[Collection],
    found: dict[Path, generation.Manifest],
    seq: int,
) -> None:
    """Of each collection in the copy, the newest generation that is not ahead of the copy."""
    best: set[Path] = set()
    for collection in collections:
        folder = staged.index(collection.name)
        names = [
            name
            for name in generation.generations(folder)
            if (manifest := found.get(folder / name))
            and _is_of(manifest, collection)
            and manifest.seq <= seq
        ]
        best.update(folder / name for name in names[:1])
    for path in staged.root.glob("indexes/*/gen-*"):
        if path not in best:
            shutil.rmtree(path)


def _is_of(manifest: generation.Manifest, collection: Collection) -> bool:
    return (manifest.collection_uid, manifest.fingerprint) == (
        collection.uid,
        collection.fingerprint,
    )


def _check_schema(description: Description, file: Path) -> None:
    if description.schema_version not in KNOWN_VERSIONS:
        raise NewerFormatError(
            f"the snapshot has schema {description.schema_version}; this version knows up to "
            f"{SCHEMA_VERSION}",
            where=str(file),
            fix="use a newer eyedex",
        )


def _unpack(settings: Settings, archive: Archive, folder: Path, file: Path) -> CheckReport:
    """Files of a verified archive as a sound data directory that is safe on disk."""
    archive.extract(folder)
    fault_point("restore_extracted")
    report = _checked(settings, folder, file)
    with Catalog(DataPaths(folder)) as catalog:
        if catalog.seq() != archive.description.seq:
            raise CorruptDataError("the catalog is not of the announced state", where=str(file))
    for index in folder.glob("indexes/*/"):
        for name in generation.generations(index)[:1]:
            generation.settle(index, name)
    for path, _, _ in os.walk(folder):
        sync_directory(Path(path))
    fault_point("restore_checked")
    return report


def _check_space(folder: Path, needed_bytes: int) -> None:
    """Refuse at once what cannot fit; a restored archive may announce anything."""
    room = os.statvfs(next(path for path in (folder, *folder.parents) if path.exists()))
    free_bytes = room.f_bavail * room.f_frsize
    if needed_bytes + SPARE_BYTES > free_bytes:
        raise StorageFullError(
            f"{needed_bytes + SPARE_BYTES:,} bytes are needed, {free_bytes:,} are free",
            where=str(folder),
            fix="free some space and try again",
        )


def _checked(settings: Settings, folder: Path, called: Path) -> CheckReport:
    """The report of `check_data`, if it is good; `called` is what the user knows it by."""
    report = check_data(settings.model_copy(update={"data": folder}))
    for finding in report.findings:
        if finding.level == "error":
            where = finding.where.replace(str(folder), str(called))
            raise CorruptDataError(
                f"the catalog is not sound: {where}: {finding.what}", where=str(called)
            )
    return report


def _put_in_place(staged: Path, data: Path, occupied: bool) -> Path | None:
    """Make the staged directory the data directory, by one rename.

    Returns:
        Where the former data directory is, if there was one.
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
    """Exchange the two, so that there is a data directory at any moment.

    The new one waits under the name that the former one gets. So a process killed before the
    exchange leaves it there, and one killed after it leaves nothing to be done.
    """
    kept = _place_to_keep(data)
    with _nobody_has_open(DataPaths(data).catalog):
        os.rename(staged, kept)
        try:
            sync_directory(data.parent)
            fault_point("restore_before_exchange")
            _exchange(kept, data)
        except (OSError, StorageError):  # nothing that can come after the exchange
            os.rename(kept, staged)
            raise
    return kept


def _place_to_keep(data: Path) -> Path:
    number = 1
    while os.path.lexists(place := data.with_name(f"{data.name}.before-restore-{number}")):
        number += 1
    return place


def _exchange(one: Path, other: Path) -> None:
    """Exchange two directories in one step, so that neither name is ever missing.

    Raises:
        OSError, StorageError: They are what they were.
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
    """Every lock of a data directory, which nobody has open; without `wait_s`, none.

    Raises:
        LockHeldError: Somebody uses it.
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
    """Keep everybody from opening the catalog; SQLite itself is not asked, it may be damaged.

    Held for a moment only: who waits for it has opened the file already.

    Raises:
        LockHeldError: Somebody has it open, even if idle.
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


@contextmanager
def _workshop(folder: Path, doing: str) -> Iterator[Path]:
    """A folder to work in, ours alone and empty; it is gone afterwards.

    What a killed process left in it is deleted first.
    """
    with exclusive(folder / "lock", 0.0, doing):
        try:
            _clear(folder)
            fault_point("workshop_opened")
            yield folder
        finally:
            _clear(folder)
            with suppress(OSError):
                (folder / "lock").unlink()
                folder.rmdir()


def _clear(folder: Path) -> None:
    """Delete what we put there, and nothing else that may be there."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    with suppress(OSError):
        (folder / "archive").unlink()


def _check_target(file: Path, force: bool) -> None:
    if not file.parent.is_dir():
        raise ParameterError("there is no such folder", where=str(file.parent))
    if file.exists() and not file.is_file():
        raise ParameterError("this is not a file", where=str(file))
    if file.exists() and not force:
        raise ParameterError(
            "there is such a file already", where=str(file), fix="name another, or add --force"
        )


def _check_place(data: Path, replace: bool) -> bool:
    """Whether there is a catalog to be replaced.

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
    if not DataPaths(data).catalog.is_file():
        raise ParameterError("there is something else than a catalog here", where=str(data))
    if not replace:
        raise ParameterError(
            "there is a catalog here already",
            where=str(data),
            fix="name another --data, or add --replace (the catalog here is kept beside)",
        )
    return True


def _real(path: Path) -> Path:
    """The path without symbolic links, so that what is renamed is what is meant."""
    real = os.path.realpath(path)
    try:
        real.encode()
    except UnicodeEncodeError:
        raise ParameterError("the path is not UTF-8", where=repr(real)) from None
    return Path(real)


def _items(report: CheckReport) -> int:
    return sum(fact["items"] for fact in report.collections)
