"""Resolve the pictures that a table names to files below its folder.

Spellings of Windows and of URLs are understood: `IMG\\00.jpg`, `my%20picture.jpg?v=2`.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from stat import S_ISLNK
from typing import Any, Literal
from unicodedata import normalize
from urllib.parse import unquote

from indexer.sources.base import confined
from indexer.sources.folder_listing import is_picture_content
from indexer.sources.shapes import is_empty, text_of
from search_engine.errors import RowError
from search_engine.storage.durable import replace_synced

MAX_PATH_CHARS = 4_096
FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")
"""How accents are coded: Macs name files in the second form, all others in the first."""
MAX_VIEWS = 1_000
"""Pictures of one row, at most."""


_ADDRESS = re.compile(r"(https?|s3|gs)://", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:(//|\\\\)|data:|file:", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_MARKS = re.compile(r"[,;|\s]")
_BETWEEN_ADDRESSES = re.compile(r"[,;|\s]+(?=(?:https?|s3|gs)://)", re.IGNORECASE)
_BETWEEN_PATHS = re.compile(r"\s*[,;|]\s*")


class Pictures:
    """Find the pictures of a table's rows, never outside its folder.

    Pictures contained in a table, as in Parquet files of Hugging Face, are written below `inside`,
    named by a hash of their content.
    """

    def __init__(self, root: Path, inside: Path | None = None) -> None:
        self._root = root.resolve()
        self._inside = inside
        self._held: dict[str, bytes] = {}
        self._folder = lru_cache(maxsize=2**12)(self._resolved_folder)
        self._names = lru_cache(maxsize=2**8)(self._names_in)

    def references(self, cell: Any) -> list[str]:
        """Return the pictures that a cell names: one, or several separated by commas.

        An existing file whose name contains a comma is one picture.
        """
        self._held = {}
        return self._named(cell)

    def _named(self, cell: Any) -> list[str]:
        if is_empty(cell):
            return []
        if isinstance(cell, list | tuple):
            return [one for each in cell for one in self._named(each)]
        if isinstance(cell, bytes) and is_picture_content(cell):
            return [self._hold(cell, None)]
        if isinstance(cell, dict) and isinstance(cell.get("bytes"), bytes):
            return [self._hold(cell["bytes"], cell.get("path"))]
        if isinstance(cell, dict):
            return self._named(cell.get("path") or cell.get("url") or cell.get("src"))
        text = text_of(cell)
        if _MARKS.search(text) is None:
            return [text]
        if _ADDRESS.match(text.strip()):
            return _BETWEEN_ADDRESSES.split(text.strip())
        if not any(mark in text for mark in ",;|") or self._existing(text) is not None:
            return [text]
        parts = [part for part in _BETWEEN_PATHS.split(text.strip()) if part]
        return parts if all(_names_picture(part) for part in parts) else [text]

    def find(self, reference: str) -> Path:
        """Return the file of a picture.

        Raises:
            RowError: It is an address that may not be fetched, is outside the folder, or does not
                exist.
        """
        if reference in self._held:
            return self._written(self._held[reference])
        address = reference.strip()
        if _ADDRESS.match(address):
            raise RowError("url_denied", "the picture is at an address: --allow-urls fetches it")
        if _OTHER_SCHEME.match(address):
            scheme = address.partition(":")[0][:20]
            raise RowError("url_denied", f"pictures at {scheme}: addresses are not read")
        found = self._existing(reference)
        if found is not None:
            return found
        for other in _other_spellings(reference):
            found = self._existing(other)
            if found is not None:
                return found
        found = self._in_other_case(reference)
        if found is not None:
            return found
        if _DRIVE.match(address):
            raise RowError("bad_path", "the picture's path is not relative to the source")
        return confined(self._root, _plain_spelling(reference))  # raises the error

    def _hold(self, content: bytes, path: Any) -> str:
        """Keep the content of the row's picture until it is needed; return its reference."""
        reference = path if isinstance(path, str) and path else _digest(content)
        self._held[reference] = content
        return reference

    def _written(self, content: bytes) -> Path:
        if self._inside is None:
            raise RowError(
                "no_picture", "the picture is within the table: `eyedex index` extracts it"
            )
        name = _digest(content)
        path = self._inside / name[:2] / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_synced(path, content)
        return path

    def _existing(self, relative: str) -> Path | None:
        """Return the file below the folder, if it exists."""
        if not relative or "\x00" in relative or len(relative) > MAX_PATH_CHARS:
            return None
        if relative[0] in "/~":
            return None
        folder, _, name = relative.rpartition("/")
        if name in ("", ".", ".."):
            return None
        resolved = self._folder(folder)
        if resolved is None:
            return None
        path = os.path.join(resolved, name)
        try:
            if S_ISLNK(os.lstat(path).st_mode):
                return confined(self._root, relative)
        except (OSError, ValueError, RowError):
            return None
        return Path(path)

    def _in_other_case(self, reference: str) -> Path | None:
        """Return the only file whose path differs in capitals alone, which Windows ignores."""
        path = re.split(r"[?#]", _plain_spelling(reference), maxsplit=1)[0]
        if len(path) > MAX_PATH_CHARS:
            return None
        found: list[str] = []
        for part in unquote(path).removeprefix("./").split("/"):
            name = self._names("/".join(found)).get(_bare(part))
            if name is None:
                return None
            found.append(name)
        return self._existing("/".join(found))

    def _names_in(self, folder: str) -> Mapping[str, str | None]:
        """Return the names in a folder by their small letters; None for one that several have."""
        resolved = self._folder(folder)
        names: dict[str, str | None] = {}
        try:
            for name in os.listdir(resolved) if resolved is not None else ():
                names[_bare(name)] = None if _bare(name) in names else name
        except OSError:
            pass  # no folder, or not ours to read
        return names

    def _resolved_folder(self, folder: str) -> str | None:
        """Resolve a folder below the root; None if it is elsewhere or missing."""
        try:
            resolved = (self._root / folder).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            return None
        return str(resolved) if resolved.is_relative_to(self._root) else None


