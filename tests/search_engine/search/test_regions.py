"""Regions: what is proposed, how hits of several are combined, and whole searches."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from search_engine.encoders.poolings import SIDE
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.images import PixelBox
from search_engine.search.asked import Asked
from search_engine.search.query_cache import QueryToken
from search_engine.search.regions import COST, MOST_PROPOSED, best_of, overlap, propose
from tests.conftest import copy_data
from tests.images.pictures import png


@settings(deadline=None)  # scipy is imported at first
@given(arrays(np.float32, (SIDE, SIDE), elements=st.floats(0, 100, width=32)))
def test_proposals_lie_in_the_photo_and_differ(energy: NDArray[np.float32]) -> None:
    found = propose(energy)
    assert len(found) <= MOST_PROPOSED
    for number, one in enumerate(found):
        x, y, width, height = one.box
        assert 0 <= x < x + width <= 1 + 1e-9
        assert 0 <= y < y + height <= 1 + 1e-9
        assert 0 <= one.score <= 1 + 1e-6
        assert all(overlap(one.box, other.box) <= 0.6 for other in found[:number])


def test_what_stands_out_is_proposed_first() -> None:
    energy = np.ones((SIDE, SIDE), dtype=np.float32)
    energy[1:3, 4:6] = 9
    first = propose(energy)[0]
    assert first.box == pytest.approx((4 / 7, 1 / 7, 2 / 7, 2 / 7))
    assert first.score == pytest.approx(1)


def test_nothing_stands_out_where_all_is_alike() -> None:
    assert propose(np.ones((SIDE, SIDE), dtype=np.float32)) == ()


def test_an_item_has_the_best_of_its_scores() -> None:
    one = np.array([3, 1, 2]), np.array([0.9, 0.5, 0.4], dtype=np.float32)
    other = np.array([2, 4, 3]), np.array([0.7, 0.5, 0.1], dtype=np.float32)
    keys, scores = best_of([one, other], 3)
    assert keys.tolist() == [3, 2, 1]  # equal scores by key
    assert scores.tolist() == pytest.approx([0.9, 0.7, 0.5])


@pytest.fixture(scope="module")
def engine(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    data = tmp_path_factory.mktemp("regions") / "data"
    copy_data(hsv_data, data)
    with SearchEngine(data) as opened:
        yield opened


@pytest.fixture(scope="module")
def corner(sample: Path) -> bytes:
    """A drawn picture in the lower right quarter of a grey one."""
    from PIL import Image

    with Image.open(min((sample / "images").glob("*.jpg"))) as picture:
        thing = picture.convert("RGB").resize((200, 200))
    ground = Image.radial_gradient("L").resize((400, 400)).convert("RGB")
    ground.paste(thing, (200, 200))
    return png(ground)


def test_a_thing_in_a_corner_is_found_by_that_corner(engine: SearchEngine, corner: bytes) -> None:
    plain, auto = (engine.search(corner, k=5, regions=mode) for mode in (None, "auto"))
    assert plain.regions is None
    best = auto.neighbors[0]
    assert best.score > plain.neighbors[0].score
    assert best.region is not None
    assert auto.regions is not None
    region = auto.regions[best.region]
    assert region.box == (0.5, 0.5, 0.5, 0.5)
    alone = engine.search(corner, k=1, box="0.5,0.5,0.5,0.5").neighbors[0]
    assert alone.item.item_id == best.item.item_id
    assert alone.score - COST == pytest.approx(best.score, abs=1e-4)
    scores = [each.score for each in auto.neighbors]
    assert scores == sorted(scores, reverse=True)


def test_no_score_is_lower_than_without_regions(engine: SearchEngine, corner: bytes) -> None:
    plain = engine.search(corner, k=200)
    auto = {
        each.item.item_id: each.score
        for each in engine.search(corner, k=200, regions="auto").neighbors
    }
    assert all(auto[each.item.item_id] >= each.score - 1e-6 for each in plain.neighbors)


def test_pages_groups_and_least_scores_hold_with_regions(
    engine: SearchEngine, corner: bytes
) -> None:
    whole = engine.search(corner, k=20, regions="auto")
    first = engine.search(corner, k=8, regions="auto")
    second = engine.search(corner, k=12, regions="auto", cursor=first.next_cursor)
    shown = [each.item.item_id for each in (*first.neighbors, *second.neighbors)]
    assert shown == [each.item.item_id for each in whole.neighbors]
    with pytest.raises(ParameterError, match="regions"):
        engine.search(corner, k=8, cursor=first.next_cursor)
    labels = [
        each.item.label
        for each in engine.search(corner, k=5, regions="auto", group_by="label").neighbors
    ]
    assert len(labels) == len(set(labels)) == 5
    least = whole.neighbors[4].score
    kept = engine.search(corner, k=20, regions="auto", min_score=least).neighbors
    assert len(kept) == 5


def test_the_parts_of_a_photo_are_remembered(engine: SearchEngine, corner: bytes) -> None:
    engine.search(corner, regions="auto")
    assert engine.search(corner, regions="auto").timings_ms["encode"] == 0


@pytest.mark.parametrize(
    "options",
    [
        {"regions": "all"},
        {"regions": "auto", "box": "0,0,0.5,0.5"},
        {"regions": "propose", "box": "0,0,0.5,0.5"},
        {"regions": "auto", "rerank": "aqe"},
        {"regions": "auto", "explain": "grid"},
        {"regions": "propose"},  # by an encoder without maps
    ],
)
def test_what_does_not_go_together_is_refused(
    engine: SearchEngine, corner: bytes, options: dict[str, str]
) -> None:
    with pytest.raises(ParameterError):
        engine.search(corner, **options)  # type: ignore[arg-type]


def test_regions_are_of_photos(engine: SearchEngine, corner: bytes) -> None:
    token = engine.search(corner).query_token
    assert token is not None
    with pytest.raises(ParameterError, match="`regions` is about a photo"):
        engine.search(QueryToken(token), regions="auto")
    with pytest.raises(ParameterError, match="`regions` is about a photo"):
        Asked(item_id="a", regions="auto")


def test_a_box_in_pixels_is_the_one_in_fractions(engine: SearchEngine, corner: bytes) -> None:
    wanted = engine.search(corner, box="0.5,0.5,0.5,0.5")
    for box in ("200px,200px,200px,200px", PixelBox(200, 200, 200, 200)):
        assert engine.search(corner, box=box).query_token == wanted.query_token


@pytest.mark.parametrize(
    "box",
    [
        "201px,200px,200px,200px",
        "0px,0px,0px,9px",
        "1px,2px,3px",
        "0.1,0.1,100px,100px",
        "1.5px,1px,2px,2px",
        "-1px,0px,5px,5px",
        "10,10,100,100",
    ],
)
def test_other_boxes_are_refused_with_what_fits(
    engine: SearchEngine, corner: bytes, box: str
) -> None:
    with pytest.raises(ParameterError, match="px") as caught:
        engine.search(corner, box=box)
    assert caught.value.where == "box"
