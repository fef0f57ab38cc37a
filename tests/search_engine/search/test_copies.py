"""Copies of the photo: found in any size and pose, first on every way, and once on all pages."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.records import SearchResult
from search_engine.search.query_cache import QueryToken
from tests.conftest import copy_data
from tests.images.pictures import jpeg
from tests.sealing import execute

ITEM = "backpack-0001-a"
TURNED = Image.Transpose.ROTATE_90


@pytest.fixture
def data(tmp_path: Path, hsv_data: Path) -> Path:
    copy_data(hsv_data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def engine(data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(data) as engine:
        yield engine


@pytest.fixture
def photo(sample: Path) -> Image.Image:
    return Image.open(sample / "images" / f"{ITEM}.jpg")


def ids(result: SearchResult) -> list[str]:
    return [each.item.item_id for each in result.neighbors]


def same(result: SearchResult) -> list[str]:
    return [each.item.item_id for each in result.neighbors if each.same_picture]


def small_and_turned(photo: Image.Image) -> bytes:
    return jpeg(ImageOps.contain(photo, (48, 48)).transpose(TURNED), quality=60)


CHANGES: list[Callable[[Image.Image], Image.Image]] = [
    lambda photo: photo,
    lambda photo: ImageOps.contain(photo, (64, 64)),
    lambda photo: ImageOps.contain(photo, (32, 32)),
    ImageOps.mirror,
    lambda photo: ImageOps.contain(photo.transpose(TURNED), (64, 64)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_finds_its_original_first(
    engine: SearchEngine, photo: Image.Image, change: Callable[[Image.Image], Image.Image]
) -> None:
    result = engine.search(jpeg(change(photo), quality=80), k=5)
    assert ids(result)[0] == ITEM
    assert same(result) == [ITEM]
    assert len(set(ids(result))) == 5
    others = [each.score for each in result.neighbors[1:]]
    assert others == sorted(others, reverse=True)


def test_a_photo_of_the_same_thing_is_no_copy(engine: SearchEngine, shopper_photo: Path) -> None:
    assert same(engine.search(shopper_photo, k=200)) == []


def test_a_token_and_a_batch_know_copies_too(engine: SearchEngine, photo: Image.Image) -> None:
    result = engine.search(small_and_turned(photo), k=3)
    assert result.query_token is not None
    again = engine.search(QueryToken(result.query_token), k=3)
    assert ids(again) == ids(result)
    assert same(again) == same(result) == [ITEM]


def test_an_added_copy_is_found_at_once_and_a_removed_one_is_not(
    engine: SearchEngine, data: Path, photo: Image.Image
) -> None:
    with SearchEngine(data) as other:
        assert same(other.search(small_and_turned(photo))) == [ITEM]
        engine.upsert("mirrored", jpeg(ImageOps.mirror(photo), quality=90))
        for each in (engine, other):
            assert set(same(each.search(small_and_turned(photo)))) == {ITEM, "mirrored"}
        engine.remove(ITEM)
        for each in (engine, other):
            assert same(each.search(small_and_turned(photo))) == ["mirrored"]


def test_a_replaced_picture_is_no_copy_any_more(
    engine: SearchEngine, sample: Path, photo: Image.Image
) -> None:
    engine.upsert(ITEM, sample / "images" / "backpack-0001-b.jpg")
    assert same(engine.search(small_and_turned(photo), k=200)) == []


def test_copies_obey_filter_and_least_score(engine: SearchEngine, photo: Image.Image) -> None:
    query = small_and_turned(photo)
    others = engine.search(query, filter=f'item_id != "{ITEM}"', k=200)
    assert same(others) == []
    assert len(ids(others)) > 20
    (score,) = (each.score for each in engine.search(query).neighbors if each.same_picture)
    assert same(engine.search(query, min_score=score - 0.01)) == [ITEM]
    assert same(engine.search(query, min_score=min(1.0, score + 0.01), k=200)) == []


@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_show_everything_once_copies_first(
    engine: SearchEngine, photo: Image.Image, size: int
) -> None:
    for number in range(2):
        engine.upsert(f"copy {number}", jpeg(ImageOps.mirror(photo), quality=70 + number))
    query = small_and_turned(photo)
    every = ids(engine.search(query, k=200))
    shown: list[str] = []
    cursor = None
    while len(shown) < 21:
        page = engine.search(query, k=size, cursor=cursor)
        shown += ids(page)
        cursor = page.next_cursor
    assert shown == every[: len(shown)]
    assert set(shown[:3]) == {ITEM, "copy 0", "copy 1"}


def test_a_copy_stands_for_its_group(engine: SearchEngine, photo: Image.Image) -> None:
    result = engine.search(small_and_turned(photo), group_by="product_id", k=5)
    assert ids(result)[0] == ITEM
    views = result.neighbors[0].views
    assert views is not None
    assert ITEM in views.item_ids
    groups = [each.item.product_id for each in result.neighbors]
    assert len(set(groups)) == len(groups)


def test_other_orders_leave_copies_first(engine: SearchEngine, photo: Image.Image) -> None:
    query = small_and_turned(photo)
    assert ids(engine.search(query, k=5, diversity=0.8))[0] == ITEM
    assert ids(engine.search(query, k=5, boost="price:0.5"))[0] == ITEM
    assert same(engine.search(query, k=5, rerank="aqe")) == []


def test_the_vote_does_not_look_at_copies(engine: SearchEngine, photo: Image.Image) -> None:
    result = engine.classify(small_and_turned(photo), k=10)
    scores = [each.score for each in result.neighbors]
    assert scores == sorted(scores, reverse=True)
    assert same(result) == []


def test_indexing_again_hashes_what_has_no_hash_yet(
    data: Path, sample: Path, photo: Image.Image
) -> None:
    execute(data, "DELETE FROM picture_hashes")
    with SearchEngine(data) as engine:
        assert same(engine.search(small_and_turned(photo))) == []
        settings = Settings(data=data)
        report = index_source(open_source(sample / "catalog.csv"), IndexRequest(), settings)
        assert (report.encoded, report.hashed) == (0, report.unchanged)
        assert same(engine.search(small_and_turned(photo))) == [ITEM]
        again = index_source(open_source(sample / "catalog.csv"), IndexRequest(), settings)
        assert again.hashed == 0
