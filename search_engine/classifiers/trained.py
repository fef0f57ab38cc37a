"""Open and list the trained classifiers of a collection."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.classifiers import storage
from search_engine.classifiers.base import TrainedModel
from search_engine.classifiers.registry import KINDS
from search_engine.classifiers.storage import Description, Origin, StoredClassifier
from search_engine.commands import train_command
from search_engine.errors import (
    ClassifierNotFoundError,
    CorruptDataError,
    EyedexError,
    ModelMismatchError,
    NewerFormatError,
    NotFoundError,
)

NAMES = tuple(kind.name for kind in KINDS)
KEPT = 8
"""Classifiers to keep in memory; one with support vectors takes up to 50 MB."""


@dataclass(frozen=True, slots=True)
class OpenedClassifier:
    """A stored classifier of the collection; `stale` if items changed since training.

    `has_values` tells whether any item has a value of its target still; without, none can be
    trained again.
    """

    model: TrainedModel
    origin: Origin
    collection: str
    stale: bool
    has_values: bool = True

    @property
    def note(self) -> str | None:
        """A warning about its answers, or None."""
        if not self.stale:
            return None
        command = train_command(self.model.name, self.collection, self.origin.target)
        if not self.has_values:
            return (
                f"no item has a value of {self.origin.target} any more: {self.model.name} answers "
                f"as it learned before; give items values again, then {command} learns from them"
            )
        return (
            f"the collection changed since {self.model.name} was trained; "
            f"{command} brings it up to date"
        )


@dataclass(frozen=True, slots=True)
class ListedClassifier:
    """The description of a stored classifier; `stale` if items changed since training."""

    description: Description
    stale: bool


class ClassifierCache:
    """Cache the most recently used classifiers; reload them when their file changes.

    Thread-safe.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._known: OrderedDict[Path, tuple[tuple[int, ...], StoredClassifier]] = OrderedDict()

    def load(self, file: Path) -> StoredClassifier:
        """See `storage.load`."""
        stamp = _stamp(file)
        with self._lock:
            known = self._known.get(file)
            if known is not None and known[0] == stamp:
                self._known.move_to_end(file)
                return known[1]
        stored = storage.load(file)
        with self._lock:
            self._known[file] = (stamp, stored)
            self._known.move_to_end(file)
            if len(self._known) > self._kept:
                self._known.popitem(last=False)
        return stored


def open_classifier(
    catalog: Catalog, record: Collection, name: str, target: str, cache: ClassifierCache
) -> OpenedClassifier:
    """Open the classifier trained for a target of a collection.

    Raises:
        ClassifierNotFoundError: There is no such classifier, or it has not been trained.
        ModelMismatchError: It learned from embeddings of another encoder.
        StorageError: The file is damaged or cannot be read.
    """
    if name not in NAMES:
        raise ClassifierNotFoundError(
            "there is no classifier of this name", fix=f"known: {', '.join(NAMES)}"
        )
    file = storage.file_of(catalog.paths.classifiers(record.name), name, target)
    command = train_command(name, record.name, target)
    try:
        stored = cache.load(file)
    except NotFoundError:
        raise ClassifierNotFoundError(
            f"no {name} was trained for {target!r}",
            where=f"collection {record.name}",
            fix=f"{command} makes it",
        ) from None
    try:
        check_classifier(stored, file, record)
    except EyedexError as error:
        error.fix = f"{command} makes a new one"
        raise
    stale = catalog.is_changed(record, stored.origin.seq)
    has_values = not stale or catalog.has_value(record, target)
    return OpenedClassifier(stored.model, stored.origin, record.name, stale, has_values)


def list_trained(catalog: Catalog, record: Collection) -> list[ListedClassifier]:
    """List the stored classifiers that fit a collection, by name and target.

    Only the descriptions are read; arrays are verified when a classifier is opened.
    """
    found = []
    for file in storage.classifier_files(catalog.paths.classifiers(record.name)):
        try:
            description = storage.describe(file)
            check_origin(description.origin, description.name, record)
        except EyedexError:
            continue
        if description.name in NAMES:
            found.append(description)
    found.sort(key=lambda one: (one.name, one.origin.target))
    return [ListedClassifier(one, catalog.is_changed(record, one.origin.seq)) for one in found]


def check_classifier(stored: StoredClassifier, file: Path, record: Collection) -> None:
    """Raise unless a classifier can answer for the current state of a collection.

    Raises:
        NewerFormatError: This version does not know its kind.
        ModelMismatchError: It learned from embeddings of another encoder.
        CorruptDataError: Its name, target or dimension is wrong.
    """
    model, origin = stored.model, stored.origin
    if model.name not in NAMES:
        raise NewerFormatError(f"this version knows no classifier {model.name!r}")
    check_origin(origin, model.name, record)
    right_place = storage.file_of(file.parent, model.name, origin.target) == file
    if not right_place or model.head.dimension != record.dimension:
        raise CorruptDataError(
            "the stored classifier is not the one that its file is named for",
            where=f"collection {record.name}",
        )


def check_origin(origin: Origin, name: str, record: Collection) -> None:
    """Raise ModelMismatchError unless a classifier was trained on this collection and encoder."""
    where = f"collection {record.name}"
    if origin.collection_uid != record.uid:
        raise ModelMismatchError(
            f"{name} was trained for a former collection of this name", where=where
        )
    if origin.fingerprint != record.fingerprint:
        raise ModelMismatchError(
            f"{name} was trained with encoder {origin.fingerprint}, but the collection has "
            f"{record.fingerprint} now",
            where=where,
        )


def _stamp(file: Path) -> tuple[int, ...]:
    """Return values that change when the file is replaced; empty if there is no file."""
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ino, status.st_size
