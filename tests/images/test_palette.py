"""Dominant colours: which are found, how much each takes, and what they are called."""

import numpy as np
import pytest
from PIL import Image

from search_engine.images import ImageLimits, Preprocessing, decode_colors, decode_pixels
from search_engine.images.color_names import NAMED, nearest_name
from search_engine.images.decoder import decode_each
from search_engine.images.palette import (
    PACKED_BYTES,
    Swatch,
    lab_of,
    packed_palettes,
    sample,
    swatches,
)
from search_engine.images.palette_table import PaletteTable
from tests.images.pictures import jpeg

RED, TEAL, WHITE = (200, 30, 30), (20, 130, 135), (255, 255, 255)


def filled(*parts: tuple[tuple[int, int, int], tuple[int, int, int, int]]) -> Image.Image:
    """A white picture of 200 x 200 with rectangles in colours."""
    image = Image.new("RGB", (200, 200), WHITE)
    for color, box in parts:
        image.paste(color, box)
    return image


def palette(image: Image.Image) -> tuple[Swatch, ...]:
    return swatches(packed_palettes(sample(image))[0])


def found(image: Image.Image) -> dict[tuple[int, int, int], float]:
    return {each.rgb: round(each.share, 1) for each in palette(image)}


def test_a_plain_ground_is_no_colour_of_the_thing_on_it() -> None:
    assert found(filled((RED, (60, 50, 140, 150)))) == {RED: 1.0}
    assert found(filled((RED, (60, 50, 140, 100)), (TEAL, (60, 100, 140, 150)))) == {
        RED: 0.5,
        TEAL: 0.5,
    }


def test_a_hole_in_a_thing_counts_as_the_ground_around_it_does_not() -> None:
    ring = filled((RED, (40, 40, 160, 160)), (WHITE, (80, 80, 120, 120)))
    assert found(ring).keys() == {RED, WHITE}
    assert found(ring)[RED] > found(ring)[WHITE]


def test_a_picture_of_nothing_but_ground_has_its_colour() -> None:
    assert found(filled()) == {WHITE: 1.0}
    assert found(filled((RED, (99, 99, 103, 103)))) == {WHITE: 1.0}, "a speck is no thing"


def test_a_scene_without_a_ground_counts_as_a_whole_and_its_middle_most() -> None:
    halves = filled((RED, (0, 0, 200, 100)), (TEAL, (0, 100, 200, 200)))
    assert found(halves) == {RED: 0.5, TEAL: 0.5}
    stripes = filled((RED, (0, 0, 66, 200)), (TEAL, (66, 0, 134, 200)))
    assert max(found(stripes), key=lambda color: found(stripes)[color]) == TEAL


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (1_000, 2)])
def test_pictures_of_any_size_have_colours(size: tuple[int, int]) -> None:
    (packed,) = packed_palettes(sample(Image.new("RGB", size, TEAL)))
    assert len(packed) == PACKED_BYTES
    assert [each.rgb for each in swatches(packed)] == [TEAL]


def test_shades_that_look_the_same_are_one_colour_and_few_are_kept() -> None:
    noise = np.random.default_rng(3).normal(0, 4, size=(200, 200, 3)) + TEAL
    (only,) = palette(Image.fromarray(noise.clip(0, 255).astype(np.uint8)))
    assert np.abs(np.subtract(only.rgb, TEAL)).max() <= 3
    random = np.random.default_rng(4).integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
    assert 2 <= len(palette(Image.fromarray(random))) <= 6


def test_cielab_is_that_of_the_standard() -> None:
    """Values of sRGB's primaries in D65, as colour tables give them."""
    expected = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]]
    assert lab_of(np.eye(3) * 255) == pytest.approx(np.array(expected), abs=0.05)
    assert lab_of(np.array([[255] * 3, [0] * 3])) == pytest.approx(
        np.array([[100, 0, 0], [0, 0, 0]]), abs=0.01
    )


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ("d32f2f", "red"), ("1b5e20", "green"), ("0d47a1", "blue"), ("1a237e", "navy"),
        ("ffe135", "yellow"), ("ff9800", "orange"), ("e91e63", "pink"), ("8e24aa", "purple"),
        ("008080", "teal"), ("8b5a2b", "brown"), ("f5f5dc", "beige"), ("9e9e9e", "grey"),
        ("202020", "black"), ("fafafa", "white"),
    ],
)  # fmt: skip
def test_colours_are_called_what_people_call_them(color: str, name: str) -> None:
    red, green, blue = bytes.fromhex(color)
    assert nearest_name((red, green, blue)) == name


def test_every_example_has_its_own_name() -> None:
    for name, colors in NAMED.items():
        for each in colors.split():
            red, green, blue = bytes.fromhex(each)
            assert nearest_name((red, green, blue)) == name


def test_decoding_finds_the_same_colours_with_and_without_an_encoder() -> None:
    data = jpeg(filled((RED, (50, 60, 150, 140))))
    limits, preprocessing = ImageLimits(), Preprocessing(224, 256)
    assert decode_pixels(data, preprocessing, limits).colors is None
    (decoded,) = (each.colors for each in decode_each([data], preprocessing, limits, True))
    assert decoded == decode_colors(data, limits)
    assert decoded.names == ("red",)


def test_a_match_is_the_share_of_the_colours_up_to_what_is_asked() -> None:
    pictures = [
        filled((RED, (0, 0, 200, 200))),
        filled((RED, (0, 0, 200, 100)), (TEAL, (0, 100, 200, 200))),
        filled((TEAL, (0, 0, 200, 200))),
    ]
    packed = b"".join(packed_palettes(np.concatenate([sample(each) for each in pictures])))
    table = PaletteTable(np.frombuffer(packed, dtype=np.uint8).reshape(3, -1))
    assert table.match({"#c81e1e": 1}) == pytest.approx([1, 0.5, 0], abs=0.05)
    assert table.match({"teal": 2}) == pytest.approx([0, 0.5, 1], abs=0.1)
    both = table.match({"#c81e1e": 1, "#148287": 1})
    assert both == pytest.approx([0.5, 1, 0.5], abs=0.05)
    assert len(PaletteTable(np.zeros((0, PACKED_BYTES), dtype=np.uint8)).match({"red": 1})) == 0


def test_pictures_have_the_same_colours_alone_and_among_others() -> None:
    pictures = [filled((color, (n, 50, 150, 150))) for n, color in enumerate([RED, TEAL, RED])]
    together = packed_palettes(np.concatenate([sample(each) for each in pictures]))
    assert together == [packed_palettes(sample(each))[0] for each in pictures]
