"""Grids over several views: nothing is lost, and everything stays where it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_engine.encoders.base import unit_rows
from search_engine.encoders.poolings import SIDE
from search_engine.images.geometry import Preprocessing
from search_engine.images.limits import ImageLimits
from search_engine.images.overlay import overlay_png
from search_engine.images.pixels import decode_pixels
from search_engine.search.heat import PictureParts, losses, merged, shares
from tests.images.pictures import photo, png

PLAIN = Preprocessing(32, 36)


@given(
    start=st.floats(-2, 2),
    length=st.floats(0.01, 3),
    count=st.integers(1, 9),
    into=st.integers(1, 24),
)
def test_every_cell_is_shared_out_wholly(
    start: float, length: float, count: int, into: int
) -> None:
    found = shares((start, start + length), count, (0.0, 1.0), into)
    assert found.shape == (into, count)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-5)


def test_cells_are_shared_by_area_and_what_is_outside_goes_to_the_edge() -> None:
    np.testing.assert_allclose(
        shares((-1.0, 2.0), 3, (0.0, 1.0), 2), [[1, 0.5, 0], [0, 0.5, 1]], atol=1e-6
    )


@pytest.mark.parametrize("size", [(60, 60), (60, 84), (110, 60), (60, 110), (180, 60), (30, 400)])
def test_a_grid_has_the_sum_of_its_views_and_lies_in_the_picture(size: tuple[int, int]) -> None:
    decoded = decode_pixels(png(photo().resize(size)), PLAIN, ImageLimits())
    assert len(decoded.boxes) == len(decoded.views)
    random = np.random.default_rng(6)
    views = random.normal(size=(len(decoded.views), 1 + SIDE * SIDE, 5)).astype(np.float32)
    heat = PictureParts.of(views, decoded.boxes).heat(np.eye(5, dtype=np.float32)[0])
    whole = unit_rows(views[:, 0]).sum(axis=0)
    assert heat.grid.sum() == pytest.approx(whole[0] / np.linalg.norm(whole), abs=1e-5)
    x, y, width, height = heat.box
    assert x >= 0
    assert y >= 0
    assert x + width <= 1 + 1e-9
    assert y + height <= 1 + 1e-9


def test_heat_stays_where_it_is() -> None:
    grids = np.zeros((2, SIDE, SIDE), dtype=np.float32)
    grids[:, 0, 6] = 0.5  # above on the right of both
    found = merged(grids, [(0.25, 0, 0.5, 1), (0, -0.5, 1, 2)])
    row, column = np.unravel_index(found.grid.argmax(), found.grid.shape)
    assert row == 0
    assert column > found.grid.shape[1] * 0.6


def test_what_is_hot_is_opaque_and_what_is_cold_is_clear() -> None:
    import io

    from PIL import Image

    grid = np.zeros((7, 7), dtype=np.float32)
    grid[3, 3], grid[0, 0] = 0.1, -0.1
    with Image.open(io.BytesIO(overlay_png(grid))) as picture:
        assert picture.mode == "RGBA"
        opacity = np.asarray(picture)[..., 3]
    assert opacity[0, 0] == 0
    row, column = divmod(int(opacity.argmax()), opacity.shape[1])
    assert 27 <= row <= 28
    assert 27 <= column <= 28
    assert Image.open(io.BytesIO(overlay_png(np.zeros((3, 3), np.float32)))).size == (24, 24)


def test_a_place_has_what_the_score_loses_without_it() -> None:
    whole = np.array([0.6, 0.8], dtype=np.float32)
    without = np.array([[[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]], dtype=np.float32)
    found = losses(whole, without, np.array([1.0, 0.0], dtype=np.float32))
    # The cosine falls from 0.6 by -0.4, -0.2 and 0.6, which add up to 0; all share the 0.6 alike.
    np.testing.assert_allclose(found, [[-0.2, 0.0, 0.8]], atol=1e-6)


def test_a_view_without_an_embedding_counts_for_nothing() -> None:
    views = np.zeros((1, 1 + 4, 3), dtype=np.float32)
    views[0, 0] = views[0, 1] = 2.0, 0.0, 0.0  # nothing else is found where more is hidden
    heat = PictureParts.of(views, ((0, 0, 1, 1),)).heat(np.eye(3, dtype=np.float32)[0])
    np.testing.assert_allclose(heat.grid, [[-0.5, 0.5], [0.5, 0.5]], atol=1e-6)
