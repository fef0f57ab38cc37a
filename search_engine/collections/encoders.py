"""Load the encoder of a collection from what the catalog stores of it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.projection import ProjectedEncoder, Projection
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.errors import DamagedRecordError, ModelMismatchError
from search_engine.storage.durable import replace_synced, sha256_file, storage_error

NETWORK = "network"
"""Option with the hash of a fine-tuned network's weights file."""
PROJECTION = "projection"
"""Option with the hash of a learned projection."""


def open_encoder(collection: Collection, settings: Settings, catalog: Catalog) -> Encoder:
    """Load the encoder that a collection is bound to.

    Raises:
        ModelMismatchError: Weights or preprocessing have changed.
    """
    plain = create_encoder(encoder_request(collection, settings, catalog))
    encoder = with_projection(plain, collection.encoder_options, catalog)
    if encoder.spec.fingerprint != collection.fingerprint:
        raise ModelMismatchError(
            f"the collection was indexed with encoder {collection.fingerprint}, but "
            f"{collection.encoder} is {encoder.spec.fingerprint} now",
            where=f"collection {collection.name}",
            fix="bring back the former weights, or index again into a new collection",
        )
    return encoder


def encoder_request(collection: Collection, settings: Settings, catalog: Catalog) -> EncoderRequest:
    """Return the request that loads a collection's encoder without its projection."""
    request = EncoderRequest(
        name=collection.encoder or "",
        runtime=settings.runtime,
        cache=catalog.paths.encoders,
        fingerprint=plain_fingerprint(collection, catalog),
        keep=not catalog.read_only,
    )
    try:
        request = request.with_options(collection.encoder_options)
    except (TypeError, ValueError) as error:
        raise DamagedRecordError(
            f"an option of its encoder cannot be: {error}", where=f"collection {collection.name}"
        ) from error
    sha256 = collection.encoder_options.get(NETWORK)
    return request if sha256 is None else replace(request, weights=network_file(catalog, sha256))


def plain_fingerprint(collection: Collection, catalog: Catalog) -> str | None:
    """Return the fingerprint of a collection's encoder without its projection."""
    projection = projection_of(catalog, collection.encoder_options)
    return collection.fingerprint if projection is None else projection.origin.fingerprint


def judged(collection: Collection, projection: Projection | None) -> list[Collection]:
    """Return the collection with each encoder, without a projection, that judges what it learned.

    That is the encoder in use or, where it is fine-tuned, those of `Origin.judges`.
    """
    if projection is None:
        return [collection]
    origin, dimension = projection.origin, len(projection.mean)
    judges = [judge.fingerprint for judge in origin.judges] or [origin.fingerprint]
    return [replace(collection, fingerprint=judge, dimension=dimension) for judge in judges]


def unlearned(collection: Collection, catalog: Catalog) -> Collection:
    """Return the collection with its encoder without a projection; the same where it has none."""
    projection = projection_of(catalog, collection.encoder_options)
    return collection if projection is None else judged(collection, projection)[0]


def with_projection(encoder: Encoder, options: Mapping[str, str], catalog: Catalog) -> Encoder:
    """Put the projection that a collection's options name behind an encoder, if any."""
    projection = projection_of(catalog, options)
    return encoder if projection is None else ProjectedEncoder(encoder, projection)


def projection_of(catalog: Catalog, options: Mapping[str, str]) -> Projection | None:
    """Read the projection that a collection's options name; None if they name none.

    Raises:
        CorruptDataError: It is damaged or missing.
    """
    sha256 = options.get(PROJECTION)
    return None if sha256 is None else Projection.from_bytes(catalog.learned(sha256), sha256)


@cache
def _scratch() -> "TemporaryDirectory[str]":
    """Return a folder for files that the data directory cannot take; it ends with the process."""
    return TemporaryDirectory(prefix="eyedex-")


def network_file(catalog: Catalog, sha256: str) -> Path:
    """Return the weights file of a fine-tuned network, writing it from the catalog if missing.

    Raises:
        CorruptDataError: The weights are missing from the catalog.
        StorageError: They could not be written.
    """
    path = catalog.paths.network(sha256)
    if not path.is_file() or sha256_file(path) != sha256:
        data = catalog.learned(sha256)
        if catalog.read_only:
            path = Path(_scratch().name) / path.name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_synced(path, data)
        except OSError as error:
            raise storage_error(error, "writing the network of a collection", path) from error
    return path
