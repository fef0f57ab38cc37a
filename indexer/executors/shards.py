"""Files of embedded pictures on storage that several machines share.

A shard holds what was found in some pictures, by the hashes of their bytes. It is written aside,
synced and renamed, so that it is there whole or not at all, and it describes itself: whoever starts
a run again takes what an earlier one left. Nothing here is an item yet: that is for the catalog.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from indexer.executors.base import Embedded, Outcome, Refused
from search_engine.errors import CorruptDataError
from search_engine.images import PictureColors
from search_engine.records import Vectors
from search_engine.storage.durable import storage_error, sync_directory

FORMAT = "1"
SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Shard:
    """Outcomes by the hash of a picture's bytes, and the seconds that each stage was at work."""

    outcomes: Mapping[str, Outcome]
    seconds: Mapping[str, float] = field(default_factory=dict)


class ShardFolder:
    """The shards of one encoder, made as they are needed."""

    def __init__(self, root: Path, encoder: str) -> None:
        """Take the folder `root` for all encoders, and what tells this one from others."""
        self.root = root
        self.folder = root / encoder
        self._encoder = encoder

    def has(self, name: str) -> bool:
        """Whether a shard is there, whole."""
        return self._path(name).exists()

    def write(self, name: str, shard: Shard) -> None:
        """Put a shard in its place.

        Raises:
            StorageError: It cannot be written.
        """
        path = self._path(name)
        aside = path.with_name(f".{name}.{os.getpid()}.new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with aside.open("wb") as file:
                os.chmod(aside, 0o600)
                file.write(_packed(shard, self._encoder))
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
            sync_directory(self.folder)
        except OSError as error:
            raise storage_error(error, "writing embeddings of a cluster", path) from error

    def attempts(self, name: str) -> int:
        """Count one more attempt at a shard, on all machines together; says how many there were.

        Raises:
            StorageError: It cannot be noted.
        """
        path = self._attempts(name)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(b".")
            return path.stat().st_size
        except OSError as error:
            raise storage_error(error, "noting an attempt of a cluster", path) from error

    def read(self, name: str) -> Shard:
        """Read a shard.

        Raises:
            CorruptDataError: It is missing, damaged, or of another encoder.
        """
        path = self._path(name)
        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata() or {}
                vectors, below = file.get_tensor("vectors"), file.get_tensor("below")
            wanted = (FORMAT, self._encoder, _digest(header["entries"], vectors, below))
            if (header["format"], header["encoder"], header["sha256"]) != wanted:
                raise ValueError("another digest")
            return _unpacked(header, vectors, below)
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise CorruptDataError(
                f"embeddings of a cluster cannot be read: {error}",
                where=str(path),
                fix="start the run again",
            ) from error

    def delete(self, name: str) -> None:
        """Remove a shard whose pictures are committed."""
        self._path(name).unlink(missing_ok=True)
        self._attempts(name).unlink(missing_ok=True)

    def left(self) -> dict[str, str]:
        """Names of the shards of an earlier run, by the pictures that have an embedding there.

        One that is damaged counts as not there, as its pictures are embedded again.
        """
        found: dict[str, str] = {}
        for name in self._names():
            try:
                outcomes = self.read(name).outcomes
            except CorruptDataError:
                continue
            found.update(
                (key, name) for key, each in outcomes.items() if isinstance(each, Embedded)
            )
        return found

    def clear(self) -> None:
        """Remove all shards, those of other encoders too."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _names(self) -> Iterator[str]:
        if self.folder.is_dir():
            yield from sorted(path.stem for path in self.folder.glob(f"[!.]*{SUFFIX}"))

    def _attempts(self, name: str) -> Path:
        return self.folder / f".{name}.attempts"

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"


def _packed(shard: Shard, encoder: str) -> bytes:
    embedded = [each for each in shard.outcomes.values() if isinstance(each, Embedded)]
    vectors = _rows([each.vector for each in embedded])
    below = _rows([each.below for each in embedded if each.below is not None])
    entries = json.dumps([[key, _described(each)] for key, each in shard.outcomes.items()])
    header = {
        "format": FORMAT,
        "encoder": encoder,
        "entries": entries,
        "seconds": json.dumps(dict(shard.seconds)),
        "sha256": _digest(entries, vectors, below),
    }
    return save({"vectors": vectors, "below": below}, header)


def _rows(vectors: list[Any]) -> Vectors:
    return np.stack(vectors).astype(np.float32) if vectors else np.empty((0, 0), np.float32)


def _digest(entries: str, vectors: Vectors, below: Vectors) -> str:
    digest = hashlib.sha256(entries.encode())
    for each in (vectors, below):
        digest.update(np.ascontiguousarray(each).data)
    return digest.hexdigest()


def _described(outcome: Outcome) -> dict[str, Any]:
    """One outcome without its vectors."""
    if isinstance(outcome, Refused):
        return {"code": outcome.code, "what": outcome.what}
    colors = outcome.colors
    return {
        "below": outcome.below is not None,
        "colors": colors and [colors.palette.hex(), list(colors.names), colors.shape.hex()],
        "hash": outcome.picture_hash.hex(),
        "warnings": list(outcome.warnings),
    }


def _unpacked(header: Mapping[str, str], vectors: Vectors, below: Vectors) -> Shard:
    rows, rows_below = iter(vectors), iter(below)
    outcomes: dict[str, Outcome] = {}
    for key, said in json.loads(header["entries"]):
        if "code" in said:
            outcomes[key] = Refused(said["code"], said["what"])
            continue
        colors = None
        if said["colors"] is not None:
            palette, names, shape = said["colors"]
            colors = PictureColors(bytes.fromhex(palette), tuple(names), bytes.fromhex(shape))
        outcomes[key] = Embedded(
            next(rows),
            next(rows_below) if said["below"] else None,
            colors,
            bytes.fromhex(said["hash"]),
            tuple(said["warnings"]),
        )
    return Shard(outcomes, json.loads(header["seconds"]))
