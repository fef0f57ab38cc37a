"""Perceptual hashes: what they keep when a picture is changed, and what tells pictures apart."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from search_engine.images import ImageLimits, decode_pixels
from search_engine.images.crops import part_likeness
from search_engine.images.spectrum import (
    PREPROCESSING,
    Spectra,
    details,
    in_any_pose,
    likeness,
    spectra_of,
)
from tests.images.pictures import jpeg

SIDE = 160


def textured(seed: int) -> Image.Image:
    """Blobs of all sizes, as photos have them."""
    random = np.random.default_rng(seed)
    picture = np.zeros((SIDE, SIDE, 3))
    for cells in (4, 8, 16, 32):
        noise = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        picture += np.asarray(noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / cells
    return Image.fromarray((picture * 255 / picture.max()).astype(np.uint8))


def spectrum(image: Image.Image, quality: int = 90) -> Spectra:
    """Of one picture, (1, F, F)."""
    file = jpeg(image, quality=quality)
    return spectra_of(decode_pixels(file, PREPROCESSING, ImageLimits()).views)


def agreement(one: Image.Image, other: Image.Image) -> float:
    return float(likeness(details(spectrum(one)), details(spectrum(other)))[0])


@pytest.mark.parametrize("turn", list(Image.Transpose))
def test_a_turned_or_mirrored_picture_is_the_same(turn: Image.Transpose) -> None:
    image = textured(1)
    turned = image.transpose(turn)
    assert agreement(image, turned) > 0.99
    ways = in_any_pose(np.concatenate([spectrum(image), spectrum(turned)]))
    assert ways[0] @ ways[1] > 0.99


@pytest.mark.parametrize("side", [32, 64, 640])
def test_size_coding_and_border_do_not_matter(side: int) -> None:
    image = textured(2)
    assert agreement(image, image.resize((side, side))) > 0.9
    assert agreement(image, ImageOps.expand(image.resize((side, side)), 20, "white")) > 0.88
    assert likeness(details(spectrum(image)), details(spectrum(image, quality=20)))[0] > 0.95


def test_likeness_is_symmetric_and_others_are_not_like() -> None:
    rows = details(np.concatenate([spectrum(textured(seed)) for seed in range(20)]))
    one, other = np.triu_indices(20, 1)
    assert np.allclose(
        likeness(rows[one], rows[other]), likeness(rows[other], rows[one]), atol=1e-5
    )
    assert likeness(rows[one], rows[other]).max() < 0.5
    assert np.allclose(likeness(rows, rows), 1, atol=1e-5)


def test_a_part_is_known_and_another_picture_is_none() -> None:
    image = textured(3)
    part = image.crop((11, 5, 143, 141))
    whole = spectrum(image)[0]
    assert part_likeness(whole, spectrum(part))[0] > 0.95
    assert part_likeness(whole, spectrum(textured(4)))[0] < 0.6
    assert part_likeness(whole, spectrum(image))[0] > 0.99


def test_a_plain_picture_is_like_nothing() -> None:
    plain = Image.new("RGB", (64, 64), "red")
    assert agreement(plain, plain) == 0
    assert not in_any_pose(spectrum(plain)).any()
    assert part_likeness(spectrum(textured(5))[0], spectrum(plain))[0] == 0


def test_spectra_are_those_of_the_brightness() -> None:
    image = textured(6)
    grey = image.convert("L").convert("RGB")
    assert np.abs(spectrum(image) - spectrum(grey)).max() < 120  # of 16,000, by JPEG
    buffer = io.BytesIO()
    grey.save(buffer, "PNG")
    found = decode_pixels(buffer.getvalue(), PREPROCESSING, ImageLimits()).views
    assert spectra_of(found)[0, 0, 0] == pytest.approx(found.mean() * 64, rel=1e-3)
