"""Decoding in child processes: the same answers as in place, whatever the pictures are."""

import os
import pickle
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_engine.errors import ImageError, TooComplexError, WorkerLostError
from search_engine.images import DecodedImage, ImageLimits, Preprocessing
from search_engine.images import decode_process as decoding
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import Decoder, InlineDecoder
from tests.images.decoding.conftest import LIMITS, SQUASH
from tests.images.pictures import (
    CORRUPT,
    FOREIGN_TYPES,
    TOO_MANY_PIXELS,
    animated,
    jpeg,
    photo,
    png,
)

GOOD = {
    "JPEG": jpeg(),
    "PNG": png(),
    "animation": animated("GIF"),
    "alpha": png(Image.new("LA", (9, 9))),
}
BAD = {**CORRUPT, **FOREIGN_TYPES, **TOO_MANY_PIXELS, "empty": b""}


class Planted:
    """Makes a file where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self.marker,)


def plant(marker: str) -> Planted:
    return Planted(Path(marker))


def send_junk(junk: bytes) -> None:
    """As a decoder would that a picture took over: send bytes of one's own to the parent."""
    for descriptor in range(3, 64):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, struct.pack("!i", len(junk)) + junk)


@pytest.mark.parametrize("name", GOOD)
def test_answers_equal_those_of_decoding_in_place(pool: DecodePool, name: str) -> None:
    inline = InlineDecoder(LIMITS)
    here, there = inline.decode(GOOD[name], SQUASH), pool.decode(GOOD[name], SQUASH)
    assert np.array_equal(here.pixels, there.pixels)
    assert here.warnings == there.warnings
    assert pool.render(GOOD[name], 8, 80) == inline.render(GOOD[name], 8, 80)


def test_boxes_are_handed_on(pool: DecodePool) -> None:
    box = (0.5, 0.5, 0.5, 0.5)
    wanted = InlineDecoder(LIMITS).decode(png(), SQUASH, box).pixels
    assert np.array_equal(pool.decode(png(), SQUASH, box).pixels, wanted)
    assert not np.array_equal(pool.decode(png(), SQUASH).pixels, wanted)


@pytest.mark.parametrize("name", BAD)
def test_refusals_equal_those_of_decoding_in_place(pool: DecodePool, name: str) -> None:
    with pytest.raises(ImageError) as here:
        InlineDecoder(LIMITS).decode(BAD[name], SQUASH)
    with pytest.raises(ImageError) as there:
        pool.decode(BAD[name], SQUASH)
    assert type(here.value) is type(there.value)
    assert str(here.value) == str(there.value)


@pytest.mark.parametrize("isolated", [True, False])
def test_a_refused_picture_leaves_those_beside_it(pool: DecodePool, isolated: bool) -> None:
    decoder: Decoder = pool if isolated else InlineDecoder(LIMITS)
    first, refused, last = decoder.submit([png(), b"", jpeg()], SQUASH).result(timeout=30)
    assert isinstance(refused, ImageError)
    for found, picture in ((first, png()), (last, jpeg())):
        assert isinstance(found, DecodedImage)
        assert np.array_equal(found.pixels, InlineDecoder(LIMITS).decode(picture, SQUASH).pixels)


def test_pixels_beyond_the_shared_memory_come_too(pool: DecodePool) -> None:
    large = Preprocessing(size_px=1_300, resize_px=1_300, fit="squash")
    assert large.size_px**2 * 3 > decoding.FRAME_BYTES
    wanted = InlineDecoder(LIMITS).decode(png(), large).pixels
    assert np.array_equal(pool.decode(png(), large).pixels, wanted)
    found = pool.submit([png()] * 3, large).result(timeout=30)
    assert all(np.array_equal(one.pixels, wanted) for one in found if isinstance(one, DecodedImage))
    assert len(found) == 3


