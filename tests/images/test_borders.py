"""Plain ground around a photo does not count; pictures without it are seen as they always were."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from search_engine.encoders.base import Encoder, encode_pictures
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.images import (
    Box,
    DecodedImage,
    ImageLimits,
    Preprocessing,
    decode_pixels,
    load_rgb,
)
from search_engine.images.borders import FREE_SPACE, content_frame, trim
from search_engine.images.decode_pool import DecodePool
from search_engine.storage.paths import DataPaths
from tests.images.pictures import encoded, jpeg, photo, png

LIMITS = ImageLimits()
CROP = Preprocessing(32, 36)
FORMER = Preprocessing(32, 36, edition=2)
GROUNDS = ["white", "black", (128, 128, 128), (20, 90, 160)]
PADDINGS = [(1.5, 1), (1, 1.5), (1.5, 1.5), (2, 1), (1, 2), (2, 2)]


def scene(width: int = 90, height: int = 120, seed: int = 3) -> Image.Image:
    """A picture of patches in all colours, up to its edges."""
    patches = np.random.default_rng(seed).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC)


def padded(
    image: Image.Image, wider: float, higher: float, ground: str | tuple[int, ...] = "white"
) -> Image.Image:
    canvas = Image.new("RGB", (round(image.width * wider), round(image.height * higher)), ground)
    canvas.paste(image, ((canvas.width - image.width) // 2, (canvas.height - image.height) // 2))
    return canvas


def seen(data: bytes, wanted: Preprocessing = CROP, box: Box | None = None) -> NDArray[np.uint8]:
    return decode_pixels(data, wanted, LIMITS, box).views


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("ground", GROUNDS, ids=str)
@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_a_padded_photo_is_the_photo(
    padding: tuple[float, float], ground: str | tuple[int, ...]
) -> None:
    whole = padded(scene(), *padding, ground)
    assert np.array_equal(seen(png(whole)), seen(png(scene())))
    assert not np.array_equal(seen(png(whole), FORMER), seen(png(scene()), FORMER))


@pytest.mark.parametrize("quality", [60, 75, 95])
@pytest.mark.parametrize("ground", GROUNDS, ids=str)
def test_the_noise_of_jpeg_does_not_hide_a_border(
    quality: int, ground: str | tuple[int, ...]
) -> None:
    photograph = scene(300, 400)
    data = jpeg(padded(photograph, 1.5, 1.3, ground), quality=quality, subsampling=2)
    frame = content_frame(load_rgb(data, LIMITS)[0])
    assert frame is not None
    assert np.abs(np.subtract(frame, (75, 60, 375, 460))).max() <= 3


def test_a_border_may_be_on_one_side_more_than_on_the_other() -> None:
    canvas = Image.new("RGB", (200, 200), "white")
    canvas.paste(scene(), (3, 50))
    assert content_frame(canvas) == (3, 50, 93, 170)


@pytest.mark.parametrize("ratio", [1, 1.4, 1.8, 3])
def test_pictures_without_a_border_are_seen_as_before(ratio: float) -> None:
    for image in (photo(), scene(), scene(seed=8)):
        shaped = image.resize((round(100 * ratio), 100))
        for data in (png(shaped), jpeg(shaped)):
            assert np.array_equal(seen(data), seen(data, FORMER))


def test_one_even_side_is_no_border() -> None:
    image = scene()
    for corners in ((0, 0, 90, 30), (0, 0, 20, 120)):
        sky = image.copy()
        sky.paste("white", corners)
        assert trim(sky) is sky


def test_sides_of_two_colours_are_no_border() -> None:
    image = scene()
    image.paste("white", (0, 0, 20, 120))
    image.paste("black", (70, 0, 90, 120))
    assert trim(image) is image


def test_sides_that_are_not_even_are_no_border() -> None:
    ramp = np.tile(np.linspace(200, 255, 200).astype(np.uint8)[:, None, None], (1, 200, 3))
    canvas = Image.fromarray(ramp)
    canvas.paste(scene(), (50, 40))
    assert trim(canvas) is canvas


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (8, 8), (31, 31), (300, 200)])
@pytest.mark.parametrize("colour", ["white", "black", "teal"])
def test_pictures_of_one_colour_stay_whole(size: tuple[int, int], colour: str) -> None:
    image = Image.new("RGB", size, colour)
    assert trim(image) is image
    for data in (png(image), jpeg(image)):
        assert np.array_equal(seen(data), seen(data, FORMER))


@pytest.mark.parametrize("size", [(2, 2), (5, 9), (31, 31)])
def test_tiny_pictures_stay_whole(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "white")
    image.putpixel((1, 1), (0, 0, 0))
    assert trim(image) is image


def thing(size: tuple[int, int] = (100, 100), room: int = 10) -> Image.Image:
    """A bottle, say: something that does not fill its corners."""
    canvas = Image.new("RGB", (size[0] + 2 * room, size[1] + 2 * room), "white")
    shape = (room, room, room + size[0] - 1, room + size[1] - 1)
    ImageDraw.Draw(canvas).ellipse(shape, fill="darkred")
    return canvas


def test_a_thing_keeps_the_ground_that_it_needs() -> None:
    assert trim(thing(room=7)).size == (114, 114)
    for room in (8, 30, 90):
        space = (trim(thing((140, 140), room)).width - 140) / 2
        assert space == min(room, 140 * FREE_SPACE)


def test_ground_beside_a_narrow_thing_stays() -> None:
    """A bottle in a square picture is not made a picture of another shape."""
    square = padded(thing((40, 100), 7), 114 / 54, 1)
    assert trim(square) is square
    width, height = trim(padded(square, 2, 2)).size
    assert width == height == pytest.approx(114, abs=2)


def test_a_speck_is_not_made_to_fill_the_picture() -> None:
    for speck in ((150, 100, 153, 103), (150, 100, 170, 120)):
        canvas = Image.new("RGB", (400, 400), "white")
        ImageDraw.Draw(canvas).rectangle(speck, fill="black")
        assert min(trim(canvas).size) in (100, 101)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_large_pictures_lose_no_detail(kind: str) -> None:
    photograph = scene(900, 1_200)
    wanted = Preprocessing(224, 256)
    bare, bordered = encoded(photograph, kind), encoded(padded(photograph, 2.5, 2.5), kind)
    assert difference(seen(bordered, wanted), seen(bare, wanted)) < 3


def test_a_region_is_a_picture_like_any_other() -> None:
    whole = padded(scene(), 2, 2)
    data = png(whole)
    assert np.array_equal(seen(data, box=(0, 0, 1, 1)), seen(data))
    part = png(whole.crop((0, 60, 180, 240)))
    assert np.array_equal(seen(data, box=(0, 0.25, 1, 0.75)), seen(part))
    inside = (0.25, 0.25, 0.5, 0.5)
    assert np.array_equal(seen(data, box=inside), seen(png(scene())))


def test_decoding_processes_do_the_same() -> None:
    data = jpeg(padded(scene(300, 400), 2, 2, "black"))
    with DecodePool(LIMITS, 1) as pool:
        (found,) = pool.submit([data], CROP).result()
    assert isinstance(found, DecodedImage)
    assert np.array_equal(found.views, seen(data))


@pytest.fixture(scope="module")
def network(cnn_data: Path) -> Encoder:
    return create_encoder(EncoderRequest("efficientnet_lite0", cache=DataPaths(cnn_data).encoders))


def cosine(encoder: Encoder, one: bytes, other: bytes) -> float:
    preprocessing = encoder.spec.preprocessing
    pictures = [decode_pixels(each, preprocessing, LIMITS) for each in (one, other)]
    _, found = encode_pictures(encoder, pictures)
    return float(found[0] @ found[1])


@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_a_padded_picture_finds_itself(
    padding: tuple[float, float], network: Encoder, sample: Path
) -> None:
    for name in ("backpack-0001-a", "mug-0001-a", "sneaker-0001-a"):
        data = (sample / "images" / f"{name}.jpg").read_bytes()
        with Image.open(sample / "images" / f"{name}.jpg") as image:
            whole = padded(image, *padding)
        for other in (png(whole), jpeg(whole, quality=80)):
            assert cosine(network, data, other) >= 0.95


@pytest.mark.parametrize("shape", ["rectangle", "ellipse"])
def test_a_thing_of_one_colour_is_no_photo_and_keeps_its_outline(shape: str) -> None:
    image = Image.new("RGB", (120, 120), "white")
    getattr(ImageDraw.Draw(image), shape)((30, 30, 89, 89), fill="navy")
    frame = content_frame(image)
    assert frame is not None
    left, top, right, bottom = frame
    margin = round(60 * FREE_SPACE)
    assert abs(30 - left - margin) <= 1
    assert abs(right - 90 - margin) <= 1
    assert (left, right) == (top, bottom)


@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("colour", ["crimson", "gold", "gray"])
def test_the_noise_around_a_thing_is_not_of_its_size(colour: str, quality: int) -> None:
    image = Image.new("RGB", (240, 240), "white")
    ImageDraw.Draw(image).ellipse((60, 70, 170, 180), fill=colour)
    wanted = content_frame(image)
    picture, _ = load_rgb(jpeg(image, quality=quality), LIMITS)
    noisy = content_frame(picture)
    assert wanted is not None
    assert noisy is not None
    assert np.abs(np.subtract(wanted, noisy)).max() <= 1
