"""The archive of a snapshot: a tar file in which every byte but the contents is known beforehand.

    snapshot.json                                    what follows, with length and SHA-256
    catalog.sqlite
    classifiers/<collection>/svm-<digest>.safetensors
    indexes/<collection>/calibration-<digest>.json
    indexes/<collection>/gen-000042/index.faiss      and its other files, all by name

Any tar program can list and unpack it, but this module does not parse tar. `snapshot.json`
determines all headers, the padding and the total length, so reading compares instead of
interpreting: links, devices, unsafe names, sparse and long-name extensions, missing, added,
duplicate or moved members, and anything after the end all differ from the expected bytes. It is not
compressed: deflate handles 20 MB/s on a core and would take most of the time, and the size of
compressed content is not known beforehand. Compress the file itself to keep it for long.

`snapshot` and `restore` define what belongs in a snapshot, and how it is used.
"""

import hashlib
import json
import os
import re
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from search_engine.errors import CorruptDataError, NewerFormatError, ParameterError, StorageError
from search_engine.storage.durable import sha256_file, storage_error
from search_engine.storage.faults import fault_point

FORMAT = 2
"""Version 1 had neither calibrations nor classifiers; it can be read too."""
DESCRIPTION = "snapshot.json"
CATALOG = "catalog.sqlite"
MAX_DESCRIPTION_BYTES = 8 * 2**20
CHUNK_BYTES = 2**20

_COLLECTION = r"[a-z0-9][a-z0-9_-]{0,62}"
_MEMBER_NAME = (
    r"^(catalog\.sqlite"
    rf"|indexes/{_COLLECTION}/gen-[0-9]{{6}}/[a-z][a-z0-9]{{0,31}}\.[a-z0-9]{{1,15}}"
    rf"|indexes/{_COLLECTION}/calibration-[0-9a-f]{{32}}\.json"
    rf"|classifiers/{_COLLECTION}/[a-z][a-z-]{{0,31}}-[0-9a-f]{{16}}\.safetensors)$"
)
_MEMBER_FILES = (
    "classifiers/*/*.safetensors",
    "indexes/*/calibration-*.json",
    "indexes/*/gen-*/*",
)
_NAME_BYTES = 100
_BLOCK_BYTES = 512
_END = bytes(2 * _BLOCK_BYTES)
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_SIZE_FIELD = slice(124, 136)
_CHECKSUM_FIELD = slice(148, 156)
_OCTAL_SIZE = re.compile(rb"([0-7]{11})\0")


class Member(BaseModel):
    """One file of the archive."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=_MEMBER_NAME)
    size_bytes: int = Field(ge=0, lt=2**62)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Description(BaseModel):
    """`snapshot.json`: what wrote the archive, the state it holds, and its files in order."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int = FORMAT
    program: str = Field(max_length=64)
    schema_version: str = Field(max_length=64)
    seq: int = Field(ge=0)
    created: str = Field(max_length=64)
    members: tuple[Member, ...]
    seal: str = ""

    def encoded(self) -> bytes:
        """Serialise canonically, with the SHA-256 of itself without this seal."""
        described = {**self.model_dump(), "seal": ""}
        seal = hashlib.sha256(json.dumps(described, indent=1).encode()).hexdigest()
        return json.dumps({**described, "seal": seal}, indent=1).encode() + b"\n"

    def unpacked_bytes(self) -> int:
        """Total length of all files."""
        return sum(member.size_bytes for member in self.members)


class _Versioned(BaseModel):
    """The only field that all later formats keep."""

    format: int


