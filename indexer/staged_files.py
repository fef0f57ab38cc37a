"""Names of uploaded files, and checks that their content matches them."""

import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexer.sources.archives import is_archive
from indexer.sources.files import GZIP, has_suffix
from indexer.sources.folder_listing import LOOKED_AT_BYTES, is_picture_content, is_picture_name
from indexer.sources.reading import TABLE_SUFFIXES
from indexer.upload_errors import UploadError
from search_engine.errors import EmptyFileError, ParameterError, UnsupportedTypeError
from search_engine.images import sniff_format
from search_engine.names import check_item_id

StagedKind = Literal["picture", "table", "archive"]

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz")
MAX_PART_BYTES = 200
"""Limit of each path component; file systems allow 255."""

_BINARY_TABLES = {".parquet": b"PAR1", ".xlsx": b"PK\x03\x04", ".xlsm": b"PK\x03\x04"}
_KINDS = (
    f"pictures, tables ({', '.join(sorted(TABLE_SUFFIXES))}, texts with .gz too) and archives "
    f"({', '.join(ARCHIVE_SUFFIXES)})"
)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A complete file of an upload; `is_new` is false if it replaced another."""

    name: str
    kind: StagedKind
    bytes: int
    is_new: bool


def check_name(name: str) -> str:
    """Return the name as it is stored: a normalized relative path.

    Raises:
        ParameterError: The name is not an acceptable relative path.
        UnsupportedTypeError: The suffix is not of a file that jobs read.
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
    """Return the kind of a file, by its name.

    Raises:
        UnsupportedTypeError: Jobs read no such files.
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
    """Return the kind of a file after checking that the start of its content matches.

    Args:
        path: Location of the file.
        name: Name in the upload, for messages.
        formats: Accepted formats of pictures.

    Raises:
        EmptyFileError: The file is empty.
        UnsupportedTypeError: It should be a picture and is not.
        UploadError: It should be a table or an archive and is not.
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
