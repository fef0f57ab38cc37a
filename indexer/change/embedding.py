"""Make embeddings by another encoder beside those that a collection uses."""

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

    `refused` maps keys to error codes: the picture is gone or can no longer be encoded, or the
    embedding to project is damaged.
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
    """Make all embeddings that an encoder still lacks.

    Items added or changed meanwhile may be left for the next call.

    Args:
        engine: On the data directory.
        record: The collection.
        encoder: The encoder.
        embedded: Receives the count, and the reason for each item without an embedding.
        advance: Called with the number of items done since the last call.
        since: Only consider items whose picture changed after this sequence number.
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
    """Do the same as `embed`, loading the collection's encoder only if there is work for it.

    So a change can be undone without the old encoder's weights if nothing is left to encode.
    """
    keys = engine.catalog.keys_without(wanted, wanted.fingerprint or "", since)
    if len(keys) and _is_possible(engine, wanted, keys, embedded):
        embed(engine, wanted, make(), embedded, advance, since)


def _is_possible(engine: SearchEngine, wanted: Collection, keys: Keys, embedded: Embedded) -> bool:
    """Return whether any embedding can be made, from pictures or from stored embeddings."""
    base = plain_fingerprint(wanted, engine.catalog) or ""
    if is_external(wanted.encoder or "") or (
        base != wanted.fingerprint
        and len(np.setdiff1d(keys, engine.catalog.keys_without(wanted, base)))
    ):
        return True
    return any(True for _ in pictures(engine, keys.tolist(), embedded.refused))


@dataclass(frozen=True, slots=True)
class Asked:
    """An item by its key, with the sequence number `seq` at which it was read."""

    key: int
    seq: int


def pictures(
    engine: SearchEngine, keys: Sequence[int], refused: dict[int, str]
) -> Iterator[tuple[Asked, bytes]]:
    """Yield the pictures that still exist, and put the keys of the others into `refused`."""
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
    """Makes embeddings by an encoder and commits them batch by batch."""

    engine: SearchEngine
    encoder: Encoder
    embedded: Embedded
    advance: Advance

    def project(self, record: Collection, encoder: ProjectedEncoder, keys: Sequence[int]) -> None:
        """Make embeddings from those before the projection."""
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
        """Make embeddings from pictures."""
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
