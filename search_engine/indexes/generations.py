"""Generations: published, immutable index files that describe and check themselves.

    indexes/<collection>/gen-000042/{manifest.json, files of the backend}
    indexes/<collection>/CURRENT     the name of one of them

Everything here is derived from the catalog and can be rebuilt. FAISS files carry no checksum and
FAISS reports success when the disk is full, so what a backend has written is fsynced, read back and
hashed by us; loading verifies length and SHA-256 of every file before the backend reads a byte. A
generation that fails falls back to the one before it; the caller rebuilds when none is left.
Generations of two encoders may lie beside each other; whoever loads one says of which.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_engine.errors import (
    CorruptDataError,
    NewerFormatError,
    NotFoundError,
)
from search_engine.indexes.base import Index
from search_engine.indexes.manifest import (
    Manifest,
    is_sound,
    read_manifest,
    verify,
    write_manifest,
)
from search_engine.indexes.registry import backend_of
from search_engine.records import Keys
from search_engine.storage.durable import (
    replace_synced,
    storage_error,
    sync_directory,
)
from search_engine.storage.faults import fault_point

KEPT = 2
SELF_QUERIES = 16
SELF_QUERIES_LOST = 2
SELF_SCORE_TOLERANCE = 1e-3
DESCRIBED = ("items", "dimension", "seq", "index", "recall", "megabytes")

_NAME = re.compile(r"gen-(\d{6})")


@dataclass(frozen=True, slots=True)
class Generation:
    """A loaded generation, and what had to be passed over to find it."""

    name: str
    manifest: Manifest
    index: Index
    findings: tuple[str, ...] = ()


def publish(folder: Path, manifest: Manifest, index: Index, spared: Collection[str] = ()) -> str:
    """Write a new generation and make it the current one; older ones but one are deleted.

    The caller sees to it that nobody else publishes at the same time.

    Args:
        folder: Of the collection.
        manifest: What it holds, without files.
        index: What is to be written.
        spared: Fingerprints of other encoders whose newest generation stays as well.

    Returns:
        The generation's name.

    Raises:
        StorageError: Nothing was published; the current generation is what it was.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_leftovers(folder)
        name = f"gen-{max([0, *map(_number, generations(folder))]) + 1:06d}"
        aside = folder / f".{name}.new"
        aside.mkdir(mode=0o700)
        fault_point("generation_started")
        index.save(aside)
        write_manifest(aside, manifest)
        verify(aside)
        fault_point("generation_before_rename")
        os.rename(aside, folder / name)
        sync_directory(folder)
        fault_point("generation_renamed")
        replace_synced(folder / "CURRENT", f"{name}\n".encode())
        fault_point("current_renamed")
    except OSError as error:
        raise storage_error(error, "publishing an index", folder) from error
    collect(folder, manifest.fingerprint, spared)
    return name


def collect(folder: Path, fingerprint: str, spared: Collection[str] = ()) -> None:
    """Delete all generations but the newest of an encoder, and one each of those that are spared.

    One that is damaged stays as long as it is among them, and does not count: it is not what
    anybody can go back to. The caller sees to it that nobody publishes at the same time.
    """
    left = {**dict.fromkeys(spared, 1), fingerprint: KEPT}
    names = generations(folder)
    for name in names:
        try:
            owner = read_manifest(folder / name).fingerprint
        except (CorruptDataError, NewerFormatError):
            owner = fingerprint
        if left.get(owner, 0) <= 0:
            shutil.rmtree(folder / name, ignore_errors=True)
            fault_point("generation_collected")
        elif name == names[0] or owner != fingerprint or is_sound(folder / name):
            left[owner] -= 1


def settle(folder: Path, name: str) -> None:
    """Clear away what an interrupted `publish` left, and let CURRENT name the generation in use.

    The caller sees to it that nobody publishes at the same time.
    """
    _remove_leftovers(folder)
    try:
        settled = current(folder) == name
    except CorruptDataError:
        settled = False
    if not settled:
        replace_synced(folder / "CURRENT", f"{name}\n".encode())


def discard_newer(folder: Path, seq: int) -> list[str]:
    """Delete generations that claim changes the catalog does not know yet.

    An older copy of the catalog was put back beside them: from here on its numbers mean other
    changes. The caller sees to it that nobody publishes at the same time.
    """
    discarded = []
    for name in generations(folder):
        try:
            foreign = read_manifest(folder / name).seq > seq
        except (CorruptDataError, NewerFormatError):
            continue
        if foreign:
            shutil.rmtree(folder / name)
            discarded.append(name)
    return discarded


def roll_back(folder: Path, collection_uid: str, fingerprint: str) -> str:
    """Make the newest sound generation of an encoder before the current one current.

    The caller sees to it that nobody publishes at the same time.

    Raises:
        NotFoundError: There is none; damaged ones are named.
    """
    try:
        now = current(folder)
    except CorruptDataError:
        now = None
    names = generations(folder)
    damaged = []
    for name in names if now is None else [name for name in names if name < now]:
        try:
            manifest = verify(folder / name)
            if _owner(manifest) != (collection_uid, fingerprint):
                continue
            _read(folder / name, manifest)
        except (CorruptDataError, NewerFormatError) as error:
            damaged.append(f"; {name} is damaged: {error.what}")
            continue
        replace_synced(folder / "CURRENT", f"{name}\n".encode())
        return name
    raise NotFoundError(
        f"there is no earlier sound generation{''.join(damaged)}",
        where=str(folder),
        fix="`eyedex collections compact` builds a new one from the catalog",
    )


