"""Giving a collection another encoder while it is being searched.

The embeddings by the new encoder are made beside those that are there, and so is the index. Then
one transaction lets the collection have the new encoder: a query is answered wholly by the one or
wholly by the other. What was made stays when this is interrupted, and is used the next time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from indexer.decode_window import DecodeWindow
from search_engine.catalog.store import Collection
from search_engine.decoding import DecodePool, Outcome
from search_engine.encoders.base import Encoder, encode_possible
from search_engine.encoders.projection import ProjectedEncoder
from search_engine.engine import SearchEngine
from search_engine.errors import PictureNotFoundError
from search_engine.faults import fault_point
from search_engine.images import DecodedImage
from search_engine.live_collection import LiveCollection
from search_engine.locks import exclusive
from search_engine.records import CatalogItem

ITEMS_A_PART = 4_096
WINDOW_BATCHES = 3

Advance = Callable[[int], None]


@dataclass(slots=True)
class Switch:
    """What was done: items encoded from their pictures, or from other embeddings.

    `without_embedding` are the ids of those whose picture is gone or cannot be encoded any more, or
    whose stored embedding is damaged. They stay in the catalog, but no search finds them.
    """

    fingerprint: str = ""
    encoded: int = 0
    projected: int = 0
    without_embedding: list[str] = field(default_factory=list)


def switch_encoder(
    engine: SearchEngine,
    collection: str,
    encoder: Encoder,
    options: Mapping[str, str],
    advance: Advance = lambda count: None,
) -> Switch:
    """Let a collection have another encoder.

    Args:
        engine: On the data directory; its catalog has the encoder's projection, if there is one.
        collection: Which.
        encoder: The new one.
        options: What is needed beside its name to make it again.
        advance: Called with the number of items that have their embedding.

    Raises:
        LockHeldError: Another process is indexing the collection.
        StorageError: Something could not be written; the collection is as it was.
    """
    spec = encoder.spec
    with exclusive(engine.catalog.paths.index_run_lock(collection), 0.0, "changing its encoder"):
        record = engine.catalog.collection(collection)
        wanted = replace(
            record,
            encoder=spec.name,
            encoder_options=dict(options),
            fingerprint=spec.fingerprint,
            dimension=spec.dimension,
        )
        done = Switch(spec.fingerprint)
        lost = embed(engine, record, encoder, done, advance)
        LiveCollection(engine.catalog, wanted, engine.settings).prepare(wanted)
        while not _exchange(engine, wanted, encoder, lost):
            lost = embed(engine, record, encoder, done, advance)
        found = engine.catalog.by_keys(sorted(lost))
        done.without_embedding = sorted(item.item_id for item in found.values())
    return done


def _exchange(
    engine: SearchEngine, wanted: Collection, encoder: Encoder, lost: frozenset[int]
) -> bool:
    """Let the collection be as wanted; not when items came meanwhile that lack their embedding."""
    spec = encoder.spec
    with engine.catalog.write() as writer:  # nobody else adds items from here on
        lacking = engine.catalog.keys_without(wanted, spec.fingerprint)
        if not lost.issuperset(lacking.tolist()):
            return False
        writer.change_encoder(
            wanted.id, spec.name, wanted.encoder_options, spec.fingerprint, spec.dimension
        )
        writer.keep_vectors_of(wanted.id, _kept(encoder))
        fault_point("encoder_before_change")
    fault_point("encoder_changed")
    return True


def embed(
    engine: SearchEngine, record: Collection, encoder: Encoder, done: Switch, advance: Advance
) -> frozenset[int]:
    """Make all embeddings by an encoder that are not there yet.

    Returns:
        Keys of the items for which that is not possible.
    """
    if isinstance(encoder, ProjectedEncoder):
        embed(engine, record, encoder.base, done, lambda count: None)
        _project(engine, record, encoder, done, advance)
    else:
        _encode_pictures(engine, record, encoder, done, advance)
    return frozenset(engine.catalog.keys_without(record, encoder.spec.fingerprint).tolist())


def _kept(encoder: Encoder) -> list[str]:
    """Fingerprints of the encoder and, where it has a projection, of the one before that."""
    base = [encoder.base.spec.fingerprint] if isinstance(encoder, ProjectedEncoder) else []
    return [encoder.spec.fingerprint, *base]


def _project(
    engine: SearchEngine,
    record: Collection,
    encoder: ProjectedEncoder,
    done: Switch,
    advance: Advance,
) -> None:
    base = encoder.base.spec
    source = replace(record, fingerprint=base.fingerprint, dimension=base.dimension)
    lacking = engine.catalog.keys_without(record, encoder.spec.fingerprint)
    found = engine.catalog.changes_since(source, -1)
    rows = np.flatnonzero(np.isin(found.keys, lacking))
    for start in range(0, len(rows), ITEMS_A_PART):
        part = rows[start : start + ITEMS_A_PART]
        vectors = encoder.projection.apply(found.vectors[part].astype(np.float32))
        with engine.catalog.write() as writer:
            writer.add_vectors(encoder.spec.fingerprint, found.keys[part].tolist(), vectors)
        fault_point("vectors_added")
        done.projected += len(part)
        advance(len(part))


def _encode_pictures(
    engine: SearchEngine, record: Collection, encoder: Encoder, done: Switch, advance: Advance
) -> None:
    keys = engine.catalog.keys_without(record, encoder.spec.fingerprint).tolist()
    if not keys:
        return
    settings = engine.settings
    with DecodePool(settings.catalog_limits(), settings.workers) as decoder:
        window: DecodeWindow[CatalogItem] = DecodeWindow(
            decoder, encoder.spec.preprocessing, settings.batch_size, WINDOW_BATCHES
        )
        for item, picture in _pictures(engine, keys):
            window.put(item, picture)
            if window.is_full:
                _add(engine, encoder, window.take(), done, advance)
        while window:
            _add(engine, encoder, window.take(), done, advance)


def _pictures(engine: SearchEngine, keys: Sequence[int]) -> Iterator[tuple[CatalogItem, bytes]]:
    """The pictures that are still there."""
    for start in range(0, len(keys), ITEMS_A_PART):
        found = engine.catalog.by_keys(keys[start : start + ITEMS_A_PART])
        for item in found.values():
            with suppress(PictureNotFoundError):
                yield item, engine.original(item)


def _add(
    engine: SearchEngine,
    encoder: Encoder,
    batch: Sequence[tuple[CatalogItem, Outcome]],
    done: Switch,
    advance: Advance,
) -> None:
    """Encode a batch and make it durable."""
    decoded = [(item, one.pixels) for item, one in batch if isinstance(one, DecodedImage)]
    if decoded:
        kept, vectors = encode_possible(encoder, np.stack([pixels for _, pixels in decoded]))
        with engine.catalog.write() as writer:
            keys = [decoded[place][0].key for place in kept]
            writer.add_vectors(encoder.spec.fingerprint, keys, vectors)
        done.encoded += len(kept)
    advance(len(batch))
