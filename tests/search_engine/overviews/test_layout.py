"""Places in a plane, of made-up vectors whose groups are known."""

import numpy as np
import pytest

from search_engine.neighbors import nearest
from search_engine.overviews.layout import EARLY, LATE, Places, into_square, lay_out, place_among
from search_engine.records import Codes, Vectors
from tests.search_engine.test_clustering import groups

pytest.importorskip("openTSNE")


def laid_out(vectors: Vectors, told: list[int] | None = None) -> Places:
    scores, rows = nearest(vectors, vectors, 30, np.arange(len(vectors)))
    return lay_out(vectors, scores, rows, (told if told is not None else []).append)


def test_groups_lie_apart_and_each_together() -> None:
    vectors, names = groups([40, 40, 40])
    told: list[int] = []
    places = laid_out(vectors, told)
    assert places.shape == (120, 2)
    assert places.dtype == np.float32
    assert 0 <= places.min() <= places.max() <= 1
    assert sum(told) == EARLY + LATE
    labels = np.array(names)
    near = nearest_places(places)
    assert (labels[near] == labels[:, None]).all()


def nearest_places(places: Places) -> Codes:
    """Rows of the 5 nearest places of each, itself left out."""
    distances = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1)[:, :5]


def test_the_same_items_give_the_same_map() -> None:
    vectors, _ = groups([25, 25])
    assert np.array_equal(laid_out(vectors), laid_out(vectors))


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 12])
def test_few_items_have_places_too(count: int) -> None:
    vectors, _ = groups([count])
    places = laid_out(vectors)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_equal_items_have_places_too() -> None:
    places = laid_out(np.repeat(groups([1])[0], 30, axis=0))
    assert np.isfinite(places).all()


def test_proportions_are_kept_in_the_square() -> None:
    places = into_square(np.array([[0.0, 0.0], [10.0, 5.0]]))
    assert places.tolist() == [[0.0, 0.25], [1.0, 0.75]]


def test_a_further_item_goes_to_most_of_its_neighbors() -> None:
    places = np.array([[0.1, 0.1], [0.2, 0.1], [0.1, 0.2], [0.9, 0.9]], dtype=np.float32)
    (placed,) = place_among(places, np.array([[0, 1, 2, 3, 0]]))
    assert placed.tolist() == pytest.approx([0.1, 0.1])
