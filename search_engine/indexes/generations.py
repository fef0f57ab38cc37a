"""Generations: published, immutable index files that describe and verify themselves.

    indexes/<collection>/gen-000042/{manifest.json, files of the backend}
    indexes/<collection>/CURRENT     the name of one of them

Everything here is derived from the catalog and can be rebuilt. FAISS files have no checksum and
FAISS reports success when the disk is full, so files of a backend are fsynced, read back and hashed
here; loading verifies length and SHA-256 of every file before the backend reads a byte. If a
generation fails, the one before it is used; the caller rebuilds if none is left. Generations of
several encoders may coexist; loading names the encoder.
"""

import logging
import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from search_engine.errors import (
    CorruptDataError,
    IndexUnavailableError,
    MissingExtraError,
    NewerFormatError,
    NotFoundError,
    OlderFormatError,
)
from search_engine.indexes.base import Index
from search_engine.indexes.manifest import (
    Manifest,
    is_sound,
    read_manifest,
    verify,
    write_manifest,
)
from search_engine.indexes.registry import BACKENDS, backend_of
from search_engine.records import Keys
from search_engine.storage.durable import (
    replace_synced,
    storage_error,
    sync_directory,
)
from search_engine.storage.faults import fault_point

log = logging.getLogger(__name__)

KEPT = 2
SELF_QUERIES = 16
SELF_QUERIES_LOST = 2
SELF_SCORE_TOLERANCE = 1e-3
DESCRIBED = ("items", "dimension", "seq", "index", "recall", "megabytes", "fingerprint")

_NAME = re.compile(r"gen-(\d{6})")


@dataclass(frozen=True, slots=True)
class Generation:
    """A loaded generation, and the problems of those skipped before it."""

    name: str
    manifest: Manifest
    index: Index
    findings: tuple[str, ...] = ()


def publish(folder: Path, manifest: Manifest, index: Index, spared: Collection[str] = ()) -> str:
    """Write a new generation and make it current; delete all but one of the older ones.

    The caller ensures that nobody else publishes at the same time. Args: folder: The folder of the
    collection. manifest: Describes the content, without files. index: The index to write. spared:
    Fingerprints of other encoders whose newest generation is kept.

    Returns:
        The generation's name.

    Raises:
        StorageError: Nothing was published; the current generation is unchanged.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_leftovers(folder)
        name = f"gen-{max([0, *map(_number, generations(folder))]) + 1:06d}"
        aside = folder / f".{name}.new"
        aside.mkdir(mode=0o700)
        fault_point("generation_started")
        index.save(aside)
        write_manifest(aside, replace(manifest, spec=index.spec))
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
    """Delete all generations but the newest `KEPT` of an encoder and the newest of each spared one.

    A damaged one newer than these is kept and not counted, as nobody can go back to it. The caller
    ensures that nobody publishes at the same time.
    """
    left = {**dict.fromkeys(spared, 1), fingerprint: KEPT}
    names = generations(folder)
    for name in names:
        try:
            owner = read_manifest(folder / name).fingerprint
        except (CorruptDataError, NewerFormatError):
            owner = fingerprint
        if left.get(owner, 0) <= 0:
            _delete(folder / name)
            fault_point("generation_collected")
        elif name == names[0] or owner != fingerprint or is_sound(folder / name):
            left[owner] -= 1


def remove_damaged(folder: Path) -> list[str]:
    """Delete the generations that are damaged, and return their names.

    Those of other versions of the format stay. The caller ensures that nobody publishes at the same
    time.
    """
    removed = []
    for name in generations(folder):
        try:
            verify(folder / name)
        except (NewerFormatError, OlderFormatError):
            continue
        except CorruptDataError:
            _delete(folder / name)
            removed.append(name)
    if not generations(folder):
        (folder / "CURRENT").unlink(missing_ok=True)
    return removed


def remove_all(folder: Path) -> None:
    """Delete the folder of a collection that is gone, but generations on a server that is away."""
    for path in [*(folder / name for name in generations(folder)), *folder.glob(".gen-*.new")]:
        _delete(path)
    if not generations(folder):
        shutil.rmtree(folder, ignore_errors=True)


def settle(folder: Path, name: str) -> None:
    """Delete what an interrupted `publish` left, and let CURRENT name the generation in use.

    The caller ensures that nobody publishes at the same time.
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

    An older copy of the catalog was restored beside them, whose further sequence numbers mean other
    changes. The caller ensures that nobody publishes at the same time.
    """
    discarded = []
    for name in generations(folder):
        try:
            foreign = read_manifest(folder / name).seq > seq
        except (CorruptDataError, NewerFormatError):
            continue
        if foreign:
            _delete(folder / name)
            discarded.append(name)
    return discarded


def roll_back(folder: Path, collection_uid: str, fingerprint: str) -> str:
    """Make the newest sound generation of an encoder before the current one current.

    The caller ensures that nobody publishes at the same time.

    Raises:
        NotFoundError: There is none; the message names damaged ones.
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
        fix="`eyedex check` verifies the one in use",
    )


