"""`fold`: the same picture is shown once, with the others named, on all pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from indexer.change.request import without_progress
from indexer.duplicates.finding import find_duplicates
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.records import SearchResult
from tests.conftest import copy_data
from tests.images.pictures import jpeg, png
from tests.sealing import execute

ITEM = "backpack-0001-a"
PLAIN = png(Image.new("RGB", (90, 90), "teal"))


@pytest.fixture(scope="module")
def engine(
    hsv_data: Path, sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SearchEngine]:
    """Two pictures are there three times each, and a plain one without a hash twice."""
    data = copy_data(hsv_data, tmp_path_factory.mktemp("fold") / "data")
    with SearchEngine(data) as engine:
        for item in (ITEM, "backpack-0002-a"):
            photo = Image.open(sample / "images" / f"{item}.jpg")
            engine.upsert(f"{item} mirrored", jpeg(ImageOps.mirror(photo), quality=90))
            engine.upsert(f"{item} small", jpeg(ImageOps.contain(photo, (64, 64)), quality=90))
        for number in range(2):
            engine.upsert(f"plain {number}", PLAIN)
        yield engine


def ids(result: SearchResult) -> list[str]:
    return [each.item.item_id for each in result.neighbors]


def shown(engine: SearchEngine, sample: Path, **options: object) -> SearchResult:
    return engine.search(sample / "images" / "backpack-0002-b.jpg", fold=True, **options)  # type: ignore[arg-type]


def test_each_picture_is_shown_once_with_the_others(engine: SearchEngine, sample: Path) -> None:
    plain = engine.search(sample / "images" / "backpack-0002-b.jpg", k=200)
    result = shown(engine, sample, k=200)
    folded = set(ids(plain)) - set(ids(result))
    views = {each.item.item_id: each.views for each in result.neighbors}
    named: list[str] = []
    for own, each in views.items():
        assert each is not None
        assert own in each.item_ids
        assert each.count == len(each.item_ids)
        named += each.item_ids
    assert sorted(named) == sorted(ids(plain))
    several = {own for own, each in views.items() if each is not None and each.count > 1}
    assert len(several) == 3
    assert folded == set(named) - set(ids(result))
    assert [own for own in ids(plain) if own not in folded] == ids(result)


@pytest.mark.parametrize("size", [1, 3, 10])
def test_pages_of_folded_results_show_everything_once(
    engine: SearchEngine, sample: Path, size: int
) -> None:
    every = ids(shown(engine, sample, k=200))
    found: list[str] = []
    cursor = None
    while len(found) < 30:
        page = shown(engine, sample, k=size, cursor=cursor)
        found += ids(page)
        cursor = page.next_cursor
    assert found == every[: len(found)]


def test_many_copies_leave_room_for_others(engine: SearchEngine, sample: Path) -> None:
    photo = Image.open(sample / "images" / f"{ITEM}.jpg")
    for number in range(25):
        engine.upsert(f"more {number}", jpeg(photo, quality=70 + number))
    result = engine.search(sample / "images" / f"{ITEM}.jpg", fold=True, k=5)
    assert len(ids(result)) == 5
    first = result.neighbors[0].views
    assert first is not None
    assert (first.count, len(first.item_ids)) == (28, 20)
    assert not any(one.startswith("more") for one in ids(result)[1:])
    diverse = engine.search(sample / "images" / f"{ITEM}.jpg", fold=True, k=5, diversity=0.5)
    assert len(set(ids(diverse))) == 5
    engine.remove(*(f"more {number}" for number in range(25)))


def test_the_filter_says_what_is_folded(engine: SearchEngine, sample: Path) -> None:
    result = shown(engine, sample, k=200, filter=f'item_id != "{ITEM} small"')
    views = [each.views for each in result.neighbors if each.views and each.views.count > 1]
    assert not any(f"{ITEM} small" in each.item_ids for each in views)
    assert sorted(each.count for each in views) == [2, 2, 3]


def test_groups_and_folding_exclude_each_other(engine: SearchEngine, sample: Path) -> None:
    with pytest.raises(ParameterError, match="leave out `fold`, or `group_by`"):
        shown(engine, sample, group_by="product_id")
    with pytest.raises(ParameterError, match="give true or false"):
        engine.search(PLAIN, fold="yes")  # type: ignore[arg-type]


def test_not_to_fold_is_as_if_nothing_was_said(engine: SearchEngine, sample: Path) -> None:
    photo = sample / "images" / "backpack-0002-b.jpg"
    assert engine.search(photo, fold=False, k=50).neighbors == engine.search(photo, k=50).neighbors


def test_without_hashes_only_equal_files_are_folded_and_that_is_said(
    hsv_data: Path, sample: Path, tmp_path: Path
) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    file = sample / "images" / f"{ITEM}.jpg"
    with SearchEngine(data) as engine:
        engine.upsert("equal", file)
        engine.upsert("small", jpeg(ImageOps.contain(Image.open(file), (64, 64))))
    execute(data, "DELETE FROM picture_hashes")
    with SearchEngine(data) as engine:
        before = engine.search(file, fold=True, k=200)
        assert any(each.startswith("not_hashed: ") for each in before.warnings)
        assert {"small", ITEM} < set(ids(before))
        assert "equal" not in ids(before)
        find_duplicates(engine, "default", 0.9, without_progress)
        after = engine.search(file, fold=True, k=200)
        assert after.warnings == ()
        assert not {"small", "equal"} & set(ids(after))
