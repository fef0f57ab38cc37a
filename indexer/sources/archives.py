"""Archives of pictures: zip files and tars, unpacked after checking every member.

Members are written to a folder of the data directory that stays the same for an archive, so that
items find their pictures again. Members unpacked before are left alone.
"""

import io
import json
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from search_engine.errors import SourceError

MOST_MEMBERS = 2_000_000
MOST_BYTES = 200 * 2**30
MOST_RATIO = 200
"""Largest allowed ratio of unpacked to packed bytes; pictures hardly shrink, texts less than that.
"""
COPY_BYTES = 2**20
HIDDEN = ("__MACOSX",)
TABLE = "eyedex-samples.jsonl"
"""Name of the table made from a tar in the WebDataset layout."""
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".xlsx")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_SAMPLE_PARTS = (".json", ".cls", ".txt")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive; `crc32` is None if the archive has no checksums."""

    name: str
    size: int
    crc32: int | None


class _Archive(Protocol):
    links: int
    """Members skipped so far that are neither files nor folders."""

    def members(self) -> Iterator[tuple[Member, IO[bytes]]]:
        """Yield files and their content, in order."""
        ...


def is_archive(path: Path) -> bool:
    """Return whether the content of a file is a zip or tar, but not XLSX, which is a zip too."""
    if path.suffix.lower() == ".xlsx" or not path.is_file():
        return False
    return zipfile.is_zipfile(path) or (".tar" in path.name.lower() and tarfile.is_tarfile(path))


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The folder of an unpacked archive, or the table in it, and what was left out."""

    path: Path
    notes: tuple[str, ...] = ()


def unpack(path: Path, folder: Path) -> Unpacked:
    """Unpack an archive, and remove what was unpacked from an earlier version of it.

    Returns:
        The only table in it, the table of its samples (WebDataset), or the folder.

    Raises:
        SourceError: It is damaged, or cannot be a catalog; nothing is removed then.
    """
    _check_size(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written: set[str] = set()
    hidden = 0
    with _opened(path) as archive:
        for member, content in archive.members():
            name = _safe_name(path, member.name)
            if name is None:
                hidden += 1
                continue
            if name in written:
                raise _refused(path, f"it has two members of the name {name!r}")
            written.add(name)
            _write(path, folder / name, member, content)
        notes = _left_out(hidden, archive.links)
    _remove_others(folder, written)
    samples = _samples(folder, written)
    if samples:
        (folder / TABLE).write_text("".join(f"{json.dumps(each)}\n" for each in samples), "utf-8")
        return Unpacked(folder / TABLE, notes)
    inside = _only_folder(folder)
    tables = [each for each in inside.iterdir() if each.suffix.lower() in TABLE_SUFFIXES]
    if len(tables) == 1:
        return Unpacked(tables[0], (*notes, f"the archive is read by its table {tables[0].name}"))
    return Unpacked(inside, notes)


def _left_out(hidden: int, links: int) -> tuple[str, ...]:
    counts = ((hidden, "hidden file"), (links, "link or device"))
    return tuple(
        f"{count:,} of the archive's members left out: {what}{'s' if count > 1 else ''}"
        for count, what in counts
        if count
    )


def _check_size(path: Path) -> None:
    """Refuse an archive that is too large for pictures before writing anything."""
    packed, count, unpacked = path.stat().st_size, 0, 0
    with _opened(path, contents=False) as archive:
        for member, _ in archive.members():
            count += 1
            unpacked += member.size
            if count > MOST_MEMBERS or unpacked > MOST_BYTES:
                raise _refused(path, f"more than {MOST_MEMBERS:,} files or {MOST_BYTES:,} bytes")
    if unpacked > MOST_RATIO * max(packed, 2**20):
        raise _refused(path, f"{packed:,} bytes would become {unpacked:,}")
    room = shutil.disk_usage(path.parent).free
    if unpacked > room:
        raise _refused(path, f"it needs {unpacked:,} bytes, {room:,} are free")


@contextmanager
def _opened(path: Path, contents: bool = True) -> Iterator[_Archive]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                yield _Zip(file, contents)
        else:
            with tarfile.open(path) as file:
                yield _Tar(file, contents)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        NotImplementedError,
    ) as error:
        raise _refused(path, f"it is damaged: {error}") from error
    except RuntimeError as error:  # raised by zipfile for encrypted members
        raise _refused(path, str(error)) from error
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror or error}") from error


@dataclass(slots=True)
class _Zip:
    file: zipfile.ZipFile
    contents: bool
    links: int = 0

    def members(self) -> Iterator[tuple[Member, IO[bytes]]]:
        for info in self.file.infolist():
            if info.is_dir():
                continue
            member = Member(info.filename, info.file_size, info.CRC)
            if self.contents:
                with self.file.open(info) as content:
                    yield member, content
            else:
                yield member, io.BytesIO()


