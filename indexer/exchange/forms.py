"""Embeddings with their items as files, for other programs and from them.

Two forms: Parquet, and NPY with JSON beside it. Both hold a record for each embedding and, where
we wrote them, a heading that says which encoder the embeddings are by. The forms themselves are
`parquet` and `npy`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from search_engine.catalog.damaged import require_sound
from search_engine.encoders.external import MAX_DIMENSION
from search_engine.errors import ParameterError, SourceError
from search_engine.records import CatalogItem, Vectors

FORMAT, VERSION = "eyedex-embeddings", 1
PARQUET, NPY = ".parquet", ".npy"
ROWS_A_PART = 1_024
"""Rows that are read, and committed, at once."""

ITEM_ID, EMBEDDING, ATTRIBUTES = "item_id", "embedding", "attributes"
COLUMNS = (ITEM_ID, "label", "product_id", ATTRIBUTES, "content_hash", "image")
"""What a record has beside its embedding; only `item_id` has to be there."""

WITHOUT_PICTURE = "embedding:"
"""How the content hash of an item begins whose embedding came without the hash of a picture."""


class EncoderRecord(BaseModel):
    """The encoder that the embeddings of a file are by.

    `options` are what is needed beside the name to make it again. `projection` is the one that a
    tuned encoder ends with, as base64; `options` has its SHA-256. Paths of weights stay behind.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: str = Field(min_length=1, max_length=128)
    fingerprint: str = Field(pattern=r"^[0-9a-f]{32}$")
    dimension: int = Field(ge=1, le=MAX_DIMENSION)
    metric: Literal["cosine"] = "cosine"
    options: dict[str, str] = Field(default_factory=dict)
    projection: str | None = None


class Heading(BaseModel):
    """What we write at the head of a file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    format: Literal["eyedex-embeddings"]
    version: int = Field(ge=1)
    encoder: EncoderRecord


@dataclass(frozen=True, slots=True)
class FilePart:
    """Some rows of a file, in its order.

    `line` is the number of the first, counting from 1. `vectors` (N, D) are as they are in the
    file, of any floating type; `bad` says by position why a row has none.
    """

    line: int
    records: Sequence[Any]
    vectors: NDArray[np.floating[Any]]
    bad: Mapping[int, str] = field(default_factory=dict)


class EmbeddingFile(Protocol):
    """A file that can be read as a whole; opening it has looked at every byte."""

    @property
    def path(self) -> Path:
        """The file with the embeddings."""
        ...

    @property
    def encoder(self) -> EncoderRecord | None:
        """By which the embeddings are; None if the file does not say."""
        ...

    @property
    def dimension(self) -> int:
        """D."""
        ...

    def __len__(self) -> int:
        """Rows."""
        ...

    def parts(self) -> Iterator[FilePart]:
        """All rows, some at a time; can be called again."""
        ...


class EmbeddingWriter(Protocol):
    """A file that is being written."""

    def write(self, items: Sequence[CatalogItem], vectors: Vectors) -> None:
        """Add items with their embeddings, (N, D), float32."""
        ...

    def close(self) -> None:
        """Write what is left, durably."""
        ...

    def give_up(self) -> None:
        """Let go of a file that could not be written to its end."""
        ...


def check_suffix(path: Path) -> None:
    """Raise ParameterError unless it is that of a form we know."""
    if path.suffix.lower() not in (PARQUET, NPY):
        raise ParameterError(
            f"not a form of embeddings: {path.suffix or 'no suffix'}",
            where=str(path),
            fix=f"use {PARQUET}, or {NPY} with JSON beside it",
        )


def json_beside(path: Path) -> Path:
    """Where the records of an NPY file are."""
    return path.with_suffix(".json")


def parse_heading(found: Any, where: Path) -> EncoderRecord | None:
    """The encoder that a heading names; None for a file that we did not write.

    Raises:
        SourceError: It is of a newer version, or not what we write.
    """
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return None
    version = found.get("version")
    if isinstance(version, int) and version > VERSION:
        raise SourceError(
            f"it is of version {version}, this program reads up to {VERSION}",
            where=str(where),
            fix="use a newer eyedex",
        )
    try:
        return Heading.model_validate(found).encoder
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SourceError(
            f"its heading is damaged: {place}: {first['msg']}", where=str(where)
        ) from error


def record_of(item: CatalogItem, root: Path) -> dict[str, Any]:
    """An item by column; its picture's path only if that is below `root`."""
    require_sound(item)
    has_hash = not item.content_hash.startswith(WITHOUT_PICTURE)
    return {
        ITEM_ID: item.item_id,
        "label": item.label,
        "product_id": item.product_id,
        ATTRIBUTES: dict(item.attributes),
        "content_hash": item.content_hash if has_hash else None,
        "image": _below(item.picture, root),
    }


def hash_without_picture(packed: bytes) -> str:
    """A content hash for an embedding, as it is stored, of a picture that is not known."""
    return WITHOUT_PICTURE + hashlib.blake2b(packed, digest_size=27).hexdigest()


def to_json(value: Any) -> str:
    """On one line, in any language."""
    return json.dumps(value, ensure_ascii=False)


def _below(picture: str | None, root: Path) -> str | None:
    if picture is None or not Path(picture).is_relative_to(root):
        return None
    return Path(picture).relative_to(root).as_posix()
