"""The manifest of a generation: the content of its files, with length and SHA-256 of each.

It has a checksum of its own, so that damage to it is detected.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from search_engine.errors import CorruptDataError, NewerFormatError, OlderFormatError
from search_engine.indexes.registry import backend_of
from search_engine.indexes.spec import IndexSpec
from search_engine.storage.durable import sha256_file, sync_directory, write_synced

FORMAT = 2
"""Version 1 had vectors.f16 without its first page, and exact indexes only."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a generation, complete up to sequence number `seq` of the catalog."""

    collection_uid: str
    fingerprint: str
    seq: int
    count: int
    dimension: int
    spec: IndexSpec
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    metric: str = "cosine"
    format: int = FORMAT

    @property
    def backend_files(self) -> tuple[str, ...]:
        """The files of the index, beside the manifest itself."""
        return backend_of(self.spec.factory).files


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Describe the files that a backend has saved in a folder, durably."""
    described = asdict(manifest)
    for name in manifest.backend_files:
        path = folder / name
        described["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    described["seal"] = seal_of(described)
    write_synced(folder / MANIFEST, json.dumps(described, indent=1).encode())
    sync_directory(folder)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a generation, without looking at its other files.

    Raises:
        CorruptDataError: It cannot be read, or does not match its own checksum.
        NewerFormatError, OlderFormatError: Another version wrote it.
    """
    path = folder / MANIFEST
    try:
        described = json.loads(path.read_bytes())
        seal = described.pop("seal")
        if described["format"] > FORMAT:
            raise NewerFormatError("a newer version wrote this generation", where=str(path))
        if described["format"] < FORMAT:
            raise OlderFormatError("an older version wrote this generation", where=str(path))
        if seal != seal_of(described):
            raise CorruptDataError("manifest.json does not match its checksum", where=str(path))
        spec = IndexSpec.from_json(described.pop("spec"))
        return Manifest(spec=spec, **described)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptDataError("manifest.json cannot be read", where=str(path)) from error


def verify(folder: Path) -> Manifest:
    """Check every file of a generation against its manifest, without FAISS.

    Raises:
        CorruptDataError: A file is missing, or differs in length or SHA-256.
        NewerFormatError: A newer version wrote it.
    """
    manifest = read_manifest(folder)
    for name in manifest.backend_files:
        path, described = folder / name, manifest.files.get(name, {})
        try:
            sound = not path.is_symlink() and path.stat().st_size == described.get("bytes")
            sound = sound and sha256_file(path) == described.get("sha256")
        except OSError as error:
            raise CorruptDataError(
                f"{name} cannot be read: {error.strerror}", where=str(path)
            ) from error
        if not sound:
            raise CorruptDataError(f"{name} does not match its checksum", where=str(path))
    return manifest


def is_sound(folder: Path) -> bool:
    """Return whether a generation passes `verify`."""
    try:
        verify(folder)
    except (CorruptDataError, NewerFormatError):
        return False
    return True


def seal_of(described: dict[str, Any]) -> str:
    """Return the checksum of a manifest's content."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
