"""Files of embeddings and their items, for other programs and from them.

There are two formats: Parquet, and NPY with a JSON file beside it. Both hold a record for each
embedding and, in files that we wrote, a heading that names the encoder. The modules `parquet` and
`npy` implement them.
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
"""Rows to read and to commit at once."""

ITEM_ID, EMBEDDING, ATTRIBUTES = "item_id", "embedding", "attributes"
COLUMNS = (ITEM_ID, "label", "product_id", ATTRIBUTES, "content_hash", "image")
"""Columns of a record beside its embedding; only `item_id` is required."""

WITHOUT_PICTURE = "embedding:"
"""Prefix of the content hash of an item whose embedding came without the hash of its picture."""


class EncoderRecord(BaseModel):
    """The encoder that made the embeddings of a file.

    `options` are needed with the name to build it again. `projection` is that of a tuned encoder,
    as base64; `options` has its SHA-256. Paths of weights files are left out.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: str = Field(min_length=1, max_length=128)
    fingerprint: str = Field(pattern=r"^[0-9a-f]{32}$")
    dimension: int = Field(ge=1, le=MAX_DIMENSION)
    metric: Literal["cosine"] = "cosine"
    options: dict[str, str] = Field(default_factory=dict)
    projection: str | None = None


class Heading(BaseModel):
    """The heading of the files that we write."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    format: Literal["eyedex-embeddings"]
    version: int = Field(ge=1)
    encoder: EncoderRecord


@dataclass(frozen=True, slots=True)
class FilePart:
    """Consecutive rows of a file.

    `line` is the number of the first row, counted from 1. `vectors` (N, D) have the floating type
    of the file; `bad` maps the positions of rows without a vector to the reason.
    """

    line: int
    records: Sequence[Any]
    vectors: NDArray[np.floating[Any]]
    bad: Mapping[int, str] = field(default_factory=dict)


class EmbeddingFile(Protocol):
    """A file of embeddings; opening it verifies all its bytes."""

    @property
    def path(self) -> Path:
        """The file with the embeddings."""
        ...

    @property
    def encoder(self) -> EncoderRecord | None:
        """The encoder that the file names, or None."""
        ...

    @property
    def dimension(self) -> int:
        """Width of the embeddings, D."""
        ...

    def __len__(self) -> int:
        """Count the rows."""
        ...

    def parts(self) -> Iterator[FilePart]:
        """Yield all rows in parts; can be called again."""
        ...


class EmbeddingWriter(Protocol):
    """A file of embeddings to write."""

    def write(self, items: Sequence[CatalogItem], vectors: Vectors) -> None:
        """Add items with their embeddings, (N, D), float32."""
        ...

    def close(self) -> None:
        """Write what is buffered, and make the file durable."""
        ...

    def give_up(self) -> None:
        """Close a file that could not be completed."""
        ...


def check_suffix(path: Path) -> None:
    """Raise ParameterError unless the suffix is that of a known format."""
    if path.suffix.lower() not in (PARQUET, NPY):
        raise ParameterError(
            f"not a format of embeddings: {path.suffix or 'no suffix'}",
            where=str(path),
            fix=f"use {PARQUET}, or {NPY} with JSON beside it",
        )


def json_beside(path: Path) -> Path:
    """Return the path of the records of an NPY file."""
    return path.with_suffix(".json")


def parse_heading(found: Any, where: Path) -> EncoderRecord | None:
    """Return the encoder that a heading names; None for a file that we did not write.

    Raises:
        SourceError: The heading is of a newer version, or malformed.
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
    """Return an item by column; the path of its picture only if that is below `root`."""
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
    """Return a content hash for an embedding whose picture is unknown."""
    return WITHOUT_PICTURE + hashlib.blake2b(packed, digest_size=27).hexdigest()


def to_json(value: Any) -> str:
    """Serialise on one line, without escaping non-ASCII text."""
    return json.dumps(value, ensure_ascii=False)


def _below(picture: str | None, root: Path) -> str | None:
    if picture is None or not Path(picture).is_relative_to(root):
        return None
    return Path(picture).relative_to(root).as_posix()
