"""Local features: the same thing is recognised in another photo, another thing is not."""

import numpy as np
import pytest
from PIL import Image

from search_engine.search.rerank import local_features as module
from search_engine.search.rerank.base import Candidates
from search_engine.search.rerank.geometric import VERIFIED, verify
from search_engine.search.rerank.local_features import (
    LEAST_INLIERS,
    SIDE_PX,
    LocalFeatures,
    inliers,
    local_features,
    matches,
    side_px,
)
from tests.reranked import (
    DrawnPictures,
    blurred,
    candidates,
    drawn,
    features,
    jpeg,
    photographed,
)
from tests.search_engine.evaluate.test_evaluation import on_circle


def test_the_same_thing_turned_cropped_and_darker_agrees() -> None:
    query, photo = features(drawn(1)), features(photographed(drawn(1)))
    assert inliers(query, photo) > 3 * LEAST_INLIERS
    assert inliers(photo, query) > 3 * LEAST_INLIERS


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_another_thing_does_not(seed: int) -> None:
    assert inliers(features(drawn(1)), features(photographed(drawn(seed)))) == 0


def test_the_same_pictures_give_the_same_number() -> None:
    query, photo = features(drawn(1)), features(photographed(drawn(1)))
    assert len({inliers(query, photo) for _ in range(5)}) == 1


def test_nothing_stands_out_in_an_even_picture() -> None:
    even = features(Image.new("RGB", (200, 200), "red"))
    assert even.points.shape == (0, 2)
    assert even.descriptors.shape == (0, 128)
    for other in (even, features(drawn(1)), LocalFeatures.none()):
        assert inliers(even, other) == inliers(other, even) == 0


def test_each_feature_is_in_one_match_at_most() -> None:
    first, second = matches(features(drawn(1)), features(photographed(drawn(1))))
    assert len(first) == len(second) == len(set(first.tolist())) == len(set(second.tolist())) > 0


def test_a_single_feature_has_no_second_best() -> None:
    many = features(drawn(1))
    one = LocalFeatures(many.points[:1], many.descriptors[:1])
    assert len(matches(many, one)[0]) == 0


@pytest.mark.parametrize("height", [0.0, 0.02])
def test_points_that_fall_on_one_line_agree_on_nothing(height: float) -> None:
    many = features(drawn(1))
    flat = LocalFeatures(many.points * np.array([1, height], np.float32), many.descriptors)
    assert len(matches(many, flat)[0]) > 2 * LEAST_INLIERS
    assert inliers(many, flat) == 0


def test_more_matches_need_more_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the matches agrees: too few of so many, though more than the least."""
    many = features(drawn(1))
    count = len(many.points)
    moved = many.points + np.random.default_rng(0).uniform(-500, 500, (count, 2)).astype(np.float32)
    still = np.arange(count) % 5 == 0
    other = LocalFeatures(np.where(still[:, None], many.points, moved), many.descriptors)
    assert LEAST_INLIERS < still.sum() < LEAST_INLIERS + 0.3 * len(matches(many, other)[0])
    assert inliers(many, other) == 0
    monkeypatch.setattr(module, "INLIERS_A_MATCH", 0.0)
    assert inliers(many, other) >= still.sum() - 5


def test_a_region_is_looked_at_as_closely_as_a_whole_picture() -> None:
    assert side_px(None) == SIDE_PX
    assert side_px((0.2, 0.2, 0.5, 0.25)) == 2 * SIDE_PX
    assert side_px((0.0, 0.0, 0.01, 0.01)) == 4 * SIDE_PX
    whole = jpeg(drawn(1))
    region = local_features(whole, (0.0, 0.0, 0.5, 0.5))
    assert 0 < len(region.points) < len(local_features(whole).points)
    assert region.points.max() <= 200


class TestOrder:
    def order(self, items: list[Image.Image | None]) -> list[int]:
        """Items at growing angles from the query, which is the first drawn thing."""
        degrees = [float(number) for number in range(1, len(items) + 1)]
        found = candidates(on_circle([0])[0], on_circle(degrees))
        pictures = DrawnPictures(drawn(1), items)
        best = verify(Candidates(found.query, found.keys, found.scores, found.gallery, pictures))
        return [int(place) for place in best]

    def test_the_same_thing_comes_before_what_looks_alike(self) -> None:
        items: list[Image.Image | None] = [
            drawn(2),
            blurred(drawn(1)),
            photographed(drawn(1)),
            drawn(3),
        ]
        assert self.order(items) == [2, 0, 1, 3]

    def test_more_agreement_comes_first(self) -> None:
        assert self.order([drawn(2), photographed(drawn(1)), drawn(1)]) == [2, 1, 0]

    def test_what_cannot_be_read_stays(self) -> None:
        assert self.order([None, drawn(2), None]) == [0, 1, 2]
        assert self.order([None, drawn(1)]) == [1, 0]

    def test_only_the_first_are_looked_at(self) -> None:
        items: list[Image.Image | None] = [None] * VERIFIED
        assert self.order([*items, drawn(1)]) == list(range(VERIFIED + 1))
        assert self.order([*items[:-1], drawn(1)])[0] == VERIFIED - 1
