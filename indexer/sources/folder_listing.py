"""List the pictures below a folder, and count everything else.

Files with a picture suffix are listed by name, which is fast; others are recognised by their first
bytes. Whatever is skipped is counted by reason.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from indexer.sources.base import printable
from indexer.sources.files import has_suffix
from indexer.sources.options import SourceOptions
from indexer.sources.patterns import matcher
from indexer.sources.reading import TABLE_SUFFIXES
from search_engine.errors import SourceError
from search_engine.images import sniff_format

PICTURE_SUFFIXES = frozenset(
    {
        "jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "jpe", "jfif",
        "heic", "heif", "avif",
    }
)  # fmt: skip
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin"})
OTHER_TABLES = TABLE_SUFFIXES - {".txt"}
LOOKED_AT_BYTES = 32
SHOWN = 3

Reason = Literal["link", "loop", "table", "no picture", "unreadable", "hidden", "pattern"]

_SENTENCES: dict[Reason, tuple[str, str]] = {
    "link": (
        "1 link to a folder is not followed{}; --follow-links follows it",
        "{:,} links to folders are not followed{}; --follow-links follows them",
    ),
    "loop": (
        "1 link leads back to a folder that it is in{}",
        "{:,} links lead back to folders that they are in{}",
    ),
    "table": (
        "1 table is not read{}; to index it, name it as the source",
        "{:,} tables are not read{}; to index one, name it as the source",
    ),
    "no picture": ("1 file is no picture{}", "{:,} files are no pictures{}"),
    "unreadable": ("1 file cannot be read{}", "{:,} files cannot be read{}"),
    "hidden": (
        "1 hidden file or folder is passed over{}",
        "{:,} hidden files or folders are passed over{}",
    ),
    "pattern": (
        "1 file or folder is left out by --include or --exclude{}",
        "{:,} files or folders are left out by --include or --exclude{}",
    ),
}
"""Singular and plural sentences with a place for examples, in the order of the report."""


@dataclass(slots=True)
class PassedOver:
    """How many files and folders were skipped, by reason, and the first of each."""

    counts: dict[Reason, int] = field(default_factory=dict)
    examples: dict[Reason, list[str]] = field(default_factory=dict)

    def add(self, reason: Reason, relative: str) -> None:
        """Count one."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < SHOWN:
            shown.append(printable(relative) or "?")

    def notes(self) -> Iterator[str]:
        """A sentence for each reason."""
        for reason, (one, many) in _SENTENCES.items():
            count = self.counts.get(reason, 0)
            if not count:
                continue
            names = ", ".join(self.examples[reason])
            shown = f" ({names}{', ...' if count > SHOWN else ''})"
            yield one.format(shown) if count == 1 else many.format(count, shown)


Identity = tuple[int, int]
"""Device and inode of a folder, the same for every path that leads to it."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to list.

    `prefix` is its path relative to the root, with a slash at the end; empty for the root. `above`
    are the folder itself and its ancestors, by way of links too.
    """

    prefix: str
    above: tuple[Identity, ...]


class FolderListing:
    """Relative paths of the pictures below a folder, in order, and what was skipped."""

    def __init__(self, root: Path, options: SourceOptions) -> None:
        self._root = root
        self._follow_links = options.follow_links
        self._included = matcher(options.include, "--include") if options.include else None
        self._excluded = matcher(options.exclude, "--exclude") if options.exclude else None
        self.passed_over = PassedOver()
        self.pictures: list[str] = []
        waiting = [_Folder("", (_identity(str(root)),))]
        while waiting:
            waiting.extend(reversed([*self._list(waiting.pop())]))
        self.pictures.sort()

    def _list(self, folder: _Folder) -> Iterator[_Folder]:
        """Collect the pictures of a folder, and return its subfolders."""
        for entry in self._entries(folder.prefix):
            relative = folder.prefix + entry.name
            if entry.name.startswith(".") or entry.name.lower() in SYSTEM_FILES:
                self.passed_over.add("hidden", relative)
            elif self._excluded is not None and self._excluded(relative):
                self.passed_over.add("pattern", relative)
            elif _is_folder(entry):
                yield from self._folder(entry, relative, folder.above)
            elif self._included is not None and not self._included(relative):
                self.passed_over.add("pattern", relative)
            elif is_picture_name(entry.name) or (reason := self._reason_against(entry)) is None:
                self.pictures.append(relative)
            else:
                self.passed_over.add(reason, relative)

    def _folder(
        self, entry: "os.DirEntry[str]", relative: str, above: tuple[Identity, ...]
    ) -> Iterator[_Folder]:
        """Yield the folder, unless it is a link that is not followed."""
        if entry.is_symlink() and not self._follow_links:
            self.passed_over.add("link", relative)
        elif (identity := _identity(entry.path)) in above:
            self.passed_over.add("loop", relative)
        else:
            yield _Folder(f"{relative}/", (*above, identity))

    def _entries(self, prefix: str) -> list["os.DirEntry[str]"]:
        folder = os.path.join(self._root, prefix)
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", where=folder) from error

    def _reason_against(self, entry: "os.DirEntry[str]") -> Reason | None:
        """Return why a file without a picture suffix is not a picture; None if it is one."""
        path = Path(entry.path)
        if has_suffix(path, OTHER_TABLES):
            return "table"
        try:
            if not entry.is_file() or (entry.is_symlink() and not self._may_follow(path)):
                return "no picture"
        except OSError:
            return "unreadable"
        try:
            with open(path, "rb") as file:
                head = file.read(LOOKED_AT_BYTES)
        except OSError:
            return "unreadable"
        return None if is_picture_content(head) else "no picture"

    def _may_follow(self, path: Path) -> bool:
        return self._follow_links or path.resolve().is_relative_to(self._root.resolve())


def is_picture_name(name: str) -> bool:
    """Return whether a file has a picture suffix."""
    suffix = name.rpartition(".")[2]  # the whole name where it has none
    return suffix.lower() in PICTURE_SUFFIXES and suffix != name


def is_picture_content(head: bytes) -> bool:
    """Return whether a file begins like a picture; `BM` alone could be a text."""
    if sniff_format(head) == "BMP":
        return head[6:10] == bytes(4) and head[14:18] in _BMP_HEADERS
    return sniff_format(head) is not None


_BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124)}


def _identity(path: str) -> Identity:
    try:
        status = os.stat(path)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=path) from error
    return status.st_dev, status.st_ino


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