def load(folder: Path, collection_uid: str, fingerprint: str) -> Generation | None:
    """Load the current generation, else the newest earlier one that is sound; None without any.

    `findings` has the problems of those that were skipped.
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
    """Return the newest generation of an encoder whose files exist; `load` verifies them."""
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
    """Read the keys of a generation, (N,), int64; not verified."""
    return backend_of(read_manifest(folder).spec.factory).keys(folder)


def generations(folder: Path) -> list[str]:
    """List the names of all generations, newest first."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))[::-1]


def describe_generations(folder: Path) -> list[dict[str, Any]]:
    """Describe the content and soundness of each generation, newest first.

    `made` is when it was published, in seconds since 1970.
    """
    try:
        now = current(folder)
    except CorruptDataError:
        now = None
    described = []
    for name in generations(folder):
        made = (folder / name).stat().st_mtime
        facts: dict[str, Any] = {"name": name, "current": name == now, "sound": True, "made": made}
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
                fingerprint=manifest.fingerprint,
            )
        described.append(facts)
    return described


def leftovers(folder: Path) -> list[Path]:
    """List what an interrupted `publish` left behind."""
    return sorted([*folder.glob(".gen-*.new"), *folder.glob(".CURRENT.new")])


def current(folder: Path) -> str | None:
    """Return the name in CURRENT; None if there is no such file.

    Raises:
        CorruptDataError: The file does not hold a name.
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
    """Open verified files as an index, and let it answer a few queries."""
    backend = backend_of(manifest.spec.factory)
    index = backend.open(folder, manifest.spec, manifest.dimension)
    if (len(index), index.dimension) != (manifest.count, manifest.dimension):
        raise CorruptDataError("the index and its manifest differ in size", where=str(folder))
    _check_self_queries(index, folder)
    return index


def _check_self_queries(index: Index, folder: Path) -> None:
    """Check that stored vectors find themselves, or something as similar; for an approximate index,
    that most of them do."""
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
    """Yield the current generation and earlier ones; all, if the current one has another owner."""
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
    """Return whether a generation has this owner, or does not name its owner."""
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
            _delete(path)
        else:
            path.unlink(missing_ok=True)


def _delete(folder: Path) -> None:
    """Delete a generation and what it keeps elsewhere; it stays while that cannot be reached."""
    try:
        for name in BACKENDS:
            backend_of(name).discard(folder)
    except (IndexUnavailableError, MissingExtraError) as error:
        log.warning("%s is not deleted yet: %s", folder.name, error)
    except CorruptDataError as error:
        log.warning("an index on a server may be left over: %s", error)
        shutil.rmtree(folder, ignore_errors=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _number(name: str) -> int:
    return int(name.removeprefix("gen-"))
