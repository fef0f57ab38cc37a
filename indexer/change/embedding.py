"""Embeddings by another encoder, made beside those that a collection has."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from indexer.change.request import Advance
from indexer.decode_window import decoded_batches
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import plain_fingerprint
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
from search_engine.records import Keys, Vectors
from search_engine.storage.faults import fault_point

ITEMS_A_PART = 4_096

MakeEncoder = Callable[[], Encoder]


@dataclass(slots=True)
class Embedded:
    """How many embeddings were made, and the keys of the items without one.

    `refused` has codes of errors by key: the picture is gone or cannot be encoded any more, or the
    embedding to start from is damaged.
    """

    count: int = 0
    refused: dict[int, str] = field(default_factory=dict)


def embed(
    engine: SearchEngine,
    record: Collection,
    encoder: Encoder,
    embedded: Embedded,
    advance: Advance = lambda count: None,
    since: int | None = None,
) -> None:
    """Make all embeddings by an encoder that are not there yet.

    Items that are added or changed meanwhile may still have none: they are for the next call.

    Args:
        engine: On the data directory.
        record: The collection.
        encoder: Which.
        embedded: Where to count, and to say why an item has no embedding.
        advance: Called with the number of items that have their embedding.
        since: Only look at items that got their picture after this change.
    """
    start = engine.catalog.seq()
    fingerprint = encoder.spec.fingerprint
    keys = engine.catalog.keys_without(record, fingerprint, since).tolist()
    batches = _Batches(engine, encoder, embedded, advance)
    if isinstance(encoder, ProjectedEncoder):
        base = Embedded()
        embed(engine, record, encoder.base, base, since=since)
        embedded.refused |= {key: base.refused[key] for key in keys if key in base.refused}
        batches.project(record, encoder, keys)
    elif is_external(encoder.spec.name):
        embedded.refused.update(dict.fromkeys(keys, ExternalEncoderError.code))
    elif keys:
        batches.encode(keys)
    lacking = set(engine.catalog.keys_without(record, fingerprint, since).tolist())
    changed = engine.catalog.keys_without(record, fingerprint, start).tolist()
    impossible = lacking.intersection(keys).difference(changed)
    for key in impossible:
        embedded.refused.setdefault(key, CorruptDataError.code)
    for key in set(keys) - impossible:
        embedded.refused.pop(key, None)


def embed_missing(
    engine: SearchEngine,
    wanted: Collection,
    make: MakeEncoder,
    embedded: Embedded,
    advance: Advance = lambda count: None,
    since: int | None = None,
) -> None:
    """As `embed`, by the encoder of a collection, which is made only if there is work for it.

    So an encoder whose weights are gone can be given back where nothing is left to encode.
    """
    keys = engine.catalog.keys_without(wanted, wanted.fingerprint or "", since)
    if len(keys) and _is_possible(engine, wanted, keys, embedded):
        embed(engine, wanted, make(), embedded, advance, since)


def _is_possible(engine: SearchEngine, wanted: Collection, keys: Keys, embedded: Embedded) -> bool:
    """Whether there is something to make any of the embeddings of."""
    base = plain_fingerprint(wanted, engine.catalog) or ""
    if is_external(wanted.encoder or "") or (
        base != wanted.fingerprint
        and len(np.setdiff1d(keys, engine.catalog.keys_without(wanted, base)))
    ):
        return True
    return any(True for _ in pictures(engine, keys.tolist(), embedded.refused))


@dataclass(frozen=True, slots=True)
class Asked:
    """An item by its key, as it was at the change `seq`."""

    key: int
    seq: int


def pictures(
    engine: SearchEngine, keys: Sequence[int], refused: dict[int, str]
) -> Iterator[tuple[Asked, bytes]]:
    """The pictures that are still there; `refused` gets the keys of the others."""
    for start in range(0, len(keys), ITEMS_A_PART):
        seq = engine.catalog.seq()
        found = engine.catalog.by_keys(keys[start : start + ITEMS_A_PART])
        for item in found.values():
            try:
                yield Asked(item.key, seq), engine.original(item)
            except PictureNotFoundError as error:
                refused[item.key] = error.code


@dataclass(frozen=True, slots=True)
class _Batches:
    """Makes embeddings by an encoder, and makes each batch durable."""

    engine: SearchEngine
    encoder: Encoder
    embedded: Embedded
    advance: Advance

    def project(self, record: Collection, encoder: ProjectedEncoder, keys: Sequence[int]) -> None:
        """From the embeddings before the projection."""
        base = encoder.base.spec
        source = replace(record, fingerprint=base.fingerprint, dimension=base.dimension)
        found = self.engine.catalog.changes_since(source, -1)
        rows = np.flatnonzero(np.isin(found.keys, np.array(keys, dtype=np.int64)))
        for start in range(0, len(rows), ITEMS_A_PART):
            part = rows[start : start + ITEMS_A_PART]
            vectors = encoder.projection.apply(found.vectors[part].astype(np.float32))
            self._keep(found.keys[part].tolist(), vectors, found.seq)
            self.advance(len(part))

    def encode(self, keys: Sequence[int]) -> None:
        """From pictures."""
        settings, preprocessing = self.engine.settings, self.encoder.spec.preprocessing
        given = pictures(self.engine, keys, self.embedded.refused)
        with DecodePool(settings.catalog_limits(), settings.workers) as decoder:
            for batch in decoded_batches(decoder, preprocessing, settings.batch_size, given):
                self._encode(batch)
                self.advance(len(batch))

    def _encode(self, batch: Sequence[tuple[Asked, Outcome]]) -> None:
        refused, decoded = self.embedded.refused, []
        for asked, outcome in batch:
            if isinstance(outcome, DecodedImage):
                decoded.append((asked, outcome))
            else:
                refused[asked.key] = outcome.code
        if not decoded:
            return
        kept, vectors = encode_pictures(self.encoder, [picture for _, picture in decoded])
        keys = [asked.key for asked, _ in decoded]
        for place in set(range(len(keys))).difference(kept):
            refused[keys[place]] = NoEmbeddingError.code
        as_of = min(asked.seq for asked, _ in decoded)
        self._keep([keys[place] for place in kept], vectors, as_of)

    def _keep(self, keys: Sequence[int], vectors: Vectors, as_of: int) -> None:
        with self.engine.catalog.write() as writer:
            writer.add_vectors(self.encoder.spec.fingerprint, keys, vectors, as_of)
        fault_point("vectors_added")
        self.embedded.count += len(keys)