def test_pixels_stay_when_the_child_goes_on(pool: DecodePool) -> None:
    white, black = (png(Image.new("RGB", (9, 9), colour)) for colour in ("white", "black"))
    kept = pool.decode(white, SQUASH).pixels
    pool.decode(black, SQUASH)
    assert kept.min() == 255


@pytest.mark.parametrize("mode", ["RGBA", "I;16", "CMYK"])
def test_the_largest_picture_fits_into_the_memory_of_a_child(
    pool: DecodePool, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "DECODE_WALL_S", 60.0)  # this is not about time
    image = Image.new(mode, (8_000, 5_000))
    data = jpeg(image) if mode == "CMYK" else png(image, compress_level=1)
    assert len(data) < LIMITS.max_bytes
    assert pool.decode(data, SQUASH).pixels.shape == (16, 16, 3)


def test_more_memory_than_a_child_may_have_is_too_complex(pool: DecodePool) -> None:
    with pytest.raises(TooComplexError, match="memory"):
        pool.call(bytearray, decoding.DECODE_MEMORY_BYTES)
    assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)


def test_what_a_child_sends_is_not_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with DecodePool(LIMITS, 1) as other:
        assert isinstance(other.call(plant, str(marker)), RuntimeError)
        with pytest.raises(WorkerLostError):
            other.call(send_junk, pickle.dumps(Planted(marker)))
    assert not marker.exists()


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"7",
        b"[]",
        b'[[9], 0, {"bytes": 0}]',
        b'[[-1], 0, {"bytes": 0}]',
        b'[[1e9], 0, {"array": 0, "type": "O", "shape": [1]}]',
        b'[[8], 0, {"tuple": [{"array": 0, "type": "|O", "shape": [1]}, null]}]',
        b'[[], 0, {"tuple": [{"record": "Path", "values": ["x"]}, null]}]',
        b'[[], 0, {"tuple": [null, {"error": "ClassVar", "told": ["", null, null]}]}]',
        b'[[], 0, {"tuple": [null, 5]}]',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_costs_the_child_and_no_more(junk: bytes) -> None:
    with DecodePool(LIMITS, 1) as other:
        with pytest.raises(WorkerLostError):
            other.call(send_junk, junk)
        assert other.decode(png(), SQUASH).pixels.shape == (16, 16, 3)


def test_large_photos_pass_through_in_the_order_asked(pool: DecodePool) -> None:
    colours = [(10 * number, 0, 0) for number in range(12)]
    pictures = [png(Image.new("RGB", (9, 9), colour)) for colour in colours]
    futures = [pool.submit(pictures[start : start + 5], SQUASH) for start in range(0, 12, 5)]
    found = [one for future in futures for one in future.result(timeout=30)]
    decoded = [one for one in found if isinstance(one, DecodedImage)]
    assert [tuple(one.pixels[0, 0].tolist()) for one in decoded] == colours
    assert pool.decode(jpeg(photo(1_200, 900)), SQUASH).pixels.shape == (16, 16, 3)


def test_a_photo_beyond_the_shared_memory_is_decoded_as_others() -> None:
    """What follows a picture's end does not count; the next photo finds nothing of it."""
    data = jpeg()
    large = data + bytes(decoding.FRAME_BYTES)
    limits = ImageLimits(max_bytes=2 * len(large))
    wanted = InlineDecoder(limits).decode(data, SQUASH).pixels
    with DecodePool(limits, 1) as pool:
        for given in (data, large, data):
            decoded = pool.decode(given, SQUASH)
            assert np.array_equal(decoded.pixels, wanted)
            decoded.pixels[:] = 0  # its own


def test_children_do_not_run_the_program_again(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "print('here', flush=True)\n"
        "from search_engine.images import ImageLimits\n"
        "from search_engine.images.decode_pool import DecodePool\n"
        "with DecodePool(ImageLimits(), 1) as pool:\n"
        "    pool.check()\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "here\n"
