"""Searches by words and colours, alone and beside a picture, and the colours that items have."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.images.palette import swatches
from search_engine.records import Neighbor, SearchResult
from search_engine.search.description import ColorHits, fused
from search_engine.search.examples import Example
from search_engine.search.options import search_options
from search_engine.search.query_cache import QueryToken
from tests.conftest import copy_data
from tests.sealing import execute, reseal


@pytest.fixture(scope="module")
def engine(hsv_data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(hsv_data) as opened:
        yield opened


def ids(result: SearchResult) -> list[str]:
    return [each.item.item_id for each in result.neighbors]


def share_of(neighbor: Neighbor, *names: str) -> float:
    from search_engine.images.color_names import nearest_name

    assert neighbor.palette is not None
    found = swatches(neighbor.palette)
    return sum(each.share for each in found if nearest_name(each.rgb) in names)


def test_a_colour_finds_pictures_that_have_it(engine: SearchEngine) -> None:
    found = engine.search(color="red", k=3, include="palette")
    assert len(found.neighbors) == 3
    assert all(share_of(each, "red", "pink", "orange") > 0.25 for each in found.neighbors)
    scores = [each.score for each in found.neighbors]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1
    assert found.vector.shape[0] == 0
    assert found.warnings == ()


def test_a_number_in_several_spellings_is_one_colour(engine: SearchEngine) -> None:
    wanted = ids(engine.search(color="#aa2211"))
    for same in ("AA2211", "#a21", {"#aa2211": 2}, '{"#aa2211": 1}', " #AA2211:3 "):
        assert ids(engine.search(color=same)) == wanted


def test_several_colours_want_pictures_that_have_all(engine: SearchEngine) -> None:
    both = engine.search(color="white:0.5,red:0.5", k=3, include="palette")
    for each in both.neighbors:
        assert share_of(each, "white", "grey", "beige") > 0.1
        assert share_of(each, "red", "pink", "orange", "brown") > 0.1


def test_words_find_names_and_rank_by_bm25(engine: SearchEngine) -> None:
    wanted = engine.similar("mug-0001-a", k=1).neighbors[0].item.attributes["name"]
    found = engine.search(q=wanted[:-1], k=20)
    assert found.neighbors
    assert found.warnings == ()
    for each in found.neighbors:
        assert wanted in each.item.attributes["name"]
    partly = engine.search(q="teal unicorn")
    assert [each.split(":")[0] for each in partly.warnings] == ["some_words"]


def test_words_and_colours_want_items_with_the_words_by_their_colours(
    engine: SearchEngine,
) -> None:
    found = engine.search(q="mug", color="blue", k=50)
    assert found.neighbors
    assert {each.item.label for each in found.neighbors} == {"Home/Kitchen/Mug"}
    scores = [each.score for each in found.neighbors]
    assert scores == sorted(scores, reverse=True)


def test_a_filter_holds_for_words_colours_and_pictures(
    engine: SearchEngine, shopper_photo: Path
) -> None:
    only: dict[str, Any] = {"filter": "picture_color = blue and label under Home", "k": 100}
    each_way: list[dict[str, Any]] = [{"q": "mug"}, {"color": "blue"}, {"q": "s", "color": "blue"}]
    for asked in each_way:
        for picture in (None, shopper_photo):
            found = engine.search(picture, **asked, **only, include="palette")
            assert all((each.item.label or "").startswith("Home") for each in found.neighbors)
            assert all(share_of(each, "blue") > 0.1 for each in found.neighbors)


def test_one_of_each_product_is_found_by_words(engine: SearchEngine) -> None:
    found = engine.search(q="home", group_by="product_id", k=200)
    products = [each.item.product_id for each in found.neighbors]
    assert len(products) == len(set(products)) > 5
    assert all(each.views is not None and each.views.count > 1 for each in found.neighbors)


def test_a_colour_beside_a_picture_moves_what_has_it_up(engine: SearchEngine, sample: Path) -> None:
    photo = min((sample / "images").glob("mug-*.jpg"))
    plain = engine.search(photo, k=10, include="palette")
    navy = engine.search(photo, k=10, color="purple", color_weight=0.6, include="palette")

    def purple(found: SearchResult) -> float:
        return sum(share_of(each, "purple") for each in found.neighbors)

    assert purple(navy) > purple(plain)
    assert ids(engine.search(photo, color="purple", color_weight=0)) == ids(plain)
    by_score = {each.item.item_id: each.score for each in plain.neighbors}
    for each in navy.neighbors:
        assert each.score == pytest.approx(by_score.get(each.item.item_id, each.score), abs=1e-5)


def test_words_beside_a_picture_join_by_ranks(engine: SearchEngine, sample: Path) -> None:
    """As reciprocal rank fusion has it, of the first 5 k + 50 of each."""
    photo = min((sample / "images").glob("mug-*.jpg"))
    k = 4
    rankings = [
        ids(engine.search(photo, k=5 * k + 50)),
        ids(engine.search(q="striped", k=5 * k + 50)),
    ]
    scores = {
        each: sum(1 / (61 + ranks.index(each)) for ranks in rankings if each in ranks)
        for each in {*rankings[0], *rankings[1]}
    }
    best = sorted(scores.values(), reverse=True)[:k]
    found = ids(engine.search(photo, q="striped", k=k))
    assert [scores[each] for each in found] == pytest.approx(best)


def test_the_colours_of_the_picture_itself(engine: SearchEngine, sample: Path) -> None:
    photo = min((sample / "images").glob("mug-*.jpg"))
    by_photo = engine.search(photo, color="same", color_weight=1, k=5)
    assert photo.stem in ids(by_photo)
    item = engine.similar(photo.stem, color="same", color_weight=1, k=5)
    assert len({*ids(item), photo.stem} & {*ids(by_photo)}) >= 4  # decoded larger, so almost
    token = QueryToken(by_photo.query_token or "")
    vector = engine.search(photo).vector[0]
    for nothing in ({"picture": token}, {"vector": vector}, {"like": [Example(vector=vector)]}):
        with pytest.raises(ParameterError, match="no colours and no shape to be like"):
            engine.search(**nothing, color="same")


@pytest.mark.parametrize(
    ("color", "what"),
    [
        ("teel", "did you mean teal"), ("#12345", "there is no colour"), ("", "there is no colour"),
        ("red:x", "not a colour with a number"), ("red,red", "given twice"), ("red:0", "0 colours"),
        ("red,blue,teal,pink,grey,navy,white", "7 colours"), ({"red": True}, "weight of red"),
        ({"red": np.nan}, "weight of red"), ("{", "not a JSON object"), ("same,red", "no colour"),
        (["red"], "not colours"),
    ],
)  # fmt: skip
def test_what_is_no_colour_is_refused(color: Any, what: str) -> None:
    with pytest.raises(ParameterError) as caught:
        search_options({"color": color})
    assert what in str(caught.value)
    assert caught.value.where == "color"


def test_what_needs_a_picture_is_refused_without_one(
    engine: SearchEngine, shopper_photo: Path
) -> None:
    for options in ({"min_score": 0.5}, {"diversity": 0.3}, {"boost": "price:0.1"},
                    {"rerank": "aqe"}, {"color_weight": 0.3}):  # fmt: skip
        with pytest.raises(ParameterError) as caught:
            engine.search(q="mug", **options)
        assert caught.value.where == next(iter(options))
    with pytest.raises(ParameterError, match="no colours to weigh"):
        engine.search(shopper_photo, color_weight=0.3)
    with pytest.raises(ParameterError, match="colours could be the same"):
        engine.search(color="same")
    with pytest.raises(ParameterError, match="give a picture"):
        engine.search()
    with pytest.raises(ParameterError, match="give a picture"):
        engine.search(q="mug", unlike=["mug-0001-a"])
    cursor = engine.search(shopper_photo, k=2).next_cursor
    with pytest.raises(ParameterError, match="no further pages"):
        engine.search(shopper_photo, q="mug", cursor=cursor)


def test_colours_of_pictures_are_counted(engine: SearchEngine) -> None:
    counts = engine.facets(["picture_color"])["picture_color"]
    assert {"red", "blue", "teal"} <= {each.value for each in counts}
    red = engine.facets(["picture_color"], filter="picture_color = red")["picture_color"]
    (count,) = (each.count for each in red if each.value == "red")
    assert count == next(each.count for each in counts if each.value == "red")
    with pytest.raises(ParameterError, match="no such field"):
        engine.similar("mug-0001-a", group_by="picture_color")


def test_items_of_which_nobody_looked_for_colours_are_told(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    execute(data, "UPDATE items SET palette = NULL, colors = NULL")
    reseal(data)
    with SearchEngine(data) as engine:
        found = engine.search(color="teal")
        assert found.neighbors == ()
        assert "eyedex colors" in found.warnings[0]
        _, warnings = engine.items(), engine.filter_warnings("picture_color = teal")
        assert "eyedex colors" in warnings[0]


def test_colours_follow_the_picture(hsv_data: Path, tmp_path: Path) -> None:
    def drawn(color: str) -> Image.Image:
        return Image.new("RGB", (100, 100), color)

    with SearchEngine(copy_data(hsv_data, tmp_path / "data")) as engine:
        engine.upsert("new", drawn("#ff00ff"))
        assert ids(engine.search(color="#ff00ff", k=1)) == ["new"]
        engine.describe("new", {"label": "Square"})
        assert ids(engine.search(color="#ff00ff", k=1)) == ["new"]
        engine.upsert("new", drawn("#00ff00"))
        assert ids(engine.search(color="#00ff00", k=1)) == ["new"]
        assert "new" not in ids(engine.search(color="#ff00ff", k=200))
        engine.remove("new")
        assert "new" not in ids(engine.search(color="#00ff00", k=200))


def test_fused_ranks_are_those_of_the_paper() -> None:
    """1 / (60 + rank), scaled so that the first of all rankings has 1."""
    keys = np.array([5, 3, 9], dtype=np.int64)
    found = fused(keys, [np.array([3, 5]), np.array([7, 3, 9])])
    assert found == pytest.approx(np.array([1 / 62, 1 / 61 + 1 / 62, 1 / 63]) * 61 / 2)


def test_the_best_by_colours_are_those_of_a_full_sort() -> None:
    matches = np.round(np.random.default_rng(1).random(500), 2)
    hits = ColorHits(np.arange(500), matches)
    keys, scores = hits.best(40, None)
    wanted = sorted(range(500), key=lambda key: (-matches[key], key))[:40]
    assert keys.tolist() == wanted
    assert scores.tolist() == matches[wanted].tolist()
    assert hits.of(np.array([3, 1_000])).tolist() == [matches[3], 0.0]
