"""Files of uploads: what they may be called, and whether they are what they are called."""

import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexer.sources.archives import is_archive
from indexer.sources.files import GZIP, has_suffix
from indexer.sources.folder_listing import LOOKED_AT_BYTES, is_picture_content, is_picture_name
from indexer.sources.reading import TABLE_SUFFIXES
from search_engine.errors import (
    EmptyFileError,
    ParameterError,
    UnsupportedTypeError,
    UploadError,
)
from search_engine.images import sniff_format
from search_engine.names import check_item_id

StagedKind = Literal["picture", "table", "archive"]

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz")
MAX_PART_BYTES = 200
"""Of a part of a name between slashes; file systems allow 255."""

_BINARY_TABLES = {".parquet": b"PAR1", ".xlsx": b"PK\x03\x04", ".xlsm": b"PK\x03\x04"}
_KINDS = (
    f"pictures, tables ({', '.join(sorted(TABLE_SUFFIXES))}, texts with .gz too) and archives "
    f"({', '.join(ARCHIVE_SUFFIXES)})"
)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A whole file of an upload; `is_new` unless it took the place of another."""

    name: str
    kind: StagedKind
    bytes: int
    is_new: bool


def check_name(name: str) -> str:
    """The name of a file as it is kept: a relative path that a file can have anywhere.

    Raises:
        ParameterError: It is no such path.
        UnsupportedTypeError: Nothing that a job reads is called so.
    """
    try:
        name = check_item_id(name)
    except ParameterError as error:
        what = error.what.replace("the id", "the name")
        raise ParameterError(what, where="name", fix=error.fix) from None
    if "\\" in name or any(part.startswith(".") for part in name.split("/")):
        raise _bad_name("has a backslash, or a part that begins with a dot")
    if any(len(part.encode()) > MAX_PART_BYTES for part in name.split("/")):
        raise _bad_name(f"has a part of more than {MAX_PART_BYTES} bytes between slashes")
    kind_of(name)
    return name


def kind_of(name: str) -> StagedKind:
    """What a file is, by its name.

    Raises:
        UnsupportedTypeError: Nothing that a job reads.
    """
    base = Path(name.lower())
    if base.name.endswith(ARCHIVE_SUFFIXES):
        return "archive"
    if is_picture_name(base.name):
        return "picture"
    if has_suffix(base, TABLE_SUFFIXES):
        return "table"
    raise UnsupportedTypeError(f"{name} is called like nothing that is read", fix=f"send {_KINDS}")


def check_content(path: Path, name: str, formats: tuple[str, ...]) -> StagedKind:
    """The kind of a file, if its content is of it; a look at its beginning, no more.

    Args:
        path: Where it is.
        name: What it is called, for the message.
        formats: Of pictures that are accepted.

    Raises:
        EmptyFileError: There are no bytes at all.
        UnsupportedTypeError: It is no picture.
        UploadError: It is no table, or no archive.
    """
    kind = kind_of(name)
    with path.open("rb") as file:
        head = file.read(LOOKED_AT_BYTES)
    if not head:
        raise EmptyFileError(f"{name} is empty")
    if kind == "picture" and sniff_format(head) not in formats:
        fix = f"send one of {', '.join(formats)}"
        raise UnsupportedTypeError(f"{name} is not a picture of an accepted type", fix=fix)
    if kind == "table" and not _may_be_table(head, name):
        raise UploadError(f"{name} is not the table that its name says")
    if kind == "archive" and not _is_archive(path):
        raise UploadError(f"{name} is not an archive, or not the whole of one")
    return kind


def _may_be_table(head: bytes, name: str) -> bool:
    for suffix, magic in _BINARY_TABLES.items():
        if name.lower().endswith(suffix):
            return head.startswith(magic)
    if name.lower().endswith(".gz"):
        return head.startswith(GZIP)
    return not is_picture_content(head) and not head.startswith((*_BINARY_TABLES.values(), GZIP))


def _is_archive(path: Path) -> bool:
    try:
        return is_archive(path)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile):
        return False


def _bad_name(what: str) -> ParameterError:
    return ParameterError(f"the name {what}", where="name", fix="name the file otherwise")