@dataclass(slots=True)
class _Tar:
    file: tarfile.TarFile
    contents: bool
    links: int = 0

    def members(self) -> Iterator[tuple[Member, IO[bytes]]]:
        for info in self.file:
            if not info.isreg():
                self.links += not info.isdir()  # links could point anywhere
                continue
            content = self.file.extractfile(info) if self.contents else None
            yield Member(info.name, info.size, None), content or io.BytesIO()
        self._check_end()

    def _check_end(self) -> None:
        """Read to the end: gzip finds damage only there, and a broken header looks like the end.

        Raises:
            tarfile.ReadError: There is data after the apparent end.
        """
        rest = self.file.fileobj
        while rest is not None and (part := rest.read(COPY_BYTES)):
            if part.strip(b"\0"):
                raise tarfile.ReadError("a member's head is broken")


def _safe_name(path: Path, name: str) -> str | None:
    """Return the relative path of a member; None for a member to skip.

    Raises:
        SourceError: The name leads out of the folder.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    leads_out = any(part == ".." or "\x00" in part or ":" in part[1:2] for part in parts)
    if leads_out or name.startswith(("/", "\\")):
        raise _refused(path, f"it has a member that leads out of it: {name[:100]!r}")
    if not parts or parts[0] in HIDDEN or any(part.startswith(".") for part in parts):
        return None
    return "/".join(parts)


def _write(path: Path, target: Path, member: Member, content: IO[bytes]) -> None:
    if member.crc32 is not None and _is_there(target, member):
        return
    aside = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with aside.open("wb") as file:
            shutil.copyfileobj(content, file, COPY_BYTES)
        if aside.stat().st_size != member.size:
            raise _refused(path, f"its member {member.name[:100]!r} is not whole")
        os.replace(aside, target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _refused(path, f"{member.name[:100]!r} is a file and a folder") from error
    finally:
        aside.unlink(missing_ok=True)


def _is_there(target: Path, member: Member) -> bool:
    """Return whether a member was unpacked before, with exactly this content."""
    if not target.is_file() or target.stat().st_size != member.size:
        return False
    checksum = 0
    with target.open("rb") as file:
        while part := file.read(COPY_BYTES):
            checksum = zlib.crc32(part, checksum)
    return checksum == member.crc32


def _remove_others(folder: Path, written: set[str]) -> None:
    """Remove files that the archive no longer has, and folders that become empty."""
    for below, _, files in os.walk(folder, topdown=False):
        for name in files:
            file = Path(below, name)
            if file.relative_to(folder).as_posix() not in written:
                file.unlink()
        if Path(below) != folder and not os.listdir(below):
            os.rmdir(below)


def _samples(folder: Path, names: set[str]) -> list[dict[str, object]]:
    """Describe the pictures of a WebDataset tar by the files that share their name up to the dot.

    The `.json` beside a picture has its attributes, the `.cls` its label, the `.txt` its caption
    (https://github.com/webdataset/webdataset, "The WebDataset Format").
    """
    keys: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        head, slash, tail = name.rpartition("/")
        stem, dot, suffix = tail.partition(".")
        keys.setdefault(f"{head}{slash}{stem}", {})[f"{dot}{suffix}".lower()] = name
    if not any(part in files for files in keys.values() for part in _SAMPLE_PARTS):
        return []
    if any(not files.keys() & {*PICTURES} for files in keys.values()):
        return []
    return [_sample(folder, key, files) for key, files in keys.items()]


def _sample(folder: Path, key: str, files: Mapping[str, str]) -> dict[str, object]:
    picture = next(files[suffix] for suffix in PICTURES if suffix in files)
    said: dict[str, object] = {}
    if ".json" in files:
        try:
            found = json.loads((folder / files[".json"]).read_text("utf-8"))
        except (ValueError, OSError):
            found = None
        said.update(found if isinstance(found, dict) else {})
    for suffix, name in ((".cls", "label"), (".txt", "caption")):
        if suffix in files:
            said[name] = (folder / files[suffix]).read_text("utf-8", "replace").strip()
    return {**said, "item_id": key, "image": picture}


def _only_folder(folder: Path) -> Path:
    """Return the one folder that contains everything in the archive, else the folder itself."""
    inside = [each for each in folder.iterdir() if not each.name.startswith(".")]
    return _only_folder(inside[0]) if len(inside) == 1 and inside[0].is_dir() else folder


def _refused(path: Path, what: str) -> SourceError:
    return SourceError(f"the archive cannot be used: {what}", where=str(path))
