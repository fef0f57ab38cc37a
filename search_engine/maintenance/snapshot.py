"""Snapshots: the whole data directory as one file that verifies itself.

A snapshot holds the catalog as of one commit and, for every collection, the newest sound generation
that is not ahead of it, and the calibrations and classifiers that fit it. It is made while others
search and write. Its content has passed `check_data`, so it can be restored
(`search_engine.maintenance.restore`).

It is prepared in a temporary folder and put in place by one rename: after any interruption there is
no new file, or a complete one. `search_engine.storage.archive` defines the format.
"""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.copying import copy_catalog
from search_engine.catalog.database import SCHEMA_VERSION
from search_engine.catalog.dialects.sqlite import copy_file
from search_engine.catalog.store import Catalog
from search_engine.catalog.transient import clear_transient
from search_engine.config import Settings
from search_engine.errors import (
    CorruptDataError,
    NewerFormatError,
    StorageFullError,
)
from search_engine.indexes import generations as generation
from search_engine.indexes.manifest import MANIFEST, Manifest, read_manifest, verify
from search_engine.maintenance.check import CheckReport
from search_engine.maintenance.derived_files import flaw_of, learned_files
from search_engine.maintenance.staging import (
    check_space,
    check_target,
    checked,
    item_count,
    real_path,
    workshop,
)
from search_engine.storage.archive import Description, describe_members, open_archive, write_archive
from search_engine.storage.durable import storage_error, sync_directory
from search_engine.storage.faults import fault_point
from search_engine.storage.paths import DataPaths


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """The content of a snapshot."""

    file: Path
    size_bytes: int
    collections: int
    items: int
    generations: int
    calibrations: int
    classifiers: int
    seq: int
    seconds: float

    def summary(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "file": str(self.file), "seconds": round(self.seconds, 3)}


def make_snapshot(settings: Settings, file: Path, force: bool = False) -> SnapshotReport:
    """Write everything in the data directory, as of one commit, to one file.

    Servers and indexing runs need not stop, and do not wait for it.

    Args:
        settings: Name the data directory.
        file: The file to write; it must not exist.
        force: Replace the file if it exists, once the new one is complete.

    Raises:
        ParameterError: The file exists, or its folder does not.
        LockHeldError: Another process is writing a snapshot of this name.
        StorageError: The catalog is missing or damaged, or the file cannot be written; an existing
            file is unchanged.
    """
    started = time.perf_counter()
    file = real_path(file)
    try:
        check_target(file, force)
        with workshop(file.with_name(f".{file.name}.new"), "writing this snapshot") as aside:
            staged = DataPaths(aside / "data")
            description, report = stage(settings, staged)
            made = aside / "archive"
            write_archive(made, staged.root, description)
            with open_archive(made) as archive:
                archive.verify()
            check_target(file, force)
            fault_point("snapshot_before_rename")
            os.replace(made, file)
            sync_directory(file.parent)
            fault_point("snapshot_renamed")
    except OSError as error:
        raise storage_error(error, "making a snapshot", file) from error
    return SnapshotReport(
        file=file,
        size_bytes=archive.size_bytes,
        collections=len(report.collections),
        items=item_count(report),
        generations=_count(description, MANIFEST),
        calibrations=_count(description, ".json", "/calibration-"),
        classifiers=_count(description, ".safetensors"),
        seq=description.seq,
        seconds=time.perf_counter() - started,
    )


def stage(settings: Settings, staged: DataPaths) -> tuple[Description, CheckReport]:
    """Prepare a data directory with the content of the snapshot, checked like any other.

    Generations are taken before the catalog is copied, so that one is not ahead of the copy even if
    two newer ones are published meanwhile; and again after it, in case one fits better.
    Calibrations and classifiers are taken before, so that the copy knows the state they belong to.
    """
    paths = settings.paths
    staged.root.mkdir(mode=0o700)
    with Catalog(
        paths, settings.lock_wait_s, create=False, read_only=settings.read_only
    ) as catalog:
        found = _stage_generations(paths, staged, catalog.collections())
        _stage_learned(paths, staged)
        fault_point("snapshot_generations_staged")
        _copy_catalog(catalog, staged)
        check_space(staged.root.parent.parent, staged.catalog.stat().st_size)
        found |= _stage_generations(paths, staged, catalog.collections())
    fault_point("snapshot_catalog_copied")
    with Catalog(staged) as copy:
        seq = copy.seq()
        with copy.write() as writer:
            clear_transient(writer)
        _keep_best_generations(staged, copy.collections(), found, seq)
        _drop_unusable(staged, copy)
    report = checked(settings, staged.root, paths.root)
    description = Description(
        program=version("eyedex"),
        schema_version=SCHEMA_VERSION,
        seq=seq,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        members=describe_members(staged.root),
    )
    return description, report


