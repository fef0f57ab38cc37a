"""Ordinary pictures are seen by their middle; of wide and tall ones nothing is left out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from search_engine.encoders.base import EncoderSpec, encode_picture, encode_pictures, unit_rows
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.errors import NoEmbeddingError
from search_engine.images import DecodedImage, ImageLimits, Preprocessing, decode_pixels
from search_engine.images.geometry import views
from search_engine.records import Pixels, Vectors
from search_engine.storage.paths import DataPaths
from tests.images.pictures import photo, png

LIMITS = ImageLimits()
CROP = Preprocessing(32, 36)
FORMER = Preprocessing(32, 36, edition=1)
SQUASH = Preprocessing(32, 32, fit="squash")


def shaped(ratio: float, image: Image.Image | None = None, short: int = 60) -> Image.Image:
    """A picture as many times as long as it is high; below 1 as many times as high."""
    size = (round(short * ratio), short) if ratio >= 1 else (short, round(short / ratio))
    return (image or photo()).resize(size)


def decoded(image: Image.Image, wanted: Preprocessing = CROP) -> DecodedImage:
    return decode_pixels(png(image), wanted, LIMITS)


@pytest.mark.parametrize(
    ("ratio", "count"),
    [(1, 1), (1.5, 1), (1.6, 2), (2, 2), (2.1, 3), (3, 3), (5, 3), (200, 3)],
)
def test_longer_pictures_have_more_views(ratio: float, count: int) -> None:
    for image in (shaped(ratio), shaped(1 / ratio)):
        assert len(views(image, CROP)) == count
        assert len(views(image, FORMER)) == len(views(image, SQUASH)) == 1


@pytest.mark.parametrize("ratio", [1 / 2.6, 1 / 2, 1 / 1.6, 1 / 1.5, 1, 1.2, 1.5, 1.6, 2, 2.6])
def test_the_middle_is_what_it_was(ratio: float) -> None:
    found = decoded(shaped(ratio))
    former = decoded(shaped(ratio), FORMER)
    assert np.array_equal(former.views, former.pixels[None])
    assert np.array_equal(found.pixels, former.pixels)


@pytest.mark.parametrize("ratio", [1.55, 1.9, 2.3, 3, 3.7, 5, 7, 1 / 1.7, 1 / 2.5, 1 / 7])
def test_a_thing_anywhere_along_the_picture_is_seen(ratio: float) -> None:
    blank = shaped(ratio, Image.linear_gradient("L").point(lambda v: 200 + v // 5).convert("RGB"))
    nothing = decoded(blank).views
    long = max(blank.size)
    for centre in np.linspace(8, long - 8, 40):
        marked = blank.copy()
        across = (centre - 5, 24, centre + 5, 36)
        box = across if ratio > 1 else (across[1], across[0], across[3], across[2])
        ImageDraw.Draw(marked).rectangle(box, fill="black")
        assert (nothing.astype(int) - decoded(marked).views).max() > 60


def test_a_wide_region_is_a_wide_picture() -> None:
    image = shaped(1, short=120)
    region = decode_pixels(png(image), CROP, LIMITS, box=(0, 0.25, 1, 1 / 3))
    assert np.array_equal(region.views, decoded(image.crop((0, 30, 120, 70))).views)


class Colours:
    """Embeddings that are mean colours; black has none."""

    spec = EncoderSpec("colours", 3, CROP)
    runtime = "numpy"

    def encode(self, pixels: Pixels) -> Vectors:
        return unit_rows(pixels.astype(np.float32).mean(axis=(1, 2)))


def of(*colours: tuple[int, int, int]) -> DecodedImage:
    return DecodedImage(np.stack([np.full((4, 4, 3), each, np.uint8) for each in colours]))


RED, GREEN, BLACK = (200, 3, 9), (0, 200, 0), (0, 0, 0)


def test_the_embedding_lies_between_those_of_the_views() -> None:
    kept, found = encode_pictures(Colours(), [of(RED), of(RED, GREEN), of(GREEN)])
    assert kept == [0, 1, 2]
    plain = Colours().encode(np.concatenate([of(RED).views, of(GREEN).views]))
    assert np.array_equal(found[[0, 2]], plain)
    assert np.allclose(found[1], unit_rows(plain.sum(axis=0, keepdims=True))[0])
    assert np.array_equal(encode_picture(Colours(), of(RED, GREEN))[0], found[1])


def test_views_without_an_embedding_do_not_count() -> None:
    kept, found = encode_pictures(Colours(), [of(BLACK), of(BLACK, RED, BLACK), of(BLACK, BLACK)])
    assert kept == [1]
    assert np.allclose(found, Colours().encode(of(RED).views))
    with pytest.raises(NoEmbeddingError) as refused:
        encode_picture(Colours(), of(BLACK, BLACK))
    assert refused.value.rows == (0,)


def thing(colour: str, corners: int) -> Image.Image:
    picture = Image.new("RGB", (180, 180), "white")
    ImageDraw.Draw(picture).regular_polygon((90, 90, 70), corners, fill=colour)
    return picture


def banner(ratio: float, left: Image.Image | None) -> DecodedImage:
    canvas = Image.new("RGB", (round(200 * ratio), 200), "white")
    if left is not None:
        canvas.paste(left.resize((80, 80)), (0, 60))
    return decode_pixels(png(canvas), Preprocessing(224, 256), LIMITS)


@pytest.mark.parametrize("ratio", [16 / 9, 2.0, 3.0, 4.5])
def test_things_near_the_edges_of_banners_tell_them_apart(ratio: float, cnn_data: Path) -> None:
    things = [None, thing("red", 3), thing("blue", 4), thing("green", 7)]
    encoder = create_encoder(
        EncoderRequest("efficientnet_lite0", cache=DataPaths(cnn_data).encoders)
    )
    _, found = encode_pictures(encoder, [banner(ratio, each) for each in things])
    cosines = (found @ found.T)[np.triu_indices(len(things), 1)]
    assert cosines.max() < 0.97
