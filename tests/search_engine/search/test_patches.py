"""Searches in a collection whose pictures have patches, held against scores that are made here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.patches import declare_patches, embed_patches
from search_engine.catalog.patch_rows import keys_without_patches
from search_engine.config import Settings
from search_engine.encoders.patches import COST, LATTICES
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.images import Box
from search_engine.maintenance.check import check_data
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.records import SearchResult, Vectors
from tests.conftest import copy_data
from tests.images.pictures import jpeg
from tests.sealing import execute

COLLECTION = "default"
COUNT = 5
Best = dict[str, tuple[float, Box | None]]


@pytest.fixture(scope="module")
def engine(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    """A collection with patches of its drawn pictures, which are small to begin with."""
    data = copy_data(hsv_data, tmp_path_factory.mktemp("patches") / "data")
    with SearchEngine(data) as engine:
        with engine.catalog.indexing(COLLECTION):
            declare_patches(engine, engine.catalog.collection(COLLECTION), COUNT)
            report = embed_patches(engine, COLLECTION)
        assert report.embedded == engine.catalog.count(engine.live(COLLECTION).record)
        assert not report.refused
        yield engine


@pytest.fixture(scope="module")
def photo(sample: Path) -> bytes:
    """A quarter of one picture, so that the quarter matches better than the whole."""
    with Image.open(sample / "images" / "backpack-0002-a.jpg") as picture:
        width, height = picture.size
        return jpeg(picture.crop((0, 0, width // 2, height // 2)), quality=95)


def wanted(engine: SearchEngine, query: Vectors) -> Best:
    """The score of each item by its stored picture, encoded here, and the crop that has it."""
    catalog, record = engine.catalog, engine.live(COLLECTION).record
    state = engine.live(COLLECTION).patches
    assert state is not None
    patches = state.state()
    assert patches is not None
    found: Best = {}
    for item in catalog.page(record, 0, 1_000):
        whole = float((catalog.vector(record, item.key) @ query[0])[0])
        numbers, rows = patches.of(item.key)
        scores = (rows @ query[0]) - COST
        best = int(scores.argmax())
        is_patch = scores[best] > whole
        box = LATTICES[COUNT][numbers[best]] if is_patch else None
        found[item.item_id] = (max(whole, float(scores[best])), box)
    return found


def shown(result: SearchResult) -> Best:
    return {each.item.item_id: (each.score, each.patch) for each in result.neighbors}


def assert_as_wanted(
    engine: SearchEngine, result: SearchResult, among: set[str] | None = None
) -> None:
    """The first of all items, or of some, each once, with the scores and crops that they have."""
    every = wanted(engine, result.vector)
    if among is not None:
        every = {item_id: each for item_id, each in every.items() if item_id in among}
    assert len(shown(result)) == len(result.neighbors)
    for item_id, (score, box) in shown(result).items():
        assert score == pytest.approx(every[item_id][0], abs=1e-3)
        assert box == every[item_id][1] or score < 1.0 - COST  # equal crops of plain pictures
    best = sorted((score for score, _ in every.values()), reverse=True)[: len(result.neighbors)]
    assert [each.score for each in result.neighbors] == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("k", [1, 10, 200])
def test_an_item_is_found_once_by_its_best_crop(engine: SearchEngine, photo: bytes, k: int) -> None:
    result = engine.search(photo, k=k)
    assert len(result.neighbors) == min(k, engine.catalog.count(engine.live(COLLECTION).record))
    assert_as_wanted(engine, result)
    assert any(each.patch for each in result.neighbors)


def test_patches_obey_filters_pages_and_groups(engine: SearchEngine, photo: bytes) -> None:
    some = {"field": "label", "eq": engine.search(photo, k=1).neighbors[0].item.label}
    result = engine.search(photo, k=200, filter=some)
    assert 1 < len(result.neighbors) < 200
    assert_as_wanted(engine, result, set(shown(result)))
    every = [each.item.item_id for each in engine.search(photo, k=30).neighbors]
    first = engine.search(photo, k=15)
    second = engine.search(photo, k=15, cursor=first.next_cursor)
    assert every == [each.item.item_id for each in (*first.neighbors, *second.neighbors)]
    grouped = engine.search(photo, k=20, group_by="product_id").neighbors
    products = [each.item.product_id for each in grouped]
    assert len(set(products)) == len(products)


def test_an_item_that_is_asked_with_is_not_found(engine: SearchEngine) -> None:
    result = engine.similar("backpack-0002-a", k=200)
    assert "backpack-0002-a" not in shown(result)


def test_windows_of_the_photo_are_compared_with_crops(engine: SearchEngine, photo: bytes) -> None:
    plain = engine.search(photo, k=200)
    auto = engine.search(photo, k=200, regions="auto")
    before, after = shown(plain), shown(auto)
    assert all(after[item_id][0] >= before[item_id][0] - 1e-4 for item_id in after)
    assert all(each.region is None for each in auto.neighbors if each.patch)


@pytest.mark.parametrize(
    "option",
    [{"diversity": 0.3}, {"boost": {"price": 0.1}}, {"rerank": "aqe"}, {"q": "backpack"}],
    ids=lambda option: next(iter(option)),
)
def test_an_order_of_whole_pictures_says_that_it_is_one(
    engine: SearchEngine, photo: bytes, option: dict[str, Any]
) -> None:
    result = engine.search(photo, **option)
    assert any(each.startswith("patches_unused: ") for each in result.warnings)
    assert not any(each.patch for each in result.neighbors)


def test_a_vote_sees_whole_pictures(engine: SearchEngine, hsv_data: Path, photo: bytes) -> None:
    with SearchEngine(hsv_data) as without:
        assert engine.classify(photo).prediction == without.classify(photo).prediction


def test_items_come_change_and_go_with_their_patches(
    engine: SearchEngine, hsv_data: Path, photo: bytes, sample: Path, tmp_path: Path
) -> None:
    data = copy_data(engine.settings.data, tmp_path / "data")
    picture = (sample / "images" / "backpack-0002-b.jpg").read_bytes()
    with SearchEngine(data) as changed:
        changed.upsert("new", (sample / "images" / "backpack-0002-a.jpg").read_bytes())
        changed.upsert("backpack-0001-a", picture)
        changed.remove("backpack-0002-a")
        live = changed.live(COLLECTION)
        assert not len(changed.catalog.ask(lambda each: keys_without_patches(each, live.record)))
        for _ in range(2):  # in the delta, then in a generation
            result = changed.search(photo, k=200)
            assert_as_wanted(changed, result)
            assert shown(result)["new"][1] is not None
            assert "backpack-0002-a" not in shown(result)
            live.compact(force=True)
    assert check_data(Settings(data=data)).sound


@pytest.mark.parametrize("kind", ["numpy", "HNSW16", None])
def test_every_kind_of_index_finds_the_same(
    engine: SearchEngine, photo: bytes, tmp_path: Path, kind: str | None
) -> None:
    with SearchEngine(copy_data(engine.settings.data, tmp_path / "data")) as other:
        other.live(COLLECTION).rebuild(kind)
        assert shown(other.search(photo, k=20)) == shown(engine.search(photo, k=20))


def test_a_snapshot_has_the_patches(engine: SearchEngine, photo: bytes, tmp_path: Path) -> None:
    make_snapshot(engine.settings, tmp_path / "all.zip")
    settings = Settings(data=tmp_path / "restored")
    restore_snapshot(settings, tmp_path / "all.zip")
    with SearchEngine(settings=settings) as restored:
        assert shown(restored.search(photo, k=20)) == shown(engine.search(photo, k=20))
        patches = restored.live(COLLECTION).patches
        assert patches is not None
        snapshot = patches.snapshot()
        assert snapshot is not None
        assert snapshot.generation is not None


def test_another_number_replaces_them_and_none_removes_them(
    engine: SearchEngine, hsv_data: Path, photo: bytes, tmp_path: Path
) -> None:
    data = copy_data(engine.settings.data, tmp_path / "data")
    with SearchEngine(data) as other, SearchEngine(hsv_data) as without:
        record = other.catalog.collection(COLLECTION)
        with other.catalog.indexing(COLLECTION):
            declare_patches(other, record, 9)
            assert embed_patches(other, COLLECTION).embedded == other.catalog.count(record)
            assert embed_patches(other, COLLECTION).embedded == 0
            boxes = {each.patch for each in other.search(photo, k=200).neighbors} - {None}
            assert boxes <= set(LATTICES[9])
            declare_patches(other, record, 0)
        assert shown(other.search(photo)) == shown(without.search(photo))
        assert not other.catalog.paths.patches(COLLECTION).exists()
        with pytest.raises(ParameterError, match="4 patches"):
            declare_patches(other, record, 4)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE patches SET vectors = :zeros WHERE key = 1", "checksum"),
        (
            "UPDATE collections SET patches = 7",
            f"SOURCE --patches {COUNT}` makes {COUNT}",
        ),
        ("DELETE FROM patches WHERE key = 1", "differ in keys"),
    ],
)
def test_the_check_sees_damage(
    engine: SearchEngine, tmp_path: Path, damage: str, said: str
) -> None:
    data = copy_data(engine.settings.data, tmp_path / "data")
    values = {"zeros": bytes(512)} if ":zeros" in damage else {}
    execute(data, damage, **values)
    report = check_data(Settings(data=data))
    assert not report.sound
    assert any(said in each.what for each in report.findings)
