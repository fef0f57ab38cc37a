"""JPEGs that lack their end, and JPEGs of more pixels than are ever decoded."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from search_engine.errors import CorruptImageError, TooManyBytesError, TooManyPixelsError
from search_engine.images import ImageLimits, Preprocessing, decode_pixels, load_rgb
from tests.images.pictures import encoded, jpeg, photo, png

LIMITS = ImageLimits()
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")
NOISE = Image.fromarray(np.random.default_rng(5).integers(0, 255, (100, 140, 3), dtype=np.uint8))
FORMS: list[dict[str, Any]] = [
    {},
    {"progressive": True},
    {"subsampling": 2, "quality": 75},
    {"optimize": True, "restart_marker_blocks": 1},
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("image", [photo(), NOISE, photo().convert("L"), photo().convert("CMYK")])
def test_a_jpeg_that_lacks_only_its_end_mark_is_taken(
    form: dict[str, Any], image: Image.Image
) -> None:
    data = encoded(image, "JPEG", **form)
    whole, _ = load_rgb(data, LIMITS)
    for cut in (1, 2):
        found, notes = load_rgb(data[:-cut], LIMITS)
        assert notes == ("end_mark_missing",)
        assert found.tobytes() == whole.tobytes()
    decoded = decode_pixels(data[:-2], SQUASH, LIMITS)
    assert decoded.warnings == ("end_mark_missing",)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("image", [photo(), NOISE])
def test_a_jpeg_that_lacks_more_is_refused(form: dict[str, Any], image: Image.Image) -> None:
    data = encoded(image, "JPEG", **form)
    cuts = [*range(3, 60), *range(60, len(data) - 3, max(1, len(data) // 97))]
    for cut in cuts:
        with pytest.raises(CorruptImageError):
            load_rgb(data[:-cut], LIMITS)


def test_a_progressive_jpeg_that_ends_between_two_scans_is_refused() -> None:
    data = jpeg(progressive=True)
    for scan in re.finditer(b"\xff\xda", data):
        with pytest.raises(CorruptImageError):
            load_rgb(data[: scan.start()], LIMITS)


LARGE_JPEGS = ImageLimits(max_pixels=40_000, max_jpeg_pixels=400_000, setting="EYEDEX_CATALOG_MAX_")


@pytest.mark.parametrize("min_side_px", [None, 1, 100, 1_000])
@pytest.mark.parametrize(("size", "most"), [((600, 600), 200 * 200), ((200, 200), 200 * 200)])
def test_a_large_jpeg_is_decoded_at_a_fraction(
    size: tuple[int, int], most: int, min_side_px: float | None
) -> None:
    image, _ = load_rgb(jpeg(photo(*size)), LARGE_JPEGS, min_side_px)
    assert image.width * image.height <= most
    assert min_side_px not in (None, 1_000) or image.width >= 150


def test_refusals_of_the_owners_files_name_the_setting() -> None:
    for data, limit in ((jpeg(photo(1_000, 500)), "400,000"), (png(photo(300, 300)), "40,000")):
        with pytest.raises(TooManyPixelsError, match=rf"{limit}.*EYEDEX_CATALOG_MAX_PIXELS"):
            load_rgb(data, LARGE_JPEGS)
    with pytest.raises(TooManyBytesError, match="EYEDEX_CATALOG_MAX_BYTES"):
        load_rgb(jpeg(), replace(LARGE_JPEGS, max_bytes=9))


def test_a_jpeg_beyond_what_pillow_opens_is_decoded_at_a_fraction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    image, _ = load_rgb(jpeg(photo(600, 600)), LARGE_JPEGS)
    assert image.size == (150, 150)
