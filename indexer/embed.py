"""Embed a source without storing it: queries of an evaluation, files to classify."""

from collections.abc import Iterator
from dataclasses import dataclass

from indexer.decode_window import DecodeWindow
from indexer.plan import HashedRow
from indexer.sources import Reject, Rows, SourceRow
from search_engine.collections.pictures import content_hash
from search_engine.encoders.base import Encoder
from search_engine.encoders.projection import encode_both
from search_engine.errors import ImageError, NoEmbeddingError, RowError
from search_engine.images import DecodedImage, read_file
from search_engine.images.decoder import Decoder, Outcome
from search_engine.records import Vectors

WINDOW_BATCHES = 2
NO_EMBEDDING = "the encoder finds nothing in the picture"


@dataclass(frozen=True, slots=True)
class EmbeddedRow:
    """A row with the embedding of its picture, shape (1, D), and the hash of its bytes.

    `warnings` say in what the picture was not taken as it is; `plain` is the embedding before a
    learned projection, if there is one.
    """

    row: SourceRow
    vector: Vectors
    content_hash: str
    warnings: tuple[str, ...] = ()
    plain: Vectors | None = None


def embed_source(
    source: Rows, encoder: Encoder, decoder: Decoder, batch_size: int, max_bytes: int
) -> Iterator[EmbeddedRow | Reject]:
    """Every row of the source, embedded or rejected; rejects may come before their turn."""
    window: DecodeWindow[HashedRow] = DecodeWindow(
        decoder, encoder.spec.preprocessing, batch_size, WINDOW_BATCHES
    )
    for row in source.rows():
        if isinstance(row, Reject):
            yield row
            continue
        try:
            data = read_file(row.file, max_bytes)
        except (ImageError, RowError) as error:
            yield Reject(row.line, row.item_id, error.code, error.what)
            continue
        window.put(HashedRow(row, content_hash(data)), data)
        if window.is_full:
            yield from _encode(window.take(), encoder)
    while window:
        yield from _encode(window.take(), encoder)


def _encode(
    batch: list[tuple[HashedRow, Outcome]], encoder: Encoder
) -> Iterator[EmbeddedRow | Reject]:
    decoded: list[tuple[HashedRow, DecodedImage]] = []
    for hashed, outcome in batch:
        if isinstance(outcome, DecodedImage):
            decoded.append((hashed, outcome))
        else:
            yield Reject(hashed.row.line, hashed.row.item_id, outcome.code, outcome.what)
    if not decoded:
        return
    kept, vectors, plain = encode_both(encoder, [picture for _, picture in decoded])
    places = {position: slice(place, place + 1) for place, position in enumerate(kept)}
    for position, (hashed, picture) in enumerate(decoded):
        row = hashed.row
        if position in places:
            place = places[position]
            before = None if plain is None else plain[place]
            yield EmbeddedRow(row, vectors[place], hashed.content_hash, picture.warnings, before)
        else:
            yield Reject(row.line, row.item_id, NoEmbeddingError.code, NO_EMBEDDING)
