"""Hashes of pictures: which changes leave copies, and what is none."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from search_engine.images import ImageLimits, decode_pixels
from search_engine.images.picture_hash import (
    STORED,
    are_copies,
    picture_hash,
    poses,
    unpack_hashes,
)
from search_engine.images.spectrum import PREPROCESSING
from tests.images.pictures import jpeg, png
from tests.images.test_spectrum import textured


def hashed(image: Image.Image, quality: int = 85) -> bytes:
    file = jpeg(image, quality=quality)
    return decode_pixels(file, PREPROCESSING, ImageLimits()).picture_hash


def same(one: bytes, other: bytes) -> bool:
    first, second = unpack_hashes([one, other])
    found = are_copies(first, np.array([second]))
    assert found == are_copies(second, np.array([first]))
    return bool(found[0])


@pytest.mark.parametrize("turn", list(Image.Transpose))
def test_each_pose_has_the_signs_of_the_turned_picture(turn: Image.Transpose) -> None:
    image = textured(1)
    one, turned = unpack_hashes([picture_hash(image), picture_hash(image.transpose(turn))])
    away = np.bitwise_count(poses(one["signs"]) ^ turned["signs"]).sum(axis=1)
    assert sorted(away.tolist())[0] <= 4
    assert sorted(away.tolist())[1] > 60
    assert same(one.tobytes(), turned.tobytes())


@pytest.mark.parametrize(("side", "quality"), [(32, 85), (64, 60), (400, 30)])
def test_copies_in_other_sizes_and_codings_are_the_same(side: int, quality: int) -> None:
    image = textured(2)
    small = ImageOps.contain(image, (side, side))
    assert same(hashed(image), hashed(small, quality))
    assert same(hashed(image), hashed(ImageOps.mirror(small).rotate(90, expand=True), quality))


def test_a_frame_is_not_looked_at() -> None:
    assert same(hashed(textured(3)), hashed(ImageOps.expand(textured(3), 30, "white")))


def test_other_pictures_are_not_the_same() -> None:
    hashes = unpack_hashes([hashed(textured(seed)) for seed in range(30)])
    for number, one in enumerate(hashes):
        assert np.flatnonzero(are_copies(one, hashes)).tolist() == [number]


def test_one_shape_in_two_colours_is_two_pictures() -> None:
    def vase(colour: str) -> bytes:
        image = Image.new("RGB", (300, 300), (245, 245, 245))
        draw = ImageDraw.Draw(image)
        draw.polygon([(90, 60), (150, 40), (260, 250), (120, 270)], fill=colour)
        draw.ellipse((40, 150, 130, 220), fill=colour)
        return decode_pixels(png(image), PREPROCESSING, ImageLimits()).picture_hash

    red, brown = unpack_hashes([vase("#c03030"), vase("#a04a28")])
    assert np.bitwise_count(red["signs"] ^ brown["signs"]).sum() <= 10
    assert not same(vase("#c03030"), vase("#a04a28"))
    assert same(vase("#c03030"), vase("#c03030"))


@pytest.mark.parametrize("other", ["white", "black", "#336699"])
def test_what_has_no_details_has_no_hash(other: str) -> None:
    image = Image.new("RGB", (200, 200), "white")
    image.paste(other, (50, 50, 150, 150))  # its own mirror image in all poses
    assert picture_hash(image) == b""


def test_a_hash_has_the_stored_size() -> None:
    assert len(hashed(textured(1))) == STORED.itemsize == 80
