"""Files beside the catalog that were learned from collections: calibrations and classifiers.

Both are derived, so any problem is solved by making them again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.classifiers import storage
from search_engine.classifiers.trained import NAMES, check_classifier
from search_engine.commands import calibrate_command, train_command
from search_engine.errors import ModelMismatchError, NotFoundError, OlderFormatError, StorageError
from search_engine.storage.paths import DataPaths
from search_engine.vote.calibration.store import (
    calibration_file,
    calibration_files,
    check_calibration,
    read_calibration,
)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a file is not used, and how to repair it; an `error` if it is damaged."""

    level: Literal["error", "note"]
    what: str


def learned_files(paths: DataPaths) -> Iterator[Path]:
    """List all calibrations and classifiers of a data directory, sound or not, by name."""
    for folder in sorted(paths.root.glob("indexes/*/")):
        yield from calibration_files(folder)
    for folder in sorted(paths.root.glob("classifiers/*/")):
        yield from storage.classifier_files(folder)


def leftovers(paths: DataPaths) -> Iterator[Path]:
    """List what interrupted calibrations and trainings left."""
    yield from sorted(paths.root.glob("indexes/*/.calibration-*.new"))
    yield from sorted(paths.root.glob("classifiers/*/.*.new"))


def flaw_of(path: Path, catalog: Catalog) -> Flaw | None:
    """Return why a file cannot be used; None if it is sound, or gone meanwhile."""
    name = path.parent.name
    record = next((each for each in catalog.collections() if each.name == name), None)
    if record is None:
        return Flaw("note", f"there is no collection {name} any more; delete the file")
    try:
        seq = _verified_seq(path, catalog, record)
    except NotFoundError:
        return None
    except (ModelMismatchError, OlderFormatError) as error:
        return Flaw("note", f"{error.what}; {_mend(path, catalog, record)}")
    except StorageError as error:
        return Flaw("error", f"{error.what}; {_mend(path, catalog, record)}")
    if seq > catalog.seq():
        return Flaw(
            "note",
            f"it is of change {seq:,}, but the catalog has {catalog.seq():,}; "
            f"{_mend(path, catalog, record)}",
        )
    return None


def _verified_seq(path: Path, catalog: Catalog, record: Collection) -> int:
    """Return the sequence number that a sound file belongs to; see `flaw_of` for errors."""
    if path.suffix == storage.SUFFIX:
        stored = storage.load(path)
        check_classifier(stored, path, record)
        return stored.origin.seq
    found = read_calibration(path)
    former = catalog.former(record)
    of_former = former is not None and found.fingerprint == former.fingerprint
    check_calibration(found, former if former and of_former else record)
    return found.seq


def _mend(path: Path, catalog: Catalog, record: Collection) -> str:
    """Return the command that makes the file again, if its name matches something that exists."""
    for target in ("label", "product_id", *catalog.fields(record)):
        if path in (calibration_file(path.parent, target, of) for of in (record.fingerprint, None)):
            return f"{calibrate_command(record.name, target)} makes it anew"
        for name in NAMES:
            if path == storage.file_of(path.parent, name, target):
                return f"{train_command(name, record.name, target)} makes it anew"
    return "delete it"
