"""Spectra of pictures, kept in a file that can be deleted: they are computed again when needed.

They are kept by the hash of the picture's bytes, so that another picture of an item is another
entry, and pictures that several collections share are one. A file, not a table: nothing is lost
with it, so snapshots and migrations need not carry it.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_engine.images.spectrum import FREQUENCIES, Spectra
from search_engine.storage.durable import replace_synced, storage_error
from search_engine.storage.locks import exclusive

_ENTRY = np.dtype(
    [
        ("hash", np.uint8, (32,)),
        ("spectrum", "<f2", (FREQUENCIES, FREQUENCIES)),
        ("crc32", "<u4"),
    ]
)
_CHECKED = _ENTRY.itemsize - 4

LOCK_WAIT_S = 10.0
Entries = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class KnownSpectra:
    """The spectra that a file had when it was read."""

    entries: Entries
    rows: Mapping[bytes, int] = field(repr=False)

    def __contains__(self, content_hash: str) -> bool:
        return _bytes_of(content_hash) in self.rows

    def of(self, content_hashes: Sequence[str]) -> Spectra:
        """The spectra of pictures that are known, (N, F, F), float32."""
        rows = [self.rows[_bytes_of(each)] for each in content_hashes]
        return np.asarray(self.entries["spectrum"][rows], dtype=np.float32)


def read_spectra(path: Path) -> KnownSpectra:
    """What the file holds; nothing if it is missing. Damaged entries are left out.

    Raises:
        StorageError: It cannot be read.
    """
    entries = _entries(path)
    sound = entries[[_is_sound(each) for each in entries]] if len(entries) else entries
    return KnownSpectra(sound, {each.tobytes(): row for row, each in enumerate(sound["hash"])})


def keep_spectra(path: Path, spectra: Mapping[str, Spectra]) -> None:
    """Add spectra (F, F) by content hash; what is damaged in the file is dropped.

    Raises:
        LockHeldError: Others are writing all the time.
        StorageError: It cannot be written.
    """
    new = np.zeros(len(spectra), dtype=_ENTRY)
    for row, (content_hash, spectrum) in enumerate(spectra.items()):
        new[row]["hash"] = np.frombuffer(_bytes_of(content_hash), dtype=np.uint8)
        new[row]["spectrum"] = spectrum
        new[row]["crc32"] = zlib.crc32(new[row].tobytes()[:_CHECKED])
    with exclusive(path.with_suffix(".lock"), LOCK_WAIT_S, "keeping perceptual hashes"):
        try:
            _append(path, new)
        except OSError as error:
            raise storage_error(error, "keeping perceptual hashes", path) from error


def _append(path: Path, new: Entries) -> None:
    size = path.stat().st_size if path.exists() else 0
    if size % _ENTRY.itemsize:  # a process died while it wrote
        replace_synced(path, read_spectra(path).entries.tobytes())
    with path.open("ab") as file:
        file.write(new.tobytes())


def _entries(path: Path) -> Entries:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise storage_error(error, "reading perceptual hashes", path) from error
    return np.frombuffer(data[: len(data) - len(data) % _ENTRY.itemsize], dtype=_ENTRY)


def _is_sound(entry: np.void) -> bool:
    return zlib.crc32(entry.tobytes()[:_CHECKED]) == int(entry["crc32"])


def _bytes_of(content_hash: str) -> bytes:
    return bytes.fromhex(content_hash)
