"""`turns`: photos that lie on their side find what they find upright."""

from pathlib import Path

import pytest
from PIL import Image

from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.search.examples import Example
from search_engine.search.query_cache import QueryToken
from tests.images.pictures import jpeg

TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_photo_finds_what_the_upright_one_finds(
    cnn_data: Path, shopper_photo: Path, turn: Image.Transpose
) -> None:
    upright = Image.open(shopper_photo)
    with SearchEngine(cnn_data) as engine:
        wanted = engine.search(jpeg(upright, quality=95), turns="any", k=10)
        plain = engine.search(jpeg(upright.transpose(turn), quality=95), k=10)
        found = engine.search(jpeg(upright.transpose(turn), quality=95), turns="any", k=10)
    best = {each.item.item_id: each.score for each in wanted.neighbors}
    assert found.neighbors[0].item.item_id == wanted.neighbors[0].item.item_id
    for each in found.neighbors[:5]:
        assert each.score == pytest.approx(best[each.item.item_id], abs=0.03)
    assert found.neighbors[0].score >= plain.neighbors[0].score
    scores = [each.score for each in found.neighbors]
    assert scores == sorted(scores, reverse=True)
    assert "turns" in found.timings_ms


def test_pages_go_on_with_the_photo(hsv_data: Path, shopper_photo: Path) -> None:
    with SearchEngine(hsv_data) as engine:
        first = engine.search(shopper_photo, turns="any", k=3)
        second = engine.search(shopper_photo, turns="any", k=3, cursor=first.next_cursor)
        both = engine.search(shopper_photo, turns="any", k=6)
        with pytest.raises(ParameterError, match="turns"):
            engine.search(shopper_photo, k=3, cursor=first.next_cursor)
    assert (*first.neighbors, *second.neighbors) == both.neighbors


def test_what_turns_do_not_go_with_is_refused(hsv_data: Path, shopper_photo: Path) -> None:
    with SearchEngine(hsv_data) as engine:
        with pytest.raises(ParameterError, match="known: any"):
            engine.search(shopper_photo, turns="left")
        with pytest.raises(ParameterError, match="leave out `rerank`, or `turns`"):
            engine.search(shopper_photo, turns="any", rerank="aqe")
        with pytest.raises(ParameterError, match="leave out `regions`, or `turns`"):
            engine.search(shopper_photo, turns="any", regions="auto")
        with pytest.raises(ParameterError, match="leave out `like`, or `turns`"):
            engine.search(shopper_photo, turns="any", like=[Example(item_id="mug-0001-a")])
        token = engine.search(shopper_photo).query_token
        assert token is not None
        with pytest.raises(ParameterError, match="send the photo itself"):
            engine.search(QueryToken(token), turns="any")
