"""The data directory as it is opened: made, refused, or found to be read only."""

import os
from pathlib import Path
from typing import NoReturn

from search_engine.errors import CorruptDataError, NotFoundError, ParameterError, StorageError
from search_engine.storage.paths import DataPaths


def make_private_directory(paths: DataPaths) -> None:
    """Make a data directory with an empty catalog that only its owner can read.

    Raises:
        ParameterError, StorageError: See `make_private_root`.
    """
    make_private_root(paths)
    try:
        paths.catalog.touch(mode=0o600)
    except OSError as error:
        raise _unusable(error, paths) from error


def make_private_root(paths: DataPaths) -> None:
    """Make a data directory that only its owner can read.

    Raises:
        ParameterError: Its path is not UTF-8, so that the catalog could not name what is in it.
        StorageError: It cannot be made.
    """
    try:
        str(paths.root).encode()
    except UnicodeEncodeError:
        raise ParameterError(
            "the path of the data directory is not UTF-8",
            where=repr(str(paths.root)),
            fix="name another one with --data or EYEDEX_DATA",
        ) from None
    try:
        paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        refuse_to_make(paths)
    except OSError as error:
        raise _unusable(error, paths) from error


def refuse_to_make(paths: DataPaths) -> NoReturn:
    """Say that there is no catalog, where none is to be made."""
    if paths.root.exists() and not paths.root.is_dir():
        raise StorageError(
            "the data directory cannot be used: it is a file",
            where=str(paths.root),
            fix="name another one with --data or EYEDEX_DATA",
        )
    what = "catalog in" if paths.root.is_dir() else "data directory at"
    raise NotFoundError(
        f"there is no {what} {paths.root}",
        fix="index something first, or name another with --data or EYEDEX_DATA",
    )


def refuse_emptied(paths: DataPaths) -> None:
    """Refuse a catalog of no bytes that is no new one: SQLite would take it for that.

    Raises:
        CorruptDataError: There are indexes of what was in it.
    """
    log = Path(f"{paths.catalog}-wal")
    if paths.catalog.stat().st_size or (log.exists() and log.stat().st_size):
        return
    if next(paths.root.glob("indexes/*/gen-*"), None) is not None:
        raise CorruptDataError(
            "the catalog is empty, though there are indexes of its items",
            where=str(paths.catalog),
            fix="restore it from a snapshot, or delete `indexes` to begin anew",
        )


def is_writable(paths: DataPaths) -> bool:
    """Whether the catalog can be written."""
    return os.access(paths.root, os.W_OK) and os.access(paths.catalog, os.W_OK)


def _unusable(error: OSError, paths: DataPaths) -> StorageError:
    return StorageError(
        f"the data directory cannot be used: {error.strerror}",
        where=str(paths.root),
        fix="name another one with --data or EYEDEX_DATA",
    )
