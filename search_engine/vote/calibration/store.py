"""Store calibrations of collections: one small JSON file for each target.

    indexes/<collection>/calibration-<digest of encoder and target>.json

Like everything beside the catalog they can be made again. Each ends with a checksum of itself.
Files that are damaged, of another collection or encoder, or of a state that the catalog does not
know are ignored. Those of two encoders can coexist, so that answers are calibrated from the moment
a collection changes between them.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import items
from search_engine.errors import (
    CorruptDataError,
    EyedexError,
    ModelMismatchError,
    NewerFormatError,
    NotFoundError,
    OlderFormatError,
)
from search_engine.storage.durable import replace_synced, storage_error
from search_engine.storage.paths import DataPaths
from search_engine.vote.calibration.record import FORMAT, Calibration

log = logging.getLogger(__name__)

DIGEST_BYTES = 16
REFRESH_SHARE = 0.05
"""Calibrate again when a larger share of the items has changed."""
STALE_SHARE = 0.2
"""Call a calibration outdated when a larger share of the items has changed."""


def calibration_file(folder: Path, target: str, fingerprint: str | None) -> Path:
    """Return the file of a target's calibration for an encoder; targets are any text, so by digest.

    Without a fingerprint it is the file of earlier versions, which had only one.
    """
    text = target if fingerprint is None else f"{fingerprint}\n{target}"
    digest = hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()
    return folder / f"calibration-{digest}.json"


def asked_file(path: Path) -> Path:
    """Return the file that counts the photos asked about by the calibration in a file."""
    return path.with_name(path.name.replace("calibration-", "asked-"))


def calibration_files(folder: Path) -> list[Path]:
    """List all calibration files in the folder of a collection, sound or not, by name."""
    return sorted(folder.glob(f"calibration-{'[0-9a-f]' * 2 * DIGEST_BYTES}.json"))


def save_calibration(paths: DataPaths, collection: Collection, made: Calibration) -> None:
    """Replace the stored calibration atomically.

    Raises:
        StorageError: It could not be written; an existing one stays.
    """
    folder = paths.index(collection.name)
    path = calibration_file(folder, made.target, made.fingerprint)
    described = made.model_dump(mode="json")
    text = json.dumps({**described, "sha256": _checksum(described)}, indent=1)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_synced(path, text.encode() + b"\n")
        calibration_file(folder, made.target, None).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, "writing a calibration", path) from error


def read_calibration(path: Path) -> Calibration:
    """Read the calibration in a file.

    Raises:
        NotFoundError: There is no such file.
        NewerFormatError, OlderFormatError: Another version wrote it.
        CorruptDataError: It is damaged, or its name is for another target or encoder.
    """
    try:
        described = json.loads(path.read_bytes())
        checksum = described.pop("sha256", None)  # earlier versions wrote none
        _check_format(described["format"], path)
        found = Calibration.model_validate(described)
        whole = checksum is None or checksum == _checksum(described)
    except FileNotFoundError:
        raise NotFoundError("there is no such calibration", where=str(path)) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptDataError("the calibration cannot be read", where=str(path)) from error
    if not whole:
        raise CorruptDataError("the calibration does not match its checksum", where=str(path))
    names = (calibration_file(path.parent, found.target, of) for of in (found.fingerprint, None))
    if path not in names:
        raise CorruptDataError(
            "the calibration is of another target or encoder than its name says", where=str(path)
        )
    return found


def check_calibration(found: Calibration, collection: Collection) -> None:
    """Raise ModelMismatchError unless a calibration belongs to this collection and its encoder."""
    if found.collection_uid != collection.uid:
        raise ModelMismatchError("the calibration is of a former collection of this name")
    if found.fingerprint != collection.fingerprint:
        raise ModelMismatchError(
            f"the calibration is of encoder {found.fingerprint}, but the collection has "
            f"{collection.fingerprint} now"
        )


def load_calibration(catalog: Catalog, collection: Collection, target: str) -> Calibration | None:
    """Return the calibration of a target for this collection and encoder, if any."""
    path = _file_here(catalog, collection, target)
    try:
        found = read_calibration(path)
        check_calibration(found, collection)
    except NotFoundError:
        return None
    except ModelMismatchError:  # as it must be after another encoder was taken
        return None
    except EyedexError as error:
        log.warning("%s is not used: %s", path.name, error.what)
        return None
    return found if found.seq <= catalog.seq() else None


def forget_calibrations(paths: DataPaths, collection: Collection, kept: Sequence[str]) -> None:
    """Delete a collection's calibrations for all other encoders."""
    for path in calibration_files(paths.index(collection.name)):
        try:
            if read_calibration(path).fingerprint not in kept:
                path.unlink(missing_ok=True)
                asked_file(path).unlink(missing_ok=True)
        except EyedexError:
            continue  # for `eyedex check` to tell


