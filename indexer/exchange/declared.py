"""Determine by which encoder the embeddings of a file are, and whether a collection can take them.

Embeddings of different fingerprints are never compared, so a fingerprint is always needed: the one
in a file that we wrote, or that of `external:<name>`, by which users declare that the embeddings
are made elsewhere.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer.exchange.forms import EmbeddingFile, EncoderRecord
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.encoders import projection_of
from search_engine.encoders.base import Encoder
from search_engine.encoders.external import external_spec, is_external
from search_engine.encoders.projection import ProjectedEncoder, Projection
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.errors import (
    CorruptDataError,
    EncoderError,
    InputError,
    ModelMismatchError,
    ParameterError,
    SourceError,
)
from search_engine.plain_numbers import is_digits
from search_engine.records import Vectors

KEPT_OPTIONS = ("pooling", "dimension", "projection")
"""Options that a file may give beside an encoder's name: never the path of a file."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An encoder, and what is needed to build it; `projection` is the one in the file."""

    name: str
    fingerprint: str
    dimension: int
    options: Mapping[str, str] = field(default_factory=dict)
    projection: Projection | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """How a collection stores imported embeddings.

    If the collection was tuned and the embeddings are by the plain encoder, `projection` is applied
    to them, and both forms are stored.
    """

    declared: Declared
    fingerprint: str
    projection: Projection | None = None

    def stored(self, vectors: Vectors) -> dict[str, Vectors]:
        """Return the embeddings to store, by fingerprint, given embeddings (N, D).

        Raises:
            NoEmbeddingError: The projection maps some rows to zero; `rows` says which.
        """
        if self.projection is None:
            return {self.fingerprint: vectors}
        projected = self.projection.apply(vectors)
        return {self.fingerprint: projected, self.declared.fingerprint: vectors}


def declare(file: EmbeddingFile, asked: str | None) -> Declared:
    """Return the encoder that made the embeddings of a file.

    Args:
        file: May name the encoder.
        asked: The full name that the user gives; `external:<name>` overrides the file.

    Raises:
        ParameterError: Neither file nor user names the encoder, or there is no such encoder.
        ModelMismatchError: The file names another encoder, or does not give enough to verify it.
        SourceError: The encoder record of the file is damaged.
    """
    if asked is not None and is_external(asked):
        spec = external_spec(asked, file.dimension)
        return Declared(asked, spec.fingerprint, spec.dimension, {"dimension": str(spec.dimension)})
    if file.encoder is None and asked is None:
        raise ParameterError(
            "the file does not say by which encoder its embeddings are",
            where=str(file.path),
            fix="declare it: --encoder external:NAME, with a name of your choice",
        )
    if file.encoder is None:
        raise ModelMismatchError(
            f"the file does not prove that its embeddings are by {asked}: it has no fingerprint",
            where=str(file.path),
            fix=_as_external(asked or ""),
        )
    if asked not in (None, file.encoder.name):
        raise ModelMismatchError(
            f"the file has embeddings by {file.encoder.name}, not by {asked}",
            where=str(file.path),
            fix=f"leave out --encoder, or {_as_external(asked or '')}",
        )
    return _of_record(file.encoder, file.path)


def encoder_here(declared: Declared, request: EncoderRequest) -> Encoder:
    """Load the encoder, if that is possible on this machine.

    Args:
        declared: The encoder that the file or the user names.
        request: How to load it; its name and options are ignored.

    Raises:
        ModelMismatchError: It cannot be loaded, or is not the same.
    """
    projection = declared.projection
    wanted = replace(
        request,
        name=declared.name,
        fingerprint=projection.origin.fingerprint if projection else declared.fingerprint,
    )
    try:
        plain = create_encoder(wanted.with_options(declared.options))
        encoder = plain if projection is None else ProjectedEncoder(plain, projection)
    except (EncoderError, InputError, CorruptDataError) as error:
        raise ModelMismatchError(
            f"{declared.name}, by which the embeddings are, cannot be made here: {error.what}",
            fix=f"name its weights with --weights, or {_as_external(declared.name)}",
        ) from error
    if encoder.spec.fingerprint != declared.fingerprint:
        raise ModelMismatchError(
            f"the embeddings are by {declared.name} ({declared.fingerprint}), but here "
            f"{declared.name} is {encoder.spec.fingerprint}",
            fix=f"name its weights with --weights, or {_as_external(declared.name)}",
        )
    return encoder


def destination(
    declared: Declared, collection: Collection | None, catalog: Catalog
) -> Destination | None:
    """Return how a collection stores the embeddings; None if it has no encoder yet.

    Raises:
        ModelMismatchError: The collection uses another encoder.
    """
    if collection is None or collection.fingerprint is None:
        return None
    if collection.fingerprint == declared.fingerprint:
        return Destination(declared, declared.fingerprint)
    projection = projection_of(catalog, collection.encoder_options)
    if projection is not None and projection.origin.fingerprint == declared.fingerprint:
        return Destination(declared, collection.fingerprint, projection)
    raise ModelMismatchError(
        f"the collection holds {collection.dimension}-d embeddings by {collection.encoder} "
        f"({collection.fingerprint}), not {declared.dimension}-d ones by {declared.name} "
        f"({declared.fingerprint})",
        where=f"collection {collection.name}",
        fix="import into another --collection",
    )


def _of_record(record: EncoderRecord, path: Path) -> Declared:
    options = {name: record.options[name] for name in KEPT_OPTIONS if name in record.options}
    if not is_digits(options.get("dimension", "1")):
        raise SourceError("its heading is damaged: the encoder's dimension", where=str(path))
    projection = _projection(record, options.get("projection"), path)
    return Declared(record.name, record.fingerprint, record.dimension, options, projection)


def _projection(record: EncoderRecord, sha256: str | None, path: Path) -> Projection | None:
    if sha256 is None and record.projection is None:
        return None
    try:
        data = base64.b64decode(record.projection or "", validate=True)
        found = Projection.from_bytes(data, sha256 or "")
    except (binascii.Error, ValueError, CorruptDataError) as error:
        raise SourceError(
            "the learned projection in its heading is damaged", where=str(path), fix="export again"
        ) from error
    if found.dimension != record.dimension:
        raise SourceError(
            f"its projection makes {found.dimension:,} numbers, not {record.dimension:,}",
            where=str(path),
        )
    return found


def _as_external(name: str) -> str:
    return f"declare them as made elsewhere: --encoder external:{name.replace(':', '-')}"
