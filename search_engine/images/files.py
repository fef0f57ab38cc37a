"""Read the owner's files, if they are regular files."""

import errno
import os
import stat
from pathlib import Path

from search_engine.errors import CorruptImageError, ImageError, MissingPictureError
from search_engine.images.limits import CATALOG_SETTING, too_many_bytes
from search_engine.images.other_files import BASE64

SHOWN_CHARS = 200
"""Characters of a path in a message; longer ones were hardly meant as paths."""

_NO_SUCH = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes`; never hang on a pipe or device.

    Raises:
        MissingPictureError: There is no such file.
        ImageError: It is not a regular file, unreadable (`corrupt_image`), or too large.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise CorruptImageError(_kind(status.st_mode), where=shown_path(path))
            if status.st_size > max_bytes:
                raise too_many_bytes(status.st_size, max_bytes, CATALOG_SETTING)
            return file.read(status.st_size + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def shown_path(path: Path) -> str:
    """Return a path as it was tried, shortened to fit a line."""
    tried = str(path.absolute())
    return tried if len(tried) <= SHOWN_CHARS else f"{tried[:SHOWN_CHARS]}..."


def _unreadable(path: Path, error: OSError | ValueError) -> ImageError:
    where = shown_path(path)
    if isinstance(error, ValueError) or error.errno in _NO_SUCH:
        return MissingPictureError("there is no such picture", where=where, fix=_instead(path))
    if isinstance(error, IsADirectoryError):
        return CorruptImageError(_kind(stat.S_IFDIR), where=where)
    return CorruptImageError(f"the file cannot be read: {error.strerror}", where=where)


def _instead(path: Path) -> str | None:
    """Say what to give instead of what is no path."""
    text = str(path)
    if path.parts[:1] in (("http:",), ("https:",)):
        return "nothing is fetched from an address here: give the file"
    if path.parts[:1] == ("file:",):
        return "give the path alone, without file://"
    if text.startswith(("data:image", *BASE64)):
        return "a text is a path: give what the base64 stands for as bytes"
    return None


def _kind(mode: int) -> str:
    """Describe what is not a regular file."""
    names = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return f"{names.get(stat.S_IFMT(mode), 'something else')}, not a picture"


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