def _copy_catalog(catalog: Catalog, staged: DataPaths) -> None:
    """Copy the catalog as of its last commit to a file, without deleted content.

    This is a long read: writers go on, but the log of a file grows meanwhile.
    """
    try:
        if catalog.paths.catalog.exists():
            copy_file(catalog.paths.catalog, staged.catalog)
        else:
            with Catalog(staged) as copy:
                copy_catalog(catalog, copy)
    except StorageFullError as error:
        raise StorageFullError(
            "no space is left for the snapshot",
            where=str(staged.root.parent.parent),
            fix=error.fix,
        ) from error


def _stage_generations(
    paths: DataPaths, staged: DataPaths, collections: Sequence[Collection]
) -> dict[Path, Manifest]:
    """Take the newest sound generation of each collection, unless it was taken before."""
    found = {}
    for collection in collections:
        source, target = paths.index(collection.name), staged.index(collection.name)
        for name in generation.generations(source):
            if (target / name).exists():
                break
            manifest = _stage_generation(source / name, target / name)
            if manifest is not None and _is_of(manifest, collection):
                found[target / name] = manifest
                break
    return found


def _stage_generation(source: Path, target: Path) -> Manifest | None:
    """Take a generation and return its manifest; None if it is damaged or was deleted meanwhile."""
    target.mkdir(mode=0o700, parents=True)
    try:
        _link_or_copy(source / MANIFEST, target / MANIFEST)
        for name in read_manifest(target).backend_files:
            _link_or_copy(source / name, target / name)
        return verify(target)
    except (FileNotFoundError, CorruptDataError, NewerFormatError):
        shutil.rmtree(target)
        return None


def _link_or_copy(source: Path, target: Path) -> None:
    """Link or copy a file; it never changes, so a second name is as good as a copy."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or no hard links
        shutil.copyfile(source, target, follow_symlinks=False)


def _keep_best_generations(
    staged: DataPaths,
    collections: Sequence[Collection],
    found: dict[Path, Manifest],
    seq: int,
) -> None:
    """Keep the newest generation of each collection that is not ahead of the copied catalog."""
    best: set[Path] = set()
    for collection in collections:
        folder = staged.index(collection.name)
        names = [
            name
            for name in generation.generations(folder)
            if (manifest := found.get(folder / name))
            and _is_of(manifest, collection)
            and manifest.seq <= seq
        ]
        best.update(folder / name for name in names[:1])
    for path in staged.root.glob("indexes/*/gen-*"):
        if path not in best:
            shutil.rmtree(path)


def _stage_learned(paths: DataPaths, staged: DataPaths) -> None:
    """Take all calibrations and classifiers; such files are replaced, but never changed."""
    for path in learned_files(paths):
        target = staged.root / path.relative_to(paths.root)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the collection was deleted meanwhile
            _link_or_copy(path, target)


def _drop_unusable(staged: DataPaths, copy: Catalog) -> None:
    """Leave out what the copy could not use, as with damaged generations."""
    for path in list(learned_files(staged)):
        if flaw_of(path, copy) is not None:
            path.unlink()


def _count(description: Description, end: str, within: str = "") -> int:
    """Count the members with such a name."""
    return sum(
        member.name.endswith(end) and within in member.name for member in description.members
    )


def _is_of(manifest: Manifest, collection: Collection) -> bool:
    return (manifest.collection_uid, manifest.fingerprint) == (
        collection.uid,
        collection.fingerprint,
    )
