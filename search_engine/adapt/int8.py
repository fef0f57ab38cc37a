"""Quantise the network of a collection to int8, calibrated and judged on its own pictures."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from search_engine.adapt.int8_gate import Int8Figures, compare_int8
from search_engine.catalog.key_queries import Every
from search_engine.collections.encoders import encoder_request
from search_engine.collections.pictures import KEPT_PICTURE_SIDE_PX
from search_engine.encoders.base import unit_rows
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.registry import create_encoder
from search_engine.encoders.runtime import load_runtime
from search_engine.encoders.runtime.base import NetworkSource
from search_engine.encoders.runtime.int8 import calibrated, import_nncf
from search_engine.engine import SearchEngine
from search_engine.errors import ImageError, ParameterError, PictureNotFoundError
from search_engine.images import PICTURE_QUALITY, decode_pixels
from search_engine.records import Pixels

FEWEST_PICTURES = 300
MOST_PICTURES = 2_000
"""Pictures in total, at most; float32 torch takes a minute for them."""

CALIBRATION_PICTURES = 300
"""Pictures to calibrate with, but never more than half of them. With 64 instead of 300, the cosine
of one in a hundred photos fell by another 0.002."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Pictures of a collection, shape (N, size_px, size_px, 3), and their labels."""

    pixels: Pixels
    labels: list[str | None]


def calibrate_int8(
    engine: SearchEngine, collection: str, say: Callable[[str], None] = lambda stage: None
) -> Int8Figures:
    """Make the runtime `openvino-int8` for the collection's network; keep it if good enough.

    If the figures have `refusals`, it was not kept, and an earlier one stays.

    Args:
        engine: The open data directory.
        collection: The collection whose pictures to use.
        say: Called with lines on the progress, for people.

    Raises:
        ParameterError: The collection has no network, or too few pictures.
        EncoderError: NNCF is not installed.
    """
    _check_enough(engine.catalog.count(engine.live(collection).record), collection)
    source = _source(engine, collection)
    import_nncf()  # if it is missing, fail before the work
    say("reading pictures")
    sample = spread_sample(engine, collection, source, MOST_PICTURES)
    _check_enough(len(sample.labels), collection)
    return calibrate_with(source, sample, say)


def calibrate_with(
    source: NetworkSource, sample: Sample, say: Callable[[str], None] = lambda stage: None
) -> Int8Figures:
    """Do the same as `calibrate_int8` with given pictures."""
    used = calibration_rows(len(sample.labels))
    held_out = np.ones(len(sample.labels), dtype=np.bool_)
    held_out[used] = False
    say(f"calibrating with {len(used)} pictures")
    with calibrated(source, sample.pixels[used]) as candidate:
        say(f"comparing {len(sample.labels)} pictures with float32 torch")
        figures = compare_int8(
            unit_rows(candidate.runtime.run(sample.pixels)),
            unit_rows(load_runtime("torch-float32", source).run(sample.pixels)),
            sample.labels,
            held_out,
        )
        if not figures.refusals:
            candidate.keep()
    return figures


def calibration_rows(count: int) -> list[int]:
    """Return the rows to calibrate with: evenly spread, and at most half."""
    return spread_rows(count, min(CALIBRATION_PICTURES, count // 2))


def spread_rows(count: int, wanted: int) -> list[int]:
    """Return `wanted` numbers below `count`, evenly spread, ascending; all if there are fewer."""
    wanted = min(wanted, count)
    return [number * count // wanted for number in range(wanted)]


def spread_sample(
    engine: SearchEngine, collection: str, source: NetworkSource, most: int
) -> Sample:
    """Read pictures from all over the collection, skipping items whose picture is gone."""
    record = engine.live(collection).record
    keys = engine.catalog.keys_where(record, Every(()))
    items = engine.catalog.by_keys([int(keys[row]) for row in spread_rows(len(keys), most)])
    preprocessing = source.spec.preprocessing
    limits = engine.settings.catalog_limits()
    pixels = np.empty((len(items), *[preprocessing.size_px] * 2, 3), dtype=np.uint8)
    labels: list[str | None] = []
    for _, item in sorted(items.items()):
        with suppress(PictureNotFoundError, ImageError):
            jpeg = engine.picture(item, KEPT_PICTURE_SIDE_PX, PICTURE_QUALITY)
            pixels[len(labels)] = decode_pixels(jpeg, preprocessing, limits).pixels
            labels.append(item.label)
    return Sample(pixels[: len(labels)], labels)


def _check_enough(pictures: int, collection: str) -> None:
    if pictures < FEWEST_PICTURES:
        raise ParameterError(
            f"calibrating takes {FEWEST_PICTURES} pictures, collection {collection} has {pictures}",
            where="calibrate_int8",
            fix="index more first",
        )


def _source(engine: SearchEngine, collection: str) -> NetworkSource:
    request = encoder_request(engine.live(collection).record, engine.settings, engine.catalog)
    encoder = create_encoder(replace(request, runtime="openvino"))
    if not isinstance(encoder, CnnEncoder):
        raise ParameterError(f"{request.name} has no network to run", where="calibrate_int8")
    return encoder.source