def calibrated_targets(catalog: Catalog, collection: Collection) -> list[str]:
    """List the targets that have a calibration, each once, in alphabetical order."""
    targets = set()  # former encoders have files of the same targets
    for path in calibration_files(catalog.paths.index(collection.name)):
        try:
            targets.add(read_calibration(path).target)
        except EyedexError:
            continue
    return sorted(each for each in targets if load_calibration(catalog, collection, each))


def moved_share(catalog: Catalog, collection: Collection, since: Calibration) -> float:
    """Return the share of the items added, removed or given another picture since then."""
    changed = select(func.count()).where(
        items.c.collection_id == collection.id, items.c.index_seq > since.seq
    )
    with catalog.read() as connection:
        return float(connection.execute(changed).scalar_one()) / max(since.items, 1)


def edited_share(catalog: Catalog, collection: Collection, since: Calibration) -> float:
    """Do the same as `moved_share`, including changed labels and attributes; reads all items."""
    changed = select(func.count()).where(
        items.c.collection_id == collection.id, items.c.seq > since.seq
    )
    with catalog.read() as connection:
        return float(connection.execute(changed).scalar_one()) / max(since.items, 1)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A calibration, and the state of its file and of the catalog when it was read."""

    stamp: tuple[int, int, int]
    found: Calibration | None
    moved: float


class CalibrationCache:
    """Cache calibrations; reload them when the file or the catalog changes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[tuple[str, str | None, str], _Loaded] = {}

    def found(self, collection: Collection, target: str) -> Calibration | None:
        """Return the calibration, if any, and do not count what changed since."""
        known = self._known.get((collection.uid, collection.fingerprint, target))
        if known is not None:
            with suppress(OSError):
                status = _file_here(self._catalog, collection, target).stat()
                if known.stamp[:2] == (status.st_mtime_ns, status.st_ino):
                    return known.found
        return self.get(collection, target)[0]

    def get(self, collection: Collection, target: str) -> tuple[Calibration | None, float]:
        """Return the calibration, if any, and the share of the items that changed since."""
        path = _file_here(self._catalog, collection, target)
        try:
            status = path.stat()
        except OSError:
            return None, 0.0
        stamp = (status.st_mtime_ns, status.st_ino, self._catalog.seq())
        place = (collection.uid, collection.fingerprint, target)
        known = self._known.get(place)
        if known is None or known.stamp != stamp:
            found = load_calibration(self._catalog, collection, target)
            moved = 0.0 if found is None else moved_share(self._catalog, collection, found)
            known = self._known[place] = _Loaded(stamp, found, moved)
        return known.found, known.moved


def _file_here(catalog: Catalog, collection: Collection, target: str) -> Path:
    """Return the file for a collection's encoder, or that of an earlier version without one."""
    folder = catalog.paths.index(collection.name)
    path = calibration_file(folder, target, collection.fingerprint)
    earlier = calibration_file(folder, target, None)
    return earlier if earlier.exists() and not path.exists() else path


def _check_format(version: Any, path: Path) -> None:
    if version > FORMAT:
        raise NewerFormatError("a newer version wrote this calibration", where=str(path))
    if version < FORMAT:
        raise OlderFormatError("an older version wrote this calibration", where=str(path))


def _checksum(described: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
