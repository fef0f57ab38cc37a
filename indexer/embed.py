"""Embed a source without storing it: queries of an evaluation, files to classify."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.sources import Reject, Source, SourceRow
from search_engine.decoding import Decoder
from search_engine.encoders.base import Encoder, encode_possible
from search_engine.engine import content_hash
from search_engine.errors import ImageError, NoEmbeddingError, WorkerLostError
from search_engine.images import DecodedImage, read_file
from search_engine.records import Vectors

WINDOW_BATCHES = 2
NO_EMBEDDING = "the encoder finds nothing in the picture"


@dataclass(frozen=True, slots=True)
class EmbeddedRow:
    """A row with the embedding of its picture, shape (1, D), and the hash of its bytes."""

    row: SourceRow
    vector: Vectors
    content_hash: str


@dataclass(slots=True)
class _Waiting:
    row: SourceRow
    content_hash: str
    future: "Future[DecodedImage]"


def embed_source(
    source: Source, encoder: Encoder, decoder: Decoder, batch_size: int, max_bytes: int
) -> Iterator[EmbeddedRow | Reject]:
    """Every row of the source, embedded or rejected; rejects may come before their turn."""
    window: deque[_Waiting] = deque()
    for row in source.rows():
        if isinstance(row, Reject):
            yield row
            continue
        try:
            data = read_file(row.image, max_bytes)
        except ImageError as error:
            yield Reject(row.line, row.item_id, error.code, error.what)
            continue
        future = decoder.submit(data, encoder.spec.preprocessing)
        window.append(_Waiting(row, content_hash(data), future))
        if len(window) >= WINDOW_BATCHES * batch_size:
            yield from _encode([window.popleft() for _ in range(batch_size)], encoder)
    while window:
        size = min(batch_size, len(window))
        yield from _encode([window.popleft() for _ in range(size)], encoder)


def _encode(batch: list[_Waiting], encoder: Encoder) -> Iterator[EmbeddedRow | Reject]:
    decoded: list[tuple[_Waiting, NDArray[np.uint8]]] = []
    for waiting in batch:
        try:
            decoded.append((waiting, waiting.future.result().pixels))
        except (ImageError, WorkerLostError) as error:
            yield Reject(waiting.row.line, waiting.row.item_id, error.code, error.what)
    if not decoded:
        return
    kept, vectors = encode_possible(encoder, np.stack([pixels for _, pixels in decoded]))
    embedded = dict(zip(kept, vectors, strict=True))
    for position, (waiting, _) in enumerate(decoded):
        row = waiting.row
        if position in embedded:
            yield EmbeddedRow(row, embedded[position][None], waiting.content_hash)
        else:
            yield Reject(row.line, row.item_id, NoEmbeddingError.code, NO_EMBEDDING)
