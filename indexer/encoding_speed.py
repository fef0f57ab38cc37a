"""How fast an encoder is here, on pictures of a collection."""

import time
from contextlib import suppress

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.encoders.base import Encoder, encode_possible
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError
from search_engine.images.decoder import InlineDecoder
from search_engine.records import Pixels

PICTURES = 32
ENOUGH_S = 2.0
ROUNDS = 3


def images_per_second(engine: SearchEngine, record: Collection, encoder: Encoder) -> float | None:
    """The best rate of a few rounds of encoding alone; None where that is not possible."""
    pixels = _pixels(engine, record, encoder)
    if len(pixels) == 0:
        return None
    try:
        return _rate(encoder, pixels)
    except EyedexError:  # such as embeddings that are made elsewhere
        return None


def rate_of(encoder: Encoder) -> float:
    """The same for pictures of noise, for an encoder that no collection has yet."""
    side = encoder.spec.preprocessing.size_px
    shape = (PICTURES, side, side, 3)
    return _rate(encoder, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def _rate(encoder: Encoder, pixels: Pixels) -> float:
    taken_s: list[float] = []
    while len(taken_s) < ROUNDS and sum(taken_s) < ENOUGH_S:
        started = time.perf_counter()
        encode_possible(encoder, pixels)
        taken_s.append(time.perf_counter() - started)
    return len(pixels) / min(taken_s)


def _pixels(engine: SearchEngine, record: Collection, encoder: Encoder) -> Pixels:
    """Pictures of the first items that have one, as the encoder takes them, (N, size, size, 3)."""
    decoder = InlineDecoder(engine.settings.catalog_limits())
    preprocessing = encoder.spec.preprocessing
    found = []
    for item in engine.catalog.page(record, 0, PICTURES):
        with suppress(EyedexError):
            found.append(decoder.decode(engine.original(item), preprocessing).pixels)
    size = preprocessing.size_px
    return np.stack(found) if found else np.empty((0, size, size, 3), dtype=np.uint8)
