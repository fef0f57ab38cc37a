"""What a picture may cost is decided from its header, and a decoder's complaint is an answer."""

import time

import numpy as np
import pytest
from PIL import Image

from search_engine.errors import (
    CorruptImageError,
    TooComplexError,
    TooManyPixelsError,
)
from search_engine.images import CATALOG_FORMATS, ImageLimits, Preprocessing, decode_pixels
from tests.images.pictures import (
    CORRUPT,
    TOO_MANY_PIXELS,
    bmp_of_claimed_size,
    encoded,
    jpeg,
    jpeg_with_noise_behind,
    photo,
    png,
    png_chunk,
    png_info,
    png_with_bomb,
    progressive_with_scans,
    raw_png,
)

LIMITS = ImageLimits()
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")
CROP = Preprocessing(size_px=16, resize_px=18)


@pytest.mark.parametrize("name", TOO_MANY_PIXELS)
def test_too_many_pixels_are_refused_from_the_header(name: str) -> None:
    started = time.thread_time()
    with pytest.raises(TooManyPixelsError):
        decode_pixels(TOO_MANY_PIXELS[name], SQUASH, LIMITS)
    assert time.thread_time() - started < 0.5


@pytest.mark.parametrize("data", [raw_png(50_000, 50_000)[:33], b"GIF89a\xff\xff\xff\xff\0\0\0"])
def test_a_header_alone_is_refused_for_what_it_announces(data: bytes) -> None:
    with pytest.raises(TooManyPixelsError):
        decode_pixels(data, SQUASH, LIMITS)


def test_too_many_pixels_of_a_catalog_format_are_refused() -> None:
    limits = ImageLimits(formats=CATALOG_FORMATS)
    for data in (bmp_of_claimed_size(20_000, 20_000), bmp_of_claimed_size(16_385, 1)):
        with pytest.raises(TooManyPixelsError):
            decode_pixels(data, SQUASH, limits)


def test_the_pixel_limit_itself_is_accepted() -> None:
    limits = ImageLimits(max_pixels=48 * 32)
    assert decode_pixels(png(), SQUASH, limits).pixels.shape == (16, 16, 3)
    with pytest.raises(TooManyPixelsError):
        decode_pixels(png(photo(49, 32)), SQUASH, limits)


@pytest.mark.parametrize("fit", [SQUASH, CROP], ids=["squash", "crop"])
@pytest.mark.parametrize("size", [(1, 1), (1, 16_384), (16_384, 1), (10_000, 1), (2, 3)])
def test_odd_shapes_are_decoded(size: tuple[int, int], fit: Preprocessing) -> None:
    decoded = decode_pixels(png(Image.new("RGB", size, (10, 200, 30))), fit, LIMITS)
    assert decoded.pixels.shape == (16, 16, 3)
    assert decoded.pixels.reshape(-1, 3).tolist() == [[10, 200, 30]] * 256


@pytest.mark.parametrize("name", CORRUPT)
def test_damaged_pictures_are_corrupt(name: str) -> None:
    with pytest.raises(CorruptImageError) as caught:
        decode_pixels(CORRUPT[name], SQUASH, LIMITS)
    assert "0x" not in caught.value.what


def test_a_jpeg_cut_anywhere_is_refused() -> None:
    data = jpeg()
    for length in range(3, len(data) - 2, 7):
        with pytest.raises(CorruptImageError):
            decode_pixels(data[:length], SQUASH, LIMITS)


@pytest.mark.parametrize("chunk", [b"zTXt", b"iTXt", b"iCCP"])
def test_texts_and_profiles_that_grow_are_refused(chunk: bytes) -> None:
    with pytest.raises(CorruptImageError):
        decode_pixels(png_with_bomb(chunk), SQUASH, LIMITS)


def test_very_many_small_chunks_are_refused_or_skipped_quickly() -> None:
    rows = b"".join(b"\x00" + row.tobytes() for row in np.asarray(photo()))
    data = raw_png(48, 32, rows, chunks=[png_chunk(b"tEXt", b"a\x00b")] * 100_000)
    started = time.thread_time()
    assert decode_pixels(data, SQUASH, LIMITS).pixels.shape == (16, 16, 3)
    assert time.thread_time() - started < 5


def test_metadata_of_modest_size_is_no_obstacle() -> None:
    data = png(pnginfo=png_info(Comment="a gift", Author="x" * 1_000))
    assert np.array_equal(
        decode_pixels(data, SQUASH, LIMITS).pixels, decode_pixels(png(), SQUASH, LIMITS).pixels
    )


def test_scans_of_a_progressive_jpeg_are_limited() -> None:
    assert decode_pixels(progressive_with_scans(100), SQUASH, LIMITS).pixels.shape == (16, 16, 3)
    with pytest.raises(TooComplexError, match="scans"):
        decode_pixels(progressive_with_scans(101), SQUASH, LIMITS)


def test_restart_markers_are_limited() -> None:
    blocks = Image.new("L", (2_064, 2_048))
    with pytest.raises(TooComplexError, match="restart"):
        decode_pixels(jpeg(blocks, restart_marker_blocks=1), SQUASH, LIMITS)
    assert decode_pixels(jpeg(blocks, restart_marker_blocks=8), SQUASH, LIMITS).pixels.max() == 0


def test_a_film_clip_behind_a_photo_does_not_count_as_scans() -> None:
    data = jpeg_with_noise_behind(9 * 2**20)
    assert data.count(b"\xff\xda") > LIMITS.max_jpeg_scans
    expected = decode_pixels(jpeg(), SQUASH, LIMITS).pixels
    assert np.array_equal(decode_pixels(data, SQUASH, LIMITS).pixels, expected)


def test_scans_in_the_metadata_do_not_count() -> None:
    data = jpeg(icc_profile=b"\xff\xda" * 200)
    assert decode_pixels(data, SQUASH, LIMITS).pixels.shape == (16, 16, 3)


def test_a_long_animation_costs_one_frame() -> None:
    pictures = [Image.new("L", (8, 8), number % 7) for number in range(2_000)]
    data = encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:])
    started = time.thread_time()
    assert decode_pixels(data, SQUASH, LIMITS).warnings == ("first_frame_used",)
    assert time.thread_time() - started < 1
