"""Whatever the file's orientation, mode or metadata: the same upright RGB pixels on white."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from search_engine.errors import ParameterError
from search_engine.images import (
    CATALOG_FORMATS,
    ImageLimits,
    Preprocessing,
    crop_box,
    decode_pixels,
    load_rgb,
    parse_box,
    render_jpeg,
)
from tests.images.pictures import (
    HEIGHT,
    ORIENTATION_TAG,
    WIDTH,
    animated,
    encoded,
    jpeg,
    photo,
    png,
    png_of_rgb16,
    with_orientation,
)

LIMITS = ImageLimits()
OWNER = ImageLimits(formats=CATALOG_FORMATS, max_bytes=2**30)

TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that writes this orientation stores an upright scene."""


def pixels(data: bytes, limits: ImageLimits = LIMITS) -> NDArray[Any]:
    return np.asarray(load_rgb(data, limits)[0]).astype(int)


def difference(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    assert found.shape == wanted.shape
    return float(np.abs(found.astype(float) - wanted.astype(float)).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("value", range(1, 9))
def test_pictures_are_turned_upright(value: int, kind: str) -> None:
    stored = photo().transpose(TURNED[value]) if value in TURNED else photo()
    found = pixels(with_orientation(stored, value, kind), OWNER)
    assert difference(found, np.asarray(photo())) < 3


@pytest.mark.parametrize("value", [0, 9, 99, 65_535])
def test_orientations_that_do_not_exist_are_ignored(value: int) -> None:
    assert np.array_equal(pixels(with_orientation(photo(), value)), pixels(jpeg()))


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00garbage",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\x01\x12",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\x05\x00\x00\x00\xff\xff\xff\xff",
    ],
    ids=["garbage", "far offset", "cut", "text where a number should be"],
)
def test_broken_exif_blocks_are_ignored(exif: bytes) -> None:
    assert np.array_equal(pixels(jpeg(exif=exif)), pixels(jpeg()))


def halves(mode: str) -> Image.Image:
    """The left half blue and opaque, the right half black and transparent."""
    image = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    image.paste((0, 0, 200, 255), (0, 0, WIDTH // 2, HEIGHT))
    return image.convert(mode)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_parts_become_white(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    found = pixels(encoded(halves("RGBA"), kind, **options))
    assert found[5, 5].tolist() == [0, 0, 200]
    assert found[5, -5].tolist() == [255, 255, 255]


def test_half_transparent_parts_are_mixed_with_white() -> None:
    found = pixels(png(Image.new("RGBA", (4, 4), (0, 0, 0, 128))))
    assert abs(found[0, 0, 0] - 127) <= 1


def test_transparent_grey_becomes_white() -> None:
    found = pixels(png(halves("LA")))
    assert found[5, -5].tolist() == [255, 255, 255]
    assert found[5, 5].max() < 60


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"], ids=["index", "table"])
def test_transparent_palette_entries_become_white(transparency: int | bytes) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((1, 1), 1)
    found = pixels(png(image, transparency=transparency))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[1, 1].tolist() == [0, 0, 200]


def test_a_transparent_colour_becomes_white() -> None:
    image = Image.new("RGB", (4, 4), (1, 2, 3))
    image.putpixel((1, 1), (9, 9, 9))
    found = pixels(png(image, transparency=(1, 2, 3)))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[1, 1].tolist() == [9, 9, 9]


def test_transparent_gif_becomes_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((1, 1), 1)
    found = pixels(encoded(image, "GIF", transparency=0))
    assert found[0, 0].tolist() == [255, 255, 255]


def test_cmyk_looks_like_the_rgb_original() -> None:
    found = pixels(jpeg(photo().convert("CMYK")))
    assert difference(found, np.asarray(photo())) < 5


@pytest.mark.parametrize(
    ("mode", "tolerance"), [("L", 0), ("P", 20), ("RGB", 0), ("RGBA", 0), ("LA", 0)]
)
def test_modes_of_png_give_their_colours(mode: str, tolerance: float) -> None:
    image = photo().convert(mode)
    found = pixels(png(image))
    wanted = photo().convert("L").convert("RGB") if mode in ("L", "LA") else photo()
    assert difference(found, np.asarray(wanted)) <= tolerance


def test_one_bit_pictures_are_black_and_white() -> None:
    image = Image.new("1", (4, 4), 1)
    image.putpixel((2, 2), 0)
    found = pixels(png(image))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[2, 2].tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16)[None, :].repeat(4, 0)
    found = pixels(encoded(Image.fromarray(ramp), kind), OWNER)
    wanted = np.linspace(0, 255, 256).round().astype(int)
    assert np.abs(found[0, :, 0] - wanted).max() <= 1
    assert np.array_equal(found[..., 0], found[..., 2])


def test_every_grey_of_16_bits_is_rounded() -> None:
    samples = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    wanted = np.rint(samples / 257).astype(int)
    assert np.abs(pixels(png(Image.fromarray(samples)))[..., 0] - wanted).max() <= 1
    exact = pixels(png(Image.fromarray(samples)))[..., 0] == wanted
    assert exact.mean() > 0.98


def test_dark_grey_of_16_bits_stays_dark() -> None:
    dark = np.full((4, 4), 257 * 20, np.uint16)
    assert pixels(png(Image.fromarray(dark)))[0, 0].tolist() == [20, 20, 20]


def test_colours_of_16_bits_equal_those_of_8() -> None:
    assert difference(pixels(png_of_rgb16(photo())), np.asarray(photo())) <= 1


def test_float_samples_are_scaled_and_bad_ones_are_black() -> None:
    samples = np.array([[0.0, 0.5, 1.0, np.nan, np.inf]], np.float32).repeat(4, 0)
    found = pixels(encoded(Image.fromarray(samples), "TIFF"), OWNER)
    assert found[0, :, 0].tolist() == [0, 128, 255, 0, 0]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "MPO"])
