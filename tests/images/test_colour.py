"""A picture with a colour profile is decoded, shown and found as the sRGB picture it looks like."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.images import (
    CATALOG_FORMATS,
    ImageLimits,
    Preprocessing,
    decode_pixels,
    load_rgb,
    render_jpeg,
)
from search_engine.images.colour import MAX_PROFILE_BYTES, conversion
from search_engine.storage.paths import DataPaths
from tests.images.pictures import encoded, jpeg, photo, png
from tests.images.profiles import DISPLAY_P3, INKS, PROPHOTO, SRGB, WIDE, grey, in_colours_of

LIMITS = ImageLimits(formats=CATALOG_FORMATS)
SQUARE = Preprocessing(32, 32)
PHOTOS = 10
CLOTHING = Path(__file__).parents[3] / "shared" / "datasets" / "clothing" / "validation"
IGNORED = ("colour_profile_ignored",)

LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}


def levels(image: Image.Image) -> NDArray[Any]:
    return np.asarray(image).astype(int)


def difference(found: Image.Image, wanted: Image.Image) -> float:
    return float(np.abs(levels(found) - levels(wanted)).mean())


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("profile", WIDE.values(), ids=WIDE)
def test_colours_are_those_that_a_viewer_shows(profile: bytes, kind: str) -> None:
    stored = in_colours_of(photo(), profile)
    found, notes = load_rgb(encoded(stored, kind, icc_profile=profile, **LOSSLESS[kind]), LIMITS)
    assert notes == ()
    assert difference(stored, photo()) > 8
    assert difference(found, photo()) < 1


@pytest.mark.parametrize("profile", WIDE.values(), ids=WIDE)
def test_a_scaled_jpeg_is_converted_too(profile: bytes) -> None:
    large = photo(800, 600)
    data = jpeg(in_colours_of(large, profile), icc_profile=profile)
    found = decode_pixels(data, SQUARE, LIMITS).pixels.astype(int)
    wanted = decode_pixels(jpeg(large), SQUARE, LIMITS).pixels
    assert np.abs(found - wanted).mean() < 1


@pytest.mark.parametrize("profile", WIDE.values(), ids=WIDE)
def test_rendered_pictures_are_srgb_and_have_no_profile(profile: bytes) -> None:
    rendered = Image.open(
        io.BytesIO(
            render_jpeg(jpeg(in_colours_of(photo(), profile), icc_profile=profile), 99, LIMITS)
        )
    )
    assert "icc_profile" not in rendered.info
    plain = Image.open(io.BytesIO(render_jpeg(jpeg(), 99, LIMITS)))
    assert difference(rendered, plain) < 3


def test_what_shines_through_is_converted_before_it_lies_on_white() -> None:
    alpha = Image.linear_gradient("L").resize(photo().size)
    plain, stored = photo(), in_colours_of(photo(), PROPHOTO)
    plain.putalpha(alpha)
    stored.putalpha(alpha)
    found, _ = load_rgb(png(stored, icc_profile=PROPHOTO), LIMITS)
    assert difference(found, load_rgb(png(plain), LIMITS)[0]) < 1.5


def test_a_palette_is_converted() -> None:
    stored = in_colours_of(Image.new("RGB", (8, 8), "red"), DISPLAY_P3).quantize(2)
    found, _ = load_rgb(png(stored, icc_profile=DISPLAY_P3), LIMITS)
    assert difference(found, Image.new("RGB", (8, 8), "red")) < 2


def test_grey_has_profiles_of_its_own_or_those_of_colours() -> None:
    stored = Image.new("L", (8, 8), 100)
    wanted = (100 / 255) ** 1.8  # light, which sRGB writes as 119
    assert 255 * (1.055 * wanted ** (1 / 2.4) - 0.055) == pytest.approx(119, abs=0.5)
    for profile in (grey(1.8), PROPHOTO):
        found, notes = load_rgb(png(stored, icc_profile=profile), LIMITS)
        assert notes == ()
        assert difference(found, Image.new("RGB", (8, 8), (119, 119, 119))) <= 1
    transparent = stored.convert("LA")
    transparent.putalpha(0)
    found, notes = load_rgb(png(transparent, icc_profile=grey(1.8)), LIMITS)
    assert (notes, found.getpixel((0, 0))) == ((), (255, 255, 255))


def test_inks_are_those_of_their_profile() -> None:
    stored = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    plain, _ = load_rgb(encoded(stored, "JPEG"), LIMITS)
    found, notes = load_rgb(encoded(stored, "JPEG", icc_profile=INKS), LIMITS)
    assert notes == ()
    assert difference(plain, Image.new("RGB", (16, 16), (0, 255, 255))) < 1
    assert difference(found, Image.new("RGB", (16, 16), (0, 192, 242))) < 3


BROKEN = {
    "no profile": b"not a profile" * 20,
    "half of one": DISPLAY_P3[:200],
    "of inks": INKS,
    "of grey": grey(2.2),
    "too large": DISPLAY_P3 + bytes(MAX_PROFILE_BYTES),
    "all black": DISPLAY_P3.replace(b"curv\0\0\0\0\0\0\0\1\2\x33", b"curv\0\0\0\0\0\0\0\2\0\0\0\0"),
    "another class": DISPLAY_P3.replace(b"mntrRGB ", b"linkRGB "),
}


@pytest.mark.parametrize("profile", BROKEN.values(), ids=BROKEN)
def test_a_profile_that_cannot_be_used_is_ignored_and_told(profile: bytes) -> None:
    found, notes = load_rgb(jpeg(icc_profile=profile), LIMITS)
    assert notes == IGNORED
    assert found.tobytes() == load_rgb(jpeg(), LIMITS)[0].tobytes()
    assert decode_pixels(jpeg(icc_profile=profile), SQUARE, LIMITS).warnings == IGNORED
    assert render_jpeg(jpeg(icc_profile=profile), 99, LIMITS) == render_jpeg(jpeg(), 99, LIMITS)


def test_the_inks_of_a_profile_of_displays_are_ignored_and_told() -> None:
    data = encoded(Image.new("CMYK", (8, 8)), "JPEG", icc_profile=DISPLAY_P3)
    assert load_rgb(data, LIMITS)[1] == IGNORED


def test_srgb_is_left_alone() -> None:
    assert conversion(None, "RGB") is None
    assert conversion(SRGB, "RGB") is None
    assert conversion(SRGB, "L") is None
    assert conversion(DISPLAY_P3, "RGB") is not None
    found, notes = load_rgb(jpeg(icc_profile=SRGB), LIMITS)
    assert notes == ()
    assert found.tobytes() == load_rgb(jpeg(), LIMITS)[0].tobytes()


def test_the_former_edition_takes_colours_as_they_are_stored() -> None:
    data = png(in_colours_of(photo(), PROPHOTO), icc_profile=PROPHOTO)
    former = decode_pixels(data, Preprocessing(32, 32, edition=1), LIMITS)
    plain = decode_pixels(png(in_colours_of(photo(), PROPHOTO)), SQUARE, LIMITS)
    assert former.warnings == ()
    assert np.array_equal(former.pixels, plain.pixels)


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    paths = sorted(CLOTHING.rglob("*.jpg"))[::32][:PHOTOS]
    if len(paths) < PHOTOS:
        pytest.skip("the clothing dataset is not here")
    opened = [Image.open(path).convert("RGB") for path in paths]
    for each in opened:
        each.thumbnail((400, 400))
    return opened


def lossless(photo: Image.Image, **options: Any) -> bytes:
    """Compressing with loss would move an embedding by more than colours do."""
    return png(photo, compress_level=1, **options)


@pytest.fixture(scope="module")
def originals(photos: list[Image.Image]) -> list[bytes]:
    return [lossless(each) for each in photos]


@pytest.fixture(scope="module")
def copies(photos: list[Image.Image]) -> list[list[bytes]]:
    """The photos under each of the wide profiles."""
    return [
        [lossless(in_colours_of(each, profile), icc_profile=profile) for each in photos]
        for profile in WIDE.values()
    ]


@pytest.mark.parametrize(("name", "least"), [("efficientnet_lite0", 0.995), ("hsv", 0.99)])
def test_copies_in_other_colours_have_the_embedding_of_the_photo(
    originals: list[bytes], copies: list[list[bytes]], name: str, least: float, cnn_data: Path
) -> None:
    encoder = create_encoder(EncoderRequest(name, cache=DataPaths(cnn_data).encoders))

    def embeddings(files: list[bytes]) -> NDArray[np.float32]:
        seen = encoder.spec.preprocessing
        return encoder.encode(np.stack([decode_pixels(x, seen, LIMITS).pixels for x in files]))

    wanted = embeddings(originals)
    for files in copies:
        assert (embeddings(files) * wanted).sum(axis=1).mean() >= least


def test_thumbnails_of_copies_are_those_of_the_photo(
    originals: list[bytes], copies: list[list[bytes]]
) -> None:
    def thumbnail(data: bytes) -> Image.Image:
        return Image.open(io.BytesIO(render_jpeg(data, 200, LIMITS)))

    wanted = [thumbnail(each) for each in originals]
    for files in copies:
        for copy, each in zip(files, wanted, strict=True):
            assert difference(thumbnail(copy), each) <= 3
