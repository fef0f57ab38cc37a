"""Embeddings by another encoder, made beside those that a collection has."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from indexer.decode_window import DecodeWindow
from search_engine.catalog.collection_rows import Collection
from search_engine.encoders.base import Encoder, encode_pictures
from search_engine.encoders.external import is_external
from search_engine.encoders.projection import ProjectedEncoder
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CorruptDataError,
    ExternalEncoderError,
    NoEmbeddingError,
    PictureNotFoundError,
)
from search_engine.images import DecodedImage
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import Outcome
from search_engine.records import Vectors
from search_engine.storage.faults import fault_point

MOST_LOST = 0.05
"""Share of the items that searches find now and would not find any more, from which on an encoder
is refused: most likely a disk is not mounted."""
ITEMS_A_PART = 4_096
WINDOW_BATCHES = 3

Advance = Callable[[int], None]


@dataclass(slots=True)
class Switch:
    """What was done: items encoded from their pictures, or from other embeddings.

    `without_embedding` are the ids of those whose picture is gone or cannot be encoded any more, or
    whose stored embedding is damaged. They stay in the catalog, but no search finds them. `refused`
    has their keys, and why: codes of errors. `uncalibrated` are the targets whose vote was
    calibrated for the encoder before and is not for this one. `seconds` is how long it took to
    change over when all was ready.
    """

    fingerprint: str = ""
    encoded: int = 0
    projected: int = 0
    without_embedding: list[str] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    uncalibrated: list[str] = field(default_factory=list)
    seconds: float = 0.0


def embed(
    engine: SearchEngine,
    record: Collection,
    encoder: Encoder,
    done: Switch,
    advance: Advance,
    since: int | None = None,
) -> frozenset[int]:
    """Make all embeddings by an encoder that are not there yet.

    Args:
        engine: On the data directory.
        record: The collection.
        encoder: Which.
        done: Where to count.
        advance: Called with the number of items that have their embedding.
        since: Only look at items that got their picture after this change.

    Returns:
        Keys of the items for which that is not possible; `done.refused` says why. What came or
        changed meanwhile may not have one either: it is for the next call.
    """
    start = engine.catalog.seq()
    fingerprint = encoder.spec.fingerprint
    keys = engine.catalog.keys_without(record, fingerprint, since).tolist()
    if isinstance(encoder, ProjectedEncoder):
        below = Switch()
        embed(engine, record, encoder.base, below, lambda count: None, since)
        done.encoded += below.encoded
        done.refused |= {key: below.refused[key] for key in keys if key in below.refused}
        _project(engine, record, encoder, keys, done, advance)
    elif is_external(encoder.spec.name):
        done.refused.update(dict.fromkeys(keys, ExternalEncoderError.code))
    else:
        _encode_pictures(engine, encoder, keys, done, advance)
    lacking = set(engine.catalog.keys_without(record, fingerprint, since).tolist())
    left = lacking.intersection(keys) - set(
        engine.catalog.keys_without(record, fingerprint, start).tolist()
    )
    for key in left:
        done.refused.setdefault(key, CorruptDataError.code)
    for key in set(keys) - left:
        done.refused.pop(key, None)
    return frozenset(left)


def _project(
    engine: SearchEngine,
    record: Collection,
    encoder: ProjectedEncoder,
    keys: Sequence[int],
    done: Switch,
    advance: Advance,
) -> None:
    base = encoder.base.spec
    source = replace(record, fingerprint=base.fingerprint, dimension=base.dimension)
    found = engine.catalog.changes_since(source, -1)
    rows = np.flatnonzero(np.isin(found.keys, np.array(keys, dtype=np.int64)))
    for start in range(0, len(rows), ITEMS_A_PART):
        part = rows[start : start + ITEMS_A_PART]
        vectors = encoder.projection.apply(found.vectors[part].astype(np.float32))
        _keep(engine, encoder, found.keys[part].tolist(), vectors, found.seq)
        done.projected += len(part)
        advance(len(part))


def _encode_pictures(
    engine: SearchEngine, encoder: Encoder, keys: Sequence[int], done: Switch, advance: Advance
) -> None:
    if not keys:
        return
    settings = engine.settings
    with DecodePool(settings.catalog_limits(), settings.workers) as decoder:
        window: DecodeWindow[Asked] = DecodeWindow(
            decoder, encoder.spec.preprocessing, settings.batch_size, WINDOW_BATCHES
        )
        for asked, picture in pictures(engine, keys, done):
            window.put(asked, picture)
            if window.is_full:
                _add(engine, encoder, window.take(), done, advance)
        while window:
            _add(engine, encoder, window.take(), done, advance)


@dataclass(frozen=True, slots=True)
class Asked:
    """An item by its key, as it was at the change `seq`."""

    key: int
    seq: int


def pictures(
    engine: SearchEngine, keys: Sequence[int], done: Switch
) -> Iterator[tuple[Asked, bytes]]:
    """The pictures that are still there."""
    for start in range(0, len(keys), ITEMS_A_PART):
        seq = engine.catalog.seq()
        found = engine.catalog.by_keys(keys[start : start + ITEMS_A_PART])
        for item in found.values():
            try:
                yield Asked(item.key, seq), engine.original(item)
            except PictureNotFoundError as error:
                done.refused[item.key] = error.code


def _add(
    engine: SearchEngine,
    encoder: Encoder,
    batch: Sequence[tuple[Asked, Outcome]],
    done: Switch,
    advance: Advance,
) -> None:
    """Encode a batch and make it durable."""
    decoded = []
    for asked, outcome in batch:
        if isinstance(outcome, DecodedImage):
            decoded.append((asked, outcome))
        else:
            done.refused[asked.key] = outcome.code
    if decoded:
        kept, vectors = encode_pictures(encoder, [picture for _, picture in decoded])
        keys = [asked.key for asked, _ in decoded]
        for place in set(range(len(keys))).difference(kept):
            done.refused[keys[place]] = NoEmbeddingError.code
        as_of = min(asked.seq for asked, _ in decoded)
        _keep(engine, encoder, [keys[place] for place in kept], vectors, as_of)
        done.encoded += len(kept)
    advance(len(batch))


def _keep(
    engine: SearchEngine, encoder: Encoder, keys: Sequence[int], vectors: Vectors, as_of: int
) -> None:
    with engine.catalog.write() as writer:
        writer.add_vectors(encoder.spec.fingerprint, keys, vectors, as_of)
    fault_point("vectors_added")
