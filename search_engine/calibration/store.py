"""Calibrations of collections on disk: one small JSON file for each target that has one.

    indexes/<collection>/calibration-<digest of the target>.json

As everything beside the catalog they are derived and can be made again. A file of another
collection, another encoder or a state that the catalog does not know is as good as none.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import func, select

from search_engine.calibration.record import FORMAT, Calibration
from search_engine.catalog.store import Catalog, Collection
from search_engine.catalog.tables import items
from search_engine.config import DataPaths
from search_engine.durable import replace_synced, storage_error

log = logging.getLogger(__name__)

REFRESH_SHARE = 0.05
"""Share of the items that may have changed before it is worth calibrating again."""
STALE_SHARE = 0.2
"""Share from which on a confidence is not called calibrated any more."""


def save_calibration(paths: DataPaths, collection: Collection, made: Calibration) -> None:
    """Put a calibration in the place of the one before, atomically.

    Raises:
        StorageError: It could not be written; the one before stays.
    """
    path = _path(paths, collection.name, made.target)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_synced(path, made.model_dump_json(indent=1).encode() + b"\n")
    except OSError as error:
        raise storage_error(error, "writing a calibration", path) from error


def load_calibration(catalog: Catalog, collection: Collection, target: str) -> Calibration | None:
    """The calibration of a target, if there is one of this collection and encoder."""
    path = _path(catalog.paths, collection.name, target)
    try:
        raw = path.read_bytes()
        if json.loads(raw).get("format") != FORMAT:
            return None
        found = Calibration.model_validate_json(raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, ValidationError) as error:
        log.warning("calibration %s cannot be used: %s", path.name, type(error).__name__)
        return None
    mine = (found.target, found.collection_uid, found.fingerprint)
    if mine != (target, collection.uid, collection.fingerprint) or found.seq > catalog.seq():
        return None
    return found


def calibrated_targets(catalog: Catalog, collection: Collection) -> list[str]:
    """The targets that have a calibration, in alphabetical order."""
    targets = []
    for path in catalog.paths.index(collection.name).glob("calibration-*.json"):
        try:
            targets.append(str(json.loads(path.read_bytes())["target"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    known = (each for each in targets if load_calibration(catalog, collection, each))
    return sorted(known)


def moved_share(catalog: Catalog, collection: Collection, since: Calibration) -> float:
    """Share of the items that were added, removed or got another picture since then."""
    changed = select(func.count()).where(
        items.c.collection_id == collection.id, items.c.index_seq > since.seq
    )
    with catalog.read() as connection:
        return float(connection.execute(changed).scalar_one()) / max(since.items, 1)


def edited_share(catalog: Catalog, collection: Collection, since: Calibration) -> float:
    """As `moved_share`, with items whose label or attributes were changed; this reads all."""
    changed = select(func.count()).where(
        items.c.collection_id == collection.id, items.c.seq > since.seq
    )
    with catalog.read() as connection:
        return float(connection.execute(changed).scalar_one()) / max(since.items, 1)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A calibration with the state of file and catalog that it was read at."""

    stamp: tuple[int, int, int]
    found: Calibration | None
    moved: float


class CalibrationCache:
    """Calibrations for queries: read again when the file changed, counted again after changes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[tuple[str, str], _Loaded] = {}

    def get(self, collection: Collection, target: str) -> tuple[Calibration | None, float]:
        """The calibration if there is one, and the share of the items that changed since."""
        path = _path(self._catalog.paths, collection.name, target)
        try:
            status = path.stat()
        except OSError:
            return None, 0.0
        stamp = (status.st_mtime_ns, status.st_ino, self._catalog.seq())
        known = self._known.get((collection.uid, target))
        if known is None or known.stamp != stamp:
            found = load_calibration(self._catalog, collection, target)
            moved = 0.0 if found is None else moved_share(self._catalog, collection, found)
            known = self._known[collection.uid, target] = _Loaded(stamp, found, moved)
        return known.found, known.moved


def _path(paths: DataPaths, collection: str, target: str) -> Path:
    """Targets are names of any kind, so a digest stands in the file's name."""
    digest = hashlib.blake2b(target.encode(), digest_size=16).hexdigest()
    return paths.index(collection) / f"calibration-{digest}.json"