def _bare(name: str) -> str:
    return normalize("NFC", name).casefold()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_address(reference: str) -> bool:
    """Return whether a picture is named by an address on the web."""
    return _ADDRESS.match(reference.strip()) is not None


def view_id(item_id: str, number: int) -> str:
    """Return the id of a view: the item's own for the first, then `id/2`, `id/3`..."""
    return item_id if number == 1 else f"{item_id}/{number}"


def path_id(reference: str) -> str:
    """Return the id of a picture without one: its path, or its address without `https://`."""
    plain = _plain_spelling(reference)
    return plain.partition("://")[2] if is_address(plain) else plain.removeprefix("./")


def folder_label(reference: str) -> str | None:
    """Return the label of a picture without one: its folder."""
    folder = path_id(reference).rpartition("/")[0]
    return folder or None


def _plain_spelling(reference: str) -> str:
    return reference.strip().replace("\\", "/")


def _other_spellings(reference: str) -> Iterator[str]:
    """Yield possible names of a file, without what URLs and Windows add."""
    plain = _plain_spelling(reference)
    bare = re.split(r"[?#]", plain, maxsplit=1)[0]
    written: Sequence[str] = (plain, bare, unquote(plain), unquote(bare))
    spellings = (*written, *(normalize(form, one) for one in written for form in FORMS))
    for spelling in dict.fromkeys(spellings):
        yield spelling
        stem, dot, suffix = spelling.rpartition(".")
        if dot and "/" not in suffix:
            for other in (suffix.lower(), suffix.upper()):
                if other != suffix:
                    yield f"{stem}.{other}"


def _names_picture(part: str) -> bool:
    """Return whether an element of a list looks like the path or address of a picture."""
    bare = re.split(r"[?#]", part, maxsplit=1)[0]
    return re.fullmatch(r".*\.[A-Za-z0-9]{2,5}", bare) is not None
