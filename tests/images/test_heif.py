"""HEIC and AVIF: of the owner's own files where they can be read, of uploads on request."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from search_engine.config import Settings
from search_engine.errors import CorruptImageError, TooManyPixelsError, UnsupportedTypeError
from search_engine.images import (
    CATALOG_FORMATS,
    Preprocessing,
    load_rgb,
    readable_heif,
    sniff_format,
)
from search_engine.images.decode_pool import DecodePool
from search_engine.images.heif import register_heif
from tests.images.pictures import FOREIGN_TYPES, HEIGHT, ORIENTATION_TAG, WIDTH, photo

OWNER = Settings().catalog_limits()
UPLOAD = Settings().upload_limits()
KINDS = [
    pytest.param(
        kind,
        marks=pytest.mark.skipif(kind not in readable_heif(), reason=f"{kind} cannot be read"),
    )
    for kind in ("AVIF", "HEIF")
]


def picture(kind: str, **options: Any) -> bytes:
    if kind == "HEIF":
        register_heif()
    content = io.BytesIO()
    photo().save(content, kind, quality=95, **options)
    return content.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_the_owners_are_read(kind: str) -> None:
    data = picture(kind)
    assert sniff_format(data) == kind
    image, notes = load_rgb(data, OWNER)
    assert (image.mode, image.size, notes) == ("RGB", (WIDTH, HEIGHT), ())
    difference = np.abs(np.asarray(image, dtype=float) - np.asarray(photo(), dtype=float))
    assert difference.mean() < 6


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_turned_upright(kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    image, _ = load_rgb(picture(kind, exif=exif.tobytes()), OWNER)
    turned = photo().transpose(Image.Transpose.ROTATE_270)
    difference = np.abs(np.asarray(image, dtype=float) - np.asarray(turned, dtype=float))
    assert image.size == (HEIGHT, WIDTH)
    assert difference.mean() < 6


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_read_in_decoding_processes(kind: str) -> None:
    preprocessing = Preprocessing(size_px=16, resize_px=16, fit="squash")
    with DecodePool(OWNER, 1) as pool:
        assert pool.decode(picture(kind), preprocessing).views.shape == (1, 16, 16, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_uploads_are_refused_unless_they_are_allowed(kind: str) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        load_rgb(picture(kind), UPLOAD)
    assert "JPEG" in str(caught.value.fix)
    allowed = Settings(upload_heif=True).upload_limits()
    assert load_rgb(picture(kind), allowed)[0].size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", KINDS)
def test_limits_hold_before_anything_is_decoded(kind: str) -> None:
    with pytest.raises(TooManyPixelsError):
        load_rgb(picture(kind), replace(OWNER, max_pixels=WIDTH * HEIGHT - 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_part_of_one_is_corrupt(kind: str, share: float) -> None:
    data = picture(kind)
    with pytest.raises(CorruptImageError):
        load_rgb(data[: int(len(data) * share)], OWNER)


def test_where_heic_cannot_be_read_the_extra_is_named() -> None:
    limits = replace(OWNER, formats=CATALOG_FORMATS)
    with pytest.raises(UnsupportedTypeError, match=r"eyedex\[heif\]"):
        load_rgb(FOREIGN_TYPES["heic"], limits)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIF"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "HEIF"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif", "AVIF"),
        (b"\x00\x00\x00\x14ftypmif1\x00\x00\x00\x00mif1avif", "HEIF"),
        (b"\x00\x00\x00\x18ftypavis\x00\x00\x00\x00msf1avis", "AVIF"),
        (b"\x00\x00\x00\x18ftypqt  \x00\x00\x00\x00qt  heic", None),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", None),
        (b"\x00\x00\x00\x18ftyp", None),
    ],
)
def test_the_brand_says_what_a_file_is(head: bytes, kind: str | None) -> None:
    assert sniff_format(head) == kind


def test_what_can_be_read_is_what_is_there() -> None:
    assert ("AVIF" in readable_heif()) == features.check("avif")
