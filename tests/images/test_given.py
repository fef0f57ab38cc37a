"""Whatever a program has a picture as, it is the same picture."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from search_engine.engine import SearchEngine
from search_engine.errors import (
    EmptyFileError,
    MissingPictureError,
    ParameterError,
    TooManyBytesError,
    TooManyPixelsError,
)
from search_engine.images import CATALOG_FORMATS, ImageLimits, load_rgb, picture_bytes
from tests.images.pictures import encoded, jpeg, photo, png, with_orientation
from tests.images.profiles import INKS, PROPHOTO, in_colours_of

LIMITS = ImageLimits(formats=CATALOG_FORMATS)
PIXELS = np.asarray(photo())


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def seen(picture: Any) -> Any:
    return np.asarray(load_rgb(picture_bytes(picture, LIMITS), LIMITS)[0])


def test_bytes_come_in_any_holder() -> None:
    data = jpeg()
    every_second = memoryview(bytes(2 * len(data)))[::2]
    for holder in (data, bytearray(data), memoryview(data), memoryview(bytearray(data))):
        assert picture_bytes(holder, LIMITS) == data
    assert picture_bytes(every_second, LIMITS) == bytes(len(data))


def test_files_come_by_path_or_open(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    for one in (path, str(path), io.BytesIO(jpeg())):
        assert picture_bytes(one, LIMITS) == jpeg()
    with path.open("rb") as file:
        assert picture_bytes(file, LIMITS) == jpeg()
        with pytest.raises(EmptyFileError, match="seek"):
            picture_bytes(file, LIMITS)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_an_open_picture_is_the_picture_of_its_file(kind: str) -> None:
    data = encoded(photo(), kind)
    assert np.array_equal(seen(opened(data)), seen(data))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "F"])
def test_images_of_every_mode_are_taken(mode: str) -> None:
    image = photo().convert("L").convert(mode) if mode in ("LA", "F") else photo().convert(mode)
    before = image.copy()
    assert seen(image).shape == PIXELS.shape
    assert image == before


def test_deep_grey_is_not_clipped() -> None:
    deep = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    assert np.array_equal(seen(deep)[..., 0], PIXELS[..., 0])


def test_grey_in_a_wider_mode_is_the_same_grey() -> None:
    grey = photo().convert("L")
    assert np.array_equal(seen(grey.convert("I")), seen(grey))


def test_images_are_turned_as_their_exif_data_say() -> None:
    data = with_orientation(photo(), 6, "PNG")
    assert seen(opened(data)).shape == (PIXELS.shape[1], PIXELS.shape[0], 3)
    assert np.array_equal(seen(opened(data)), seen(data))


def test_images_keep_their_colour_profile() -> None:
    data = png(in_colours_of(photo(), PROPHOTO), icc_profile=PROPHOTO)
    assert np.abs(seen(opened(data)).astype(int) - PIXELS).mean() < 1
    inks = encoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "TIFF", icc_profile=INKS)
    assert np.array_equal(seen(opened(inks)), seen(inks))


def test_arrays_are_rgb_or_grey_with_or_without_alpha() -> None:
    height, width, _ = PIXELS.shape
    grey = PIXELS[..., 0]
    solid = np.dstack([PIXELS, np.full((height, width), 255, np.uint8)])
    assert np.array_equal(seen(PIXELS), PIXELS)
    assert np.array_equal(seen(PIXELS[:, ::-1]), PIXELS[:, ::-1])
    assert np.array_equal(seen(solid), PIXELS)
    for one in (grey, grey[..., None]):
        assert np.array_equal(seen(one), np.dstack([grey] * 3))


@pytest.mark.parametrize(
    "array",
    [
        PIXELS / 255,
        PIXELS.astype(int),
        PIXELS.transpose(2, 0, 1),
        PIXELS[None],
        PIXELS[..., :2],
        PIXELS[:0],
        PIXELS > 9,
        np.array(7, np.uint8),
    ],
    ids=lambda array: f"{array.shape} {array.dtype}",
)
def test_other_arrays_are_refused_with_their_shape_and_type(array: Any) -> None:
    with pytest.raises(ParameterError, match=r"height, width.*uint8") as refused:
        picture_bytes(array, LIMITS)
    assert f"{array.shape} and type {array.dtype}" in refused.value.what


@pytest.mark.parametrize("thing", [None, 7, 1.5, ["a.jpg"], {"path": "a.jpg"}, object()])
def test_other_things_are_refused_with_what_is_accepted(thing: Any) -> None:
    with pytest.raises(ParameterError) as refused:
        picture_bytes(thing, LIMITS)
    assert refused.value.what == f"{type(thing).__name__} is no picture"
    for each in ("bytes", "path", "file", "PIL", "NumPy"):
        assert each in (refused.value.fix or "")


def test_a_text_that_is_no_path_is_named_but_not_in_full() -> None:
    with pytest.raises(MissingPictureError, match=r"/nowhere/photo\.jpg"):
        picture_bytes("/nowhere/photo.jpg", LIMITS)
    with pytest.raises(MissingPictureError, match="empty"):
        picture_bytes("", LIMITS)
    with pytest.raises(MissingPictureError) as refused:
        picture_bytes("iVBORw0KGgo" * 9_999, LIMITS)
    assert len(str(refused.value)) < 400


def test_a_file_opened_as_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("text")
    with path.open() as file, pytest.raises(ParameterError, match='mode "rb"'):
        picture_bytes(file, LIMITS)  # type: ignore[arg-type]


def test_files_are_not_read_beyond_the_limit() -> None:
    file = io.BytesIO(bytes(10_000))
    with pytest.raises(TooManyBytesError):
        picture_bytes(file, ImageLimits(max_bytes=100))
    assert file.tell() == 101


def test_pixels_may_take_more_bytes_than_a_file_but_not_be_more() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1_100, 1_200, 3), np.uint8)
    limits = ImageLimits(max_bytes=2**20 + 2**19)
    data = picture_bytes(noise, limits)
    assert len(data) <= limits.max_bytes
    assert opened(data).size == (600, 550)
    with pytest.raises(TooManyBytesError):
        picture_bytes(noise, ImageLimits(max_bytes=2**10))
    with pytest.raises(TooManyPixelsError):
        picture_bytes(noise, ImageLimits(max_pixels=10**6))


def test_the_engine_takes_them_all(
    hsv_data: Path, cnn_data: Path, tmp_path: Path, sample: Path
) -> None:
    path = sorted((sample / "images").rglob("*.jpg"))[0]
    image = opened(path.read_bytes())
    data = path.read_bytes()
    given: list[Any] = [path, str(path), data, bytearray(data), image, np.array(image)]
    with SearchEngine(hsv_data) as engine:
        best = [engine.search(one, k=1).neighbors[0].item.item_id for one in given]
        assert len(set(best)) == 1
        assert engine.classify(io.BytesIO(data)).prediction is not None
        assert engine.search(io.BytesIO(data), rerank="geometric").rerank == "geometric"
        token = engine.search(image).query_token
        assert engine.search(np.array(image)).query_token == token
    shutil.copytree(cnn_data / "encoders", tmp_path / "new" / "encoders")
    with SearchEngine(tmp_path / "new") as engine:
        for number, one in enumerate(given):
            engine.upsert(str(number), one)
        assert engine.search(path, k=1).neighbors[0].score > 0.99