class Archive:
    """An archive opened for reading; `snapshot.json` and the total length are already verified."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self.description = self._read_description()
        self._start = file.tell()
        self.size_bytes = self._start + _packed_bytes(self.description)
        if os.fstat(file.fileno()).st_size != self.size_bytes:
            self._refuse("it is shorter or longer than it says")

    def verify(self) -> None:
        """Compare every byte with what it must be; nothing is written.

        Raises:
            CorruptDataError: A byte differs.
        """
        for _, chunks in self._members():
            for _ in chunks:
                pass

    def extract(self, folder: Path) -> None:
        """Write all files into a new folder, durably, and verify them once more on the way.

        Raises:
            CorruptDataError: A byte differs; the folder is then useless.
        """
        folder.mkdir(mode=0o700)
        for member, chunks in self._members():
            path = folder / member.name
            _make_folders(folder, path.parent)
            with _create(path) as file:
                for chunk in chunks:
                    file.write(chunk[: len(chunk) // 2])
                    fault_point("restore_file_half")
                    file.write(chunk[len(chunk) // 2 :])
                file.flush()
                os.fsync(file.fileno())

    def _members(self) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Yield every member with its content, which must be read before the next member."""
        self._file.seek(self._start)
        for member in self.description.members:
            yield member, self._contents(member)
        self._expect(_END, "it does not end where it says")

    def _contents(self, member: Member) -> Iterator[bytes]:
        self._expect(
            header_of(member.name, member.size_bytes),
            f"{member.name} is not the file it announces",
        )
        digest = hashlib.sha256()
        left = member.size_bytes
        while left:
            chunk = self._read(min(left, CHUNK_BYTES))
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        self._expect(_padding(member.size_bytes), f"{member.name} is not followed by zeros")
        if digest.hexdigest() != member.sha256:
            self._refuse(f"{member.name} does not match its checksum")

    def _read_description(self) -> Description:
        header = self._read(_BLOCK_BYTES)
        size = _OCTAL_SIZE.fullmatch(header[_SIZE_FIELD])
        size_bytes = int(size[1], 8) if size else 0
        if header != header_of(DESCRIPTION, size_bytes) or size_bytes > MAX_DESCRIPTION_BYTES:
            self._refuse("it is not a snapshot of eyedex")
        raw = self._read(size_bytes)
        self._expect(_padding(size_bytes), f"{DESCRIPTION} is not followed by zeros")
        return self._parse(raw)

    def _parse(self, raw: bytes) -> Description:
        try:
            if _Versioned.model_validate_json(raw).format > FORMAT:
                raise NewerFormatError(
                    "a newer version wrote this snapshot",
                    where=str(self._path),
                    fix="use a newer eyedex",
                )
            found = Description.model_validate_json(raw)
        except ValidationError:
            self._refuse(f"{DESCRIPTION} cannot be read")
        if raw != found.encoded():
            self._refuse(f"{DESCRIPTION} does not match its checksum")
        if found.format < 1 or not _in_order([member.name for member in found.members]):
            self._refuse(f"{DESCRIPTION} names other files than a snapshot has")
        return found

    def _expect(self, wanted: bytes, otherwise: str) -> None:
        if self._read(len(wanted)) != wanted:
            self._refuse(otherwise)

    def _read(self, size_bytes: int) -> bytes:
        found = self._file.read(size_bytes)
        if len(found) != size_bytes:
            self._refuse("it is cut off")
        return found

    def _refuse(self, why: str) -> NoReturn:
        raise CorruptDataError(
            f"the snapshot is damaged: {why}", where=str(self._path), fix="use another copy of it"
        )


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive, with every check that takes no time.

    Raises:
        ParameterError: There is no such file.
        CorruptDataError: It is not a complete archive.
        NewerFormatError: A newer version wrote it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ParameterError("there is no such file", where=str(path)) from None
    except OSError as error:
        raise storage_error(error, "opening the snapshot", path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ParameterError("this is not a file", where=str(path))
    with os.fdopen(descriptor, "rb") as file:
        yield Archive(file, path)


def describe_members(folder: Path) -> tuple[Member, ...]:
    """Describe the files of a folder for an archive, the catalog first, in archive order."""
    found = [
        path.relative_to(folder).as_posix()
        for pattern in _MEMBER_FILES
        for path in folder.glob(pattern)
    ]
    return tuple(
        Member(
            name=name,
            size_bytes=(folder / name).stat().st_size,
            sha256=sha256_file(folder / name),
        )
        for name in (CATALOG, *sorted(found))
    )


def write_archive(path: Path, folder: Path, description: Description) -> None:
    """Write a new archive of a folder's files, durably; the caller reads it back.

    Raises:
        StorageError: There are more collections than an archive can list.
    """
    encoded = description.encoded()
    if len(encoded) > MAX_DESCRIPTION_BYTES:
        raise StorageError("there are too many collections for one snapshot", where=str(path))
    with _create(path) as file:
        file.write(header_of(DESCRIPTION, len(encoded)) + encoded + _padding(len(encoded)))
        for member in description.members:
            file.write(header_of(member.name, member.size_bytes))
            file.flush()
            fault_point("snapshot_archive_half")
            with (folder / member.name).open("rb") as source:
                while chunk := source.read(CHUNK_BYTES):
                    file.write(chunk)
            file.write(_padding(member.size_bytes))
        file.write(_END)
        file.flush()
        os.fsync(file.fileno())
        # drop cached pages, so that reading back reads from disk
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    fault_point("snapshot_archive_written")


def _in_order(names: Sequence[str]) -> bool:
    """Put the catalog first, then the rest by name, each once."""
    return list(names) == [CATALOG, *sorted(set(names) - {CATALOG})]


def _packed_bytes(description: Description) -> int:
    """Return the length of everything after `snapshot.json`."""
    packed = (
        _BLOCK_BYTES + member.size_bytes + len(_padding(member.size_bytes))
        for member in description.members
    )
    return sum(packed) + len(_END)


def _padding(size_bytes: int) -> bytes:
    return bytes(-size_bytes % _BLOCK_BYTES)


def header_of(name: str, size_bytes: int) -> bytes:
    """Return the POSIX header of a plain file; from 8 GiB on the size is binary, as in GNU tar."""
    octal = size_bytes < 8**11
    size = b"%011o\0" % size_bytes if octal else b"\x80" + size_bytes.to_bytes(11, "big")
    above, name = _divided(name)
    nobody, beginning, blank = b"0000000\0", b"00000000000\0", b" " * 8
    block = _HEADER.pack(
        name.encode(), b"0000600\0", nobody, nobody, size, beginning, blank, b"0",
        b"", b"ustar\x0000", b"", b"", b"", b"", above.encode(),
    )  # fmt: skip
    checksum = b"%06o\0 " % sum(block)
    return block[: _CHECKSUM_FIELD.start] + checksum + block[_CHECKSUM_FIELD.stop :]


def _divided(name: str) -> tuple[str, str]:
    """Split a name of more than 100 bytes for POSIX, with the shortest possible folder."""
    if len(name) <= _NAME_BYTES:
        return "", name
    slash = name.index("/", len(name) - _NAME_BYTES - 1)
    return name[:slash], name[slash + 1 :]


def _make_folders(above: Path, folder: Path) -> None:
    """Make a folder and its parents, for their owner alone."""
    if folder != above:
        _make_folders(above, folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _create(path: Path) -> BinaryIO:
    """Create a new file, for its owner alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")
