"""Store trained classifiers as plain arrays with a description of what they learned from.

A file (`search_engine.storage.arrays`) is only used after checking its checksum, every array, and
that it belongs to the collection as it is now.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from search_engine.classifiers.base import TrainedModel
from search_engine.classifiers.heads import HEADS
from search_engine.errors import CorruptDataError, NewerFormatError, NotFoundError
from search_engine.storage.arrays import packed, read_arrays, read_header
from search_engine.storage.durable import replace_synced, storage_error
from search_engine.storage.locks import exclusive

FORMAT = 1
SUFFIX = ".safetensors"
TARGET_CHARS = 16
_ANY_FILE = f"*-{'[0-9a-f]' * TARGET_CHARS}{SUFFIX}"


class Origin(BaseModel):
    """What a classifier learned from: the values of `target` at the catalog's sequence number
    `seq`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    collection_uid: str
    fingerprint: str
    target: str
    seq: int
    items: int = Field(ge=2)


class Description(BaseModel):
    """The description stored with a classifier; unknown fields are refused.

    `held_out_accuracy` is measured on items it did not learn from; None if there were none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int
    name: str
    head: str
    classes: tuple[str, ...] = Field(min_length=2)
    temperature: float = Field(gt=0, allow_inf_nan=False)
    held_out_accuracy: float | None = Field(ge=0, le=1)
    origin: Origin


class _Versioned(BaseModel):
    """The fields of every version of the description."""

    format: int


@dataclass(frozen=True, slots=True)
class StoredClassifier:
    """A trained classifier, and what it learned from."""

    model: TrainedModel
    origin: Origin

    @property
    def description(self) -> Description:
        """Everything but the arrays."""
        return Description(
            format=FORMAT,
            name=self.model.name,
            head=self.model.head.kind,
            classes=self.model.classes,
            temperature=self.model.temperature,
            held_out_accuracy=self.model.held_out_accuracy,
            origin=self.origin,
        )


def file_of(folder: Path, name: str, target: str) -> Path:
    """Return the path of a classifier; targets can be any text, so it uses their hash."""
    digest = hashlib.sha256(target.encode()).hexdigest()[:TARGET_CHARS]
    return folder / f"{name}-{digest}{SUFFIX}"


def classifier_files(folder: Path) -> list[Path]:
    """List the classifier files in the folder of a collection, sound or not, by name."""
    return sorted(folder.glob(_ANY_FILE))


def save(folder: Path, stored: StoredClassifier) -> Path:
    """Write the file, readable by its owner only, replacing an existing one.

    Raises:
        LockHeldError: Another process is writing a classifier of this collection.
        StorageError: It cannot be written; an existing one stays.
    """
    data = packed(stored.description.model_dump_json(), stored.model.head.arrays())
    file = file_of(folder, stored.model.name, stored.origin.target)
    try:
        for each in (folder.parent, folder):
            each.mkdir(mode=0o700, exist_ok=True)
        with exclusive(folder / "lock", 0.0, "writing a classifier of this collection"):
            replace_synced(file, data)
    except OSError as error:
        raise storage_error(error, "writing a classifier", file) from error
    return file


def load(file: Path) -> StoredClassifier:
    """Read a classifier file.

    Raises:
        NotFoundError: There is none.
        NewerFormatError: A newer version wrote it.
        CorruptDataError: It is damaged, or not a classifier.
    """
    with _told(file):
        return _checked(*read_arrays(file))


def describe(file: Path) -> Description:
    """Read the description of a classifier, without reading or verifying the arrays.

    Raises:
        NotFoundError: There is none.
        NewerFormatError: A newer version wrote it.
        CorruptDataError: The description is damaged, or not of a classifier.
    """
    with _told(file):
        return _description(read_header(file))


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Turn anything that goes wrong with a file into an error that names it."""
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError("there is no such classifier", where=str(file)) from None
    except OSError as error:
        raise storage_error(error, "reading a classifier", file) from error
    except NewerFormatError as error:
        error.where = str(file)
        raise
    except (KeyError, ValueError) as error:
        raise CorruptDataError(
            f"the stored classifier is damaged: {error}", where=str(file), fix="train it again"
        ) from error


def _checked(header: str, arrays: Mapping[str, NDArray[Any]]) -> StoredClassifier:
    """Return the classifier, or raise ValueError with what is wrong."""
    found = _description(header)
    head = HEADS[found.head].from_arrays(arrays, len(found.classes))
    model = TrainedModel(
        found.name, found.classes, head, found.temperature, found.held_out_accuracy
    )
    return StoredClassifier(model, found.origin)


def _description(header: str) -> Description:
    """Return the description, or raise ValueError with what is wrong."""
    _check_format(header)
    try:
        found = Description.model_validate_json(header)
    except ValidationError as error:
        raise ValueError(f"its description is wrong: {error.errors()[0]['msg']}") from None
    if found.head not in HEADS or list(found.classes) != sorted(set(found.classes)):
        raise ValueError("its description names another kind of head, or a class twice")
    return found


def _check_format(header: str) -> None:
    """Refuse a newer format before reading anything else."""
    try:
        version = _Versioned.model_validate_json(header).format
    except ValidationError:
        raise ValueError("its description is damaged") from None
    if version > FORMAT:
        raise NewerFormatError(
            f"the classifier has format {version}, this version reads {FORMAT}",
            fix="train it again, or update Eyedex",
        )
