"""Damage of any kind to a picture gives pixels of the right shape or an ImageError."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_engine.errors import ImageError
from search_engine.images import ImageLimits, Preprocessing, decode_pixels, render_jpeg
from tests.images.pictures import animated, encoded, jpeg, photo, png, with_orientation

LIMITS = ImageLimits(max_pixels=1_000_000)
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")

ORIGINALS = {
    "JPEG": jpeg(photo(24, 16)),
    "progressive JPEG": jpeg(photo(24, 16), progressive=True),
    "JPEG with Exif": with_orientation(photo(24, 16), 6),
    "PNG": png(photo(24, 16)),
    "PNG with a palette": png(photo(24, 16).convert("P")),
    "animated PNG": animated("PNG"),
    "WebP": encoded(photo(24, 16), "WEBP"),
    "lossless WebP": encoded(photo(24, 16), "WEBP", lossless=True),
    "GIF": encoded(photo(24, 16), "GIF"),
}


@st.composite
def damage(draw: st.DrawFn, original: bytes) -> bytes:
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["change", "cut", "insert", "repeat", "zero"]))
        if how == "change" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del data[at:]
        elif how == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=9))
        elif how == "repeat":
            data[at:at] = data[at : at + 40]
        else:
            data[at : at + 4] = bytes(4)
    return bytes(data)


@pytest.mark.parametrize("name", ORIGINALS)
@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(chance=st.data())
def test_damage_gives_pixels_or_an_image_error(name: str, chance: st.DataObject) -> None:
    data = chance.draw(damage(ORIGINALS[name]))
    try:
        decoded = decode_pixels(data, SQUASH, LIMITS)
    except ImageError:
        return
    assert decoded.pixels.shape == (16, 16, 3)
    assert decoded.pixels.dtype == "uint8"
    assert render_jpeg(data, 16, LIMITS).startswith(b"\xff\xd8\xff")


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.binary(max_size=300))
def test_bytes_of_any_kind_give_an_image_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode_pixels(data, SQUASH, LIMITS)
