"""Room on the disk that is kept for what frees some: a full disk can be read, and items deleted.

SQLite needs some room for its log even to delete or to read. A file of that size is kept for it; it
is given up when the disk is full, and made again when there is room. Meanwhile nothing may be
added: else that room would soon be gone too.
"""

import os
from pathlib import Path

from search_engine.errors import StorageFullError
from search_engine.storage.paths import DataPaths

RESERVE_BYTES = 2**20
LEAST_BYTES = 2**17
"""With less than this a disk counts as full."""

PLENTY_BYTES = 4 * RESERVE_BYTES


def free_bytes(folder: Path) -> int:
    """How much can be written to the file system of a folder."""
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def is_full(folder: Path) -> bool:
    """Whether next to nothing can be written to the file system of a folder."""
    try:
        return free_bytes(folder) < LEAST_BYTES
    except OSError:
        return False


def keep_room(paths: DataPaths) -> None:
    """Reserve room where there is plenty."""
    if paths.reserve.exists() or free_bytes(paths.root) < PLENTY_BYTES:
        return
    try:
        made = os.open(paths.reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(made, 0, RESERVE_BYTES)
        finally:
            os.close(made)
    except OSError:  # another took that room meanwhile, or the file system reserves none
        paths.reserve.unlink(missing_ok=True)


def give_up_reserve(paths: DataPaths) -> None:
    """Make room on a full disk, so that it can be read and freed."""
    if is_full(paths.root):
        paths.reserve.unlink(missing_ok=True)


def require_room(paths: DataPaths) -> None:
    """Refuse to add something while the reserve is in use.

    Raises:
        StorageFullError: It is, or there is no room to have one.
    """
    if not paths.reserve.exists() and free_bytes(paths.root) < RESERVE_BYTES:
        raise StorageFullError(
            "no space is left to store this",
            where=str(paths.root),
            fix="free some space, or remove items, and try again",
        )
