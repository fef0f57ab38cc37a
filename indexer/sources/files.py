"""Open the file of a table, and decompress it if it is packed with gzip."""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from search_engine.errors import SourceError

GZIP = b"\x1f\x8b"
MAX_UNPACKED_BYTES = 8 * 2**30
"""Limit of a decompressed table; 1,000,000 rows with long descriptions have about 1 GiB."""

MAX_EXPANSION = 300
"""Largest ratio of decompressed to packed size; tables have 5 to 20, gzip allows 1,032."""

ALWAYS_UNPACKED_BYTES = 64 * 2**20
"""Up to this size any ratio is harmless."""

_BUFFER_BYTES = 2**18


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file, decompressed; errors name the file.

    Raises:
        SourceError: It cannot be read, is damaged, or exceeds the limit when decompressed.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError("not a regular file", where=str(path))
            if file.read(len(GZIP)) != GZIP:
                file.seek(0)
                yield file
                return
            file.seek(0)
            with gzip.GzipFile(fileobj=file) as packed:
                limited = _Limited(packed, os.fstat(file.fileno()).st_size)
                yield io.BufferedReader(limited, _BUFFER_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(
            "the gzip file is damaged or incomplete", where=str(path), fix="fetch it again"
        ) from error
    except _TooLargeError as error:
        raise SourceError(str(error), where=str(path), fix="unpack it first") from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(path)) from error


@contextmanager
def opened_text(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Open a file as text, with its line ends unchanged.

    Raises:
        SourceError: As for `opened`, or the encoding is wrong.
    """
    with opened(path) as file, io.TextIOWrapper(file, encoding, newline="") as text:
        try:
            yield text
        except UnicodeError as error:
            raise not_in_encoding(path, encoding) from error


def not_in_encoding(path: Path, encoding: str, at: int | None = None) -> SourceError:
    """Return the error for a file that cannot be decoded, from the byte `at` if that is known."""
    name = "UTF-8" if encoding in ("utf-8", "utf-8-sig") else encoding
    where = "" if at is None else f" at byte {at}"
    return SourceError(
        f"not {name}{where}",
        where=str(path),
        fix="save the table as UTF-8; --encoding names what it is in",
    )


def has_suffix(path: Path, suffixes: Collection[str]) -> bool:
    """Return whether a name has one of these suffixes, even before `.gz` or a query (`?dl=1`)."""
    return any(
        suffix.partition("?")[0] in suffixes for suffix in map(str.lower, path.suffixes[-3:])
    )


class _TooLargeError(Exception):
    """A packed file has more content than a table can have."""


class _Limited(io.RawIOBase):
    """The content of a packed file, up to a limit."""

    def __init__(self, packed: gzip.GzipFile, packed_bytes: int) -> None:
        self._packed = packed
        self._packed_bytes = packed_bytes
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the one it is given
        content = self._packed.read1(len(buffer))
        buffer[: len(content)] = content
        self._count += len(content)
        most = max(ALWAYS_UNPACKED_BYTES, MAX_EXPANSION * self._packed_bytes)
        if self._count > min(most, MAX_UNPACKED_BYTES):
            raise _TooLargeError(
                f"{self._packed_bytes:,} bytes of gzip unpack to more than {self._count:,}"
            )
        return len(content)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
