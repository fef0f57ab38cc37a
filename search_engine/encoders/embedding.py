"""Compute embeddings of encoded pictures in batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from search_engine.encoders.base import Encoder, nothing_found
from search_engine.encoders.projection import encode_both
from search_engine.errors import ImageError, WorkerLostError
from search_engine.images import Box, DecodedImage, PictureColors, Preprocessing
from search_engine.images.decoder import PICTURES_A_CALL, Decoder, Outcome, answers_of
from search_engine.records import Vectors


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedding of a picture, shape (1, D), with warnings for its sender, and its hash.

    `colors` are there if they were asked for, `plain` is the embedding before a learned projection,
    see `encode_both`.
    """

    vector: Vectors = field(repr=False)
    warnings: tuple[str, ...] = ()
    picture_hash: bytes = b""
    colors: PictureColors | None = None
    plain: Vectors | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """Outcomes in input order, and the seconds that all pictures together took."""

    outcomes: list[Embedded | ImageError | WorkerLostError]
    decode_s: float = 0.0
    encode_s: float = 0.0


def embed_pictures(
    decoder: Decoder,
    encoder: Encoder,
    pictures: Sequence[tuple[bytes, Box | None]],
    with_colors: bool = False,
) -> EmbeddedBatch:
    """Decode pictures, or regions of them, in parallel and encode them in one batch."""
    started = perf_counter()
    outcomes = _decoded(decoder, encoder.spec.preprocessing, pictures, with_colors)
    decoded_at = perf_counter()
    decoded = [each for each in outcomes if isinstance(each, DecodedImage)]
    vectors: dict[int, tuple[Vectors, Vectors | None]] = {}
    if decoded:
        kept, rows, plain = encode_both(encoder, decoded)
        vectors = {
            number: (rows[place : place + 1], None if plain is None else plain[place : place + 1])
            for place, number in enumerate(kept)
        }
    numbers = iter(range(len(decoded)))
    found = [
        _embedded(each, vectors.get(next(numbers))) if isinstance(each, DecodedImage) else each
        for each in outcomes
    ]
    return EmbeddedBatch(found, decoded_at - started, perf_counter() - decoded_at)


def _decoded(
    decoder: Decoder,
    preprocessing: Preprocessing,
    pictures: Sequence[tuple[bytes, Box | None]],
    with_colors: bool,
) -> list[Outcome]:
    """Whole pictures go to the decoder several a call: each call costs time."""
    if len(pictures) == 1 or any(box is not None for _, box in pictures):

        def decode(picture: tuple[bytes, Box | None]) -> DecodedImage:
            return decoder.decode(picture[0], preprocessing, picture[1], with_colors=with_colors)

        return answers_of(decoder, decode, pictures)
    files = [data for data, _ in pictures]
    a_call = max(1, min(PICTURES_A_CALL, len(files) // decoder.workers))
    calls = [
        decoder.submit(files[start : start + a_call], preprocessing, with_colors)
        for start in range(0, len(files), a_call)
    ]
    return [outcome for call in calls for outcome in call.result()]


def _embedded(
    decoded: DecodedImage, found: tuple[Vectors, Vectors | None] | None
) -> Embedded | ImageError:
    if found is None:
        return nothing_found((0,))
    vector, plain = found
    return Embedded(vector, decoded.warnings, decoded.picture_hash, decoded.colors, plain)
