"""The spectra of pictures, and their hashes: those that are missing are computed and kept."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np

from indexer.change.request import Stage
from indexer.decode_window import decoded_batches
from indexer.picture_hashes import hash_pictures
from search_engine.catalog.chunks import in_parts
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.spectra import KnownSpectra, keep_spectra, read_spectra
from search_engine.engine import SearchEngine
from search_engine.errors import PictureNotFoundError
from search_engine.images import DecodedImage
from search_engine.images.decode_pool import DecodePool
from search_engine.images.spectrum import PREPROCESSING, Spectra, spectra_of

BATCH_SIZE = 256
"""A run that is stopped loses what it computed for fewer pictures than this."""


def known_spectra(
    engine: SearchEngine, keys_by_hash: Mapping[str, int], stage: Stage
) -> KnownSpectra:
    """The spectra of pictures, after those that are missing were computed and kept.

    One of a picture that is gone or refused stays missing.

    Args:
        engine: On its data.
        keys_by_hash: An item that has the picture, by the hash of its bytes.
        stage: Told of progress.

    Raises:
        StorageError: They cannot be kept, or be read.
    """
    path = engine.catalog.paths.spectra
    known = read_spectra(path)
    missing = {each: key for each, key in keys_by_hash.items() if each not in known}
    if not missing:
        return known
    with stage("hashing", len(missing)) as advance:
        settings = engine.settings
        with DecodePool(settings.catalog_limits(), settings.workers) as decoder:
            decoding = decoded_batches(
                decoder, PREPROCESSING, BATCH_SIZE, _pictures(engine, missing)
            )
            for batch in decoding:
                keep_spectra(path, _computed(batch))
                advance(len(batch))
    return read_spectra(path)


def hash_missing(engine: SearchEngine, record: Collection, stage: Stage) -> None:
    """Hash all pictures of a collection that never were; what cannot be read stays without.

    Raises:
        StorageError: Hashes cannot be kept.
    """
    keys = engine.catalog.keys_without_hash(record).tolist()
    if not keys or engine.catalog.read_only:
        return
    settings = engine.settings
    with (
        stage("hashing", len(keys)) as advance,
        DecodePool(settings.catalog_limits(), settings.workers) as decoder,
    ):
        for start in range(0, len(keys), BATCH_SIZE):
            part, pictures = keys[start : start + BATCH_SIZE], {}
            for key, item in engine.catalog.by_keys(part).items():
                with suppress(PictureNotFoundError):
                    pictures[key] = engine.original(item)
            hash_pictures(engine.catalog, record.id, decoder, pictures)
            advance(len(part))


def _pictures(engine: SearchEngine, missing: Mapping[str, int]) -> Iterator[tuple[str, bytes]]:
    for some in in_parts(list(missing.items())):
        items = engine.catalog.by_keys([key for _, key in some])
        for content_hash, key in some:
            with suppress(PictureNotFoundError):
                if key in items:
                    yield content_hash, engine.original(items[key])


def _computed(decoded: Sequence[tuple[str, object]]) -> dict[str, Spectra]:
    good = [(name, each.pixels) for name, each in decoded if isinstance(each, DecodedImage)]
    if not good:
        return {}
    spectra = spectra_of(np.stack([pixels for _, pixels in good]))
    return {name: spectrum for (name, _), spectrum in zip(good, spectra, strict=True)}
