"""Hidden places: what the embedding is without each, from fewer copies than there are places."""

import numpy as np
import pytest

from search_engine.encoders.base import Encoder, unit_rows
from search_engine.encoders.poolings import POSITIONS, SIDE
from search_engine.encoders.positions import Positions, unit_positions
from search_engine.encoders.projection import Origin, ProjectedEncoder, Projection
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.images import ImageLimits, decode_pixels
from search_engine.records import Pixels, Vectors
from search_engine.search.hiding import COPIES, FEW, copy_of_places, hidden, without_places
from tests.images.pictures import photo, png

ONE_BY_ONE = np.arange(POSITIONS)


class Patchwork:
    """An encoder that sees at each position its own place only: mean colours, squared as well."""

    spec = create_encoder(EncoderRequest("hsv")).spec
    runtime = "numpy"

    def positions(self, pixels: Pixels) -> Positions:
        """See PositionEncoder."""
        side = pixels.shape[1] // SIDE
        places = pixels.reshape(-1, SIDE, side, SIDE, side, 3).mean(axis=(2, 4)) / 255
        return unit_positions(np.concatenate([places, places**2], axis=3).astype(np.float32))

    def encode(self, pixels: Pixels) -> Vectors:
        """See Encoder."""
        return unit_rows(self.positions(pixels).sum(axis=(1, 2)))


def test_one_copy_hides_places_far_apart() -> None:
    copies = copy_of_places()
    assert set(copies.tolist()) == set(range(COPIES))
    points = np.stack(np.divmod(np.arange(POSITIONS), SIDE), axis=1)
    for copy in range(COPIES):
        some = points[copies == copy]
        apart = np.square(some[:, None] - some).sum(axis=-1)
        assert apart[apart > 0].min() >= 13


def test_a_copy_has_its_places_under_the_mean_colour() -> None:
    view = np.zeros((10, 10, 3), dtype=np.uint8)
    view[:, 5:] = 200
    found = hidden(view, np.array([0, 1, 1, 0]))
    assert found.shape == (3, 10, 10, 3)
    np.testing.assert_array_equal(found[0], view)
    assert (found[1, :5, :5] == 100).all()
    assert (found[1, 5:, 5:] == 100).all()
    np.testing.assert_array_equal(found[1, :5, 5:], view[:5, 5:])
    assert (found[2, :5, 5:] == 100).all()


def test_what_is_seen_in_its_own_place_is_left_out_exactly() -> None:
    view = np.random.default_rng(4).integers(0, 256, size=(70, 70, 3), dtype=np.uint8)
    encoder = Patchwork()
    found = unit_rows(without_places(encoder, view))
    # A copy with one place hidden is scaled otherwise than one with several.
    np.testing.assert_allclose(found, encoder.encode(hidden(view, ONE_BY_ONE)), atol=2e-3)


@pytest.mark.long
def test_the_default_network_falls_as_when_each_place_is_hidden_alone() -> None:
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, runtime="torch-float32"))
    view = decode_pixels(png(photo()), encoder.spec.preprocessing, ImageLimits()).pixels
    true = encoder.encode(hidden(view, ONE_BY_ONE))
    found = unit_rows(without_places(encoder, view))
    assert found[0] @ true[0] > 0.999
    fallen = [1 - rows[1:] @ true[0] for rows in (found, true)]
    assert np.corrcoef(fallen)[0, 1] > 0.5


@pytest.mark.parametrize("name", ["hsv", "hog", "color+shape+texture"])
def test_encoders_without_maps_hide_fewer_places(name: str) -> None:
    encoder = create_encoder(EncoderRequest(name))
    view = decode_pixels(png(photo()), encoder.spec.preprocessing, ImageLimits()).pixels
    found = without_places(encoder, view)
    np.testing.assert_allclose(found, encoder.encode(hidden(view, np.arange(FEW * FEW))), atol=1e-6)


@pytest.mark.parametrize("base", [create_encoder(EncoderRequest("hsv")), Patchwork()])
def test_a_projection_stands_behind_what_is_left(base: Encoder) -> None:
    random = np.random.default_rng(5)
    spec = base.spec
    origin = Origin(fingerprint=spec.fingerprint, target=None, items=9, classes=0, shrinkage=0.1)
    view = random.integers(0, 256, size=(70, 70, 3), dtype=np.uint8)
    plain = without_places(base, view)
    mean = random.normal(0, 0.02, (plain.shape[1],)).astype(np.float32)
    matrix = random.normal(size=(plain.shape[1], 4)).astype(np.float32)
    encoder = ProjectedEncoder(base, Projection(mean, matrix, origin))
    found = without_places(encoder, view)
    np.testing.assert_allclose(found[0], encoder.encode(view[None])[0], atol=1e-5)
    np.testing.assert_allclose(found, encoder.project(unit_rows(plain)), atol=1e-5)


def test_nothing_found_is_nothing() -> None:
    encoder = create_encoder(EncoderRequest("hog"))
    size = encoder.spec.preprocessing.size_px
    view = np.full((size, size, 3), 90, dtype=np.uint8)
    view[size // 8, size // 8] = 255
    found = without_places(encoder, view)
    assert (np.linalg.norm(found, axis=1) > 0).tolist() == [True, False] + [True] * 15