def test_animations_give_their_first_frame_and_say_so(kind: str) -> None:
    options: dict[str, Any] = {"quality": 95} if kind == "MPO" else {}
    if kind == "WEBP":
        options = {"lossless": True}
    data = animated(kind, **options)
    image, warnings = load_rgb(data, LIMITS)
    assert warnings == ("first_frame_used",)
    assert difference(np.asarray(image), np.asarray(photo())) < 12


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "JPEG"])
def test_stills_come_without_warnings(kind: str) -> None:
    assert load_rgb(encoded(photo(), kind), LIMITS)[1] == ()


def test_large_photos_decoded_smaller_look_the_same() -> None:
    wanted = Preprocessing(size_px=224, resize_px=256)
    photo_bytes = jpeg(photo(800, 600).resize((4_000, 3_000)), quality=85)
    full_size, _ = load_rgb(photo_bytes, OWNER)
    scaled, _ = load_rgb(photo_bytes, OWNER, min_side_px=256)
    assert full_size.size == (4_000, 3_000)
    assert 256 <= min(scaled.size) < 768
    from_scaled = decode_pixels(photo_bytes, wanted, OWNER).pixels
    from_full = decode_pixels(encoded(full_size, "BMP"), wanted, OWNER).pixels
    assert difference(from_scaled, from_full) < 1
    assert int(np.abs(from_scaled.astype(int) - from_full.astype(int)).max()) <= 4


@pytest.mark.parametrize("min_side", [1, 100, 300, 301, 5_000])
def test_scaled_decoding_never_goes_below_what_is_needed(min_side: int) -> None:
    image, _ = load_rgb(jpeg(photo(900, 600)), LIMITS, min_side_px=min_side)
    assert min(image.size) >= min(600, min_side)


def test_crop_takes_the_middle_and_squash_takes_all() -> None:
    image = Image.new("RGB", (30, 10), "red")
    image.paste((0, 0, 255), (10, 0, 20, 10))
    crop = decode_pixels(png(image), Preprocessing(8, 8), LIMITS).pixels
    squash = decode_pixels(png(image), Preprocessing(9, 9, fit="squash"), LIMITS).pixels
    assert crop[:, 3:5].reshape(-1, 3).tolist() == [[0, 0, 255]] * 16
    assert squash[4, 0].tolist() == [255, 0, 0]
    assert squash[4, 4].tolist() == [0, 0, 255]


def test_a_box_looks_at_a_part_of_the_upright_picture() -> None:
    image = Image.new("RGB", (40, 20), "red")
    image.paste((0, 255, 0), (20, 10, 40, 20))
    stored = with_orientation(image.transpose(TURNED[6]), 6, "PNG")
    found = decode_pixels(stored, Preprocessing(8, 8), LIMITS, box=(0.5, 0.5, 0.5, 0.5)).pixels
    assert found.reshape(-1, 3).tolist() == [[0, 255, 0]] * 64


def test_the_smallest_box_has_a_pixel() -> None:
    assert crop_box(photo(), (0.999, 0.999, 1e-9, 1e-9)).size == (1, 1)
    found = decode_pixels(jpeg(), Preprocessing(8, 8), LIMITS, box=(0.5, 0.5, 1e-9, 1e-9))
    assert found.pixels.shape == (8, 8, 3)


def test_boxes_are_four_fractions() -> None:
    assert parse_box("0,0.25,1,0.5") == (0, 0.25, 1, 0.5)


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "0,0,1,1,1", "a,b,c,d", "0,0,0,1", "0,0,1,0", "-0.1,0,1,1", "0.5,0,0.6,1",
     "nan,0,1,1", "0,0,inf,1", "0,0,nan,nan", "0,0,1e400,1"],
)  # fmt: skip
def test_other_boxes_are_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        parse_box(text)


def metadata_photo() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    exif[0x010F] = "SECRET-CAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    return jpeg(
        photo().transpose(TURNED[6]),
        exif=exif,
        comment=b"SECRET-COMMENT",
        icc_profile=b"SECRET-PROFILE" * 10,
        xmp=b"<x:xmpmeta>SECRET-XMP</x:xmpmeta>",
        dpi=(123, 123),
    )


def test_rendered_pictures_are_upright_and_hold_no_metadata() -> None:
    source = metadata_photo()
    assert source.count(b"SECRET") >= 4
    rendered = render_jpeg(source, 1_024, LIMITS)
    assert b"SECRET" not in rendered
    image = Image.open(io.BytesIO(rendered))
    assert image.format == "JPEG"
    assert image.size == (WIDTH, HEIGHT)
    assert len(image.getexif()) == 0
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert difference(np.asarray(image), np.asarray(photo())) < 4


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_rendered_pictures_of_other_types_hold_no_metadata(kind: str) -> None:
    options: dict[str, Any] = (
        {"comment": b"SECRET"} if kind == "GIF" else {"icc_profile": b"SECRET" * 9}
    )
    rendered = render_jpeg(encoded(photo(), kind, **options), 1_024, LIMITS)
    assert b"SECRET" not in rendered


def test_rendered_pictures_fit_and_are_never_enlarged() -> None:
    large = Image.open(io.BytesIO(render_jpeg(jpeg(photo(900, 600)), 300, LIMITS)))
    small = Image.open(io.BytesIO(render_jpeg(jpeg(), 300, LIMITS)))
    assert large.size == (300, 200)
    assert small.size == (WIDTH, HEIGHT)
