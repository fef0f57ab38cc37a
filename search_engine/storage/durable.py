"""Write files so that after a power loss they exist completely or not at all."""

import errno
import hashlib
import os
from pathlib import Path

from search_engine.errors import ReadOnlyError, StorageError, StorageFullError
from search_engine.storage.faults import fault_point

HASH_CHUNK_BYTES = 2**20


def write_synced(path: Path, data: bytes | memoryview) -> None:
    """Create or truncate the file, write all bytes, fsync."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        half = len(data) // 2
        file.write(data[:half])
        file.flush()
        fault_point("generation_file_half")
        file.write(data[half:])
        file.flush()
        os.fsync(file.fileno())
    fault_point("generation_file_written")


def replace_synced(path: Path, data: bytes) -> None:
    """Replace a file by one with this content, atomically."""
    aside = path.with_name(f".{path.name}.new")
    write_synced(aside, data)
    fault_point("current_before_rename")
    os.replace(aside, path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make created or renamed names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_file(path: Path) -> str:
    """Return the hex digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def storage_error(error: OSError, doing: str, where: Path) -> StorageError:
    """Convert an operating-system error to one of ours."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFullError(
            f"no space is left while {doing}",
            where=str(where),
            fix="free some space and try again",
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return ReadOnlyError(f"nothing can be written here, as for {doing}", where=str(where))
    return StorageError(f"failed while {doing}: {error.strerror}", where=str(where))