def load(folder: Path, collection_uid: str, fingerprint: str) -> Generation | None:
    """The current generation, else the newest earlier one that is sound; None if there is none.

    What was passed over is named in `findings`.
    """
    findings: list[str] = []
    for name in _candidates(folder, (collection_uid, fingerprint), findings):
        try:
            manifest = verify(folder / name)
            if _owner(manifest) != (collection_uid, fingerprint):
                findings.append(f"{name} belongs to another collection or encoder")
                continue
            return Generation(name, manifest, _read(folder / name, manifest), tuple(findings))
        except (CorruptDataError, NewerFormatError) as error:
            findings.append(str(error))
    return None


def find(folder: Path, collection_uid: str, fingerprint: str) -> tuple[str, Manifest] | None:
    """The newest generation of an encoder whose files are there; `load` verifies them."""
    for name in generations(folder):
        try:
            manifest = read_manifest(folder / name)
            if _owner(manifest) == (collection_uid, fingerprint) and all(
                (folder / name / file).stat().st_size == manifest.files[file]["bytes"]
                for file in manifest.backend_files
            ):
                return name, manifest
        except (CorruptDataError, NewerFormatError, OSError, KeyError):
            continue
    return None


def read_keys(folder: Path) -> Keys:
    """The keys that a generation holds, (N,), int64; not verified."""
    return backend_of(read_manifest(folder).spec.factory).keys(folder)


def generations(folder: Path) -> list[str]:
    """Names of all generations, newest first."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))[::-1]


def describe_generations(folder: Path) -> list[dict[str, Any]]:
    """What each generation holds and whether it is sound, newest first."""
    try:
        now = current(folder)
    except CorruptDataError:
        now = None
    described = []
    for name in generations(folder):
        facts: dict[str, Any] = {"name": name, "current": name == now, "sound": True}
        try:
            manifest = verify(folder / name)
        except (CorruptDataError, NewerFormatError):
            facts.update(dict.fromkeys(DESCRIBED), sound=False)
        else:
            size = sum(int(file["bytes"]) for file in manifest.files.values())
            facts.update(
                items=manifest.count,
                dimension=manifest.dimension,
                seq=manifest.seq,
                index=manifest.spec.factory,
                recall=manifest.spec.recall,
                megabytes=round(size / 1e6, 1),
            )
        described.append(facts)
    return described


def leftovers(folder: Path) -> list[Path]:
    """What an interrupted `publish` left behind."""
    return sorted([*folder.glob(".gen-*.new"), *folder.glob(".CURRENT.new")])


def current(folder: Path) -> str | None:
    """The name in CURRENT; None if there is no such file.

    Raises:
        CorruptDataError: It does not hold a name.
    """
    path = folder / "CURRENT"
    if path.is_symlink():
        raise CorruptDataError("CURRENT is a symbolic link", where=str(path))
    try:
        name = path.read_bytes()[:32].decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CorruptDataError(
            f"CURRENT cannot be read: {error.strerror}", where=str(path)
        ) from None
    if not _NAME.fullmatch(name):
        raise CorruptDataError("CURRENT does not name a generation", where=str(path))
    return name


def _read(folder: Path, manifest: Manifest) -> Index:
    """Files that are already verified, as an index that has answered a few queries."""
    backend = backend_of(manifest.spec.factory)
    index = backend.open(folder, manifest.spec, manifest.dimension)
    if (len(index), index.dimension) != (manifest.count, manifest.dimension):
        raise CorruptDataError("the index and its manifest differ in size", where=str(folder))
    _check_self_queries(index, folder)
    return index


def _check_self_queries(index: Index, folder: Path) -> None:
    """A few stored vectors must find themselves, or something as similar; most of them must where
    the index is approximate."""
    if len(index) == 0:
        return
    positions = np.linspace(0, len(index) - 1, min(SELF_QUERIES, len(index))).astype(np.int64)
    queries = index.vectors(positions)
    hits = index.search(queries, 1)
    own = np.einsum("nd,nd->n", queries, queries)
    lost = int(np.sum(hits.scores[:, 0] < own - SELF_SCORE_TOLERANCE))
    if lost > (0 if index.exact else SELF_QUERIES_LOST):
        raise CorruptDataError("stored vectors do not find themselves", where=str(folder))


def _candidates(folder: Path, owner: tuple[str, str], findings: list[str]) -> Iterator[str]:
    """The current generation and those before it; all of an owner whose current one it is not."""
    names = generations(folder)
    try:
        name = current(folder)
    except CorruptDataError as error:
        findings.append(str(error))
        name = None
    if name is not None:
        yield name
    last = name if name is not None and _may_be_of(folder / name, owner) else None
    yield from (other for other in names if other != name and (last is None or other < last))


def _may_be_of(folder: Path, owner: tuple[str, str]) -> bool:
    """Whether a generation does not say that it is of somebody else."""
    try:
        return _owner(read_manifest(folder)) == owner
    except (CorruptDataError, NewerFormatError):
        return True


def _owner(manifest: Manifest) -> tuple[str, str]:
    return manifest.collection_uid, manifest.fingerprint


def _remove_leftovers(folder: Path) -> None:
    """Delete what interrupted runs left behind; only one process publishes at a time."""
    for path in leftovers(folder):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _number(name: str) -> int:
    return int(name.removeprefix("gen-"))
