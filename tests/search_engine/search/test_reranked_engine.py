"""Re-ranking in the engine: what k, filters, groups, least scores and classes make of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.engine import SearchEngine
from search_engine.errors import MissingExtraError, ParameterError, PictureNotFoundError
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.spec import IndexSpec
from search_engine.records import SearchResult
from search_engine.search import shaping
from search_engine.search.declared import MAX_K
from search_engine.search.query_cache import QueryToken
from search_engine.search.rerank import query_expansion
from search_engine.search.rerank.local_features import FEATURES_A_PICTURE
from search_engine.search.rerank.pictures import KEPT, ItemFeatures
from search_engine.search.rerank.registry import METHODS
from tests.conftest import copy_data
from tests.reranked import blurred, drawn, jpeg, photographed
from tests.small_catalog import unit_vectors

every = pytest.mark.parametrize("rerank", METHODS)
DRAWN = {"field": "label", "eq": "Drawn"}


@pytest.fixture(scope="module")
def engine(hsv_data: Path) -> Iterator[SearchEngine]:
    """On the drawn catalog. Do not change it."""
    with SearchEngine(hsv_data) as engine:
        yield engine


@pytest.fixture
def changing(hsv_data: Path, tmp_path: Path) -> Iterator[SearchEngine]:
    """On a copy with things to recognise: `same`, `alike` and `other`."""
    copy_data(hsv_data, tmp_path / "data")
    with SearchEngine(tmp_path / "data") as engine:
        things = {"alike": blurred(photo()), "other": drawn(2), "same": drawn(1)}
        for name, picture in things.items():
            engine.upsert(name, jpeg(picture), label="Drawn")
        yield engine


def photo() -> Any:
    return photographed(drawn(1))


def found(result: SearchResult) -> list[tuple[str, float]]:
    return [(one.item.item_id, one.score) for one in result.neighbors]


def ids(result: SearchResult) -> list[str]:
    return [one.item.item_id for one in result.neighbors]


@every
def test_the_first_k_are_the_same_for_every_k(
    engine: SearchEngine, shopper_photo: Path, rerank: str
) -> None:
    whole = found(engine.search(shopper_photo, k=MAX_K, rerank=rerank))
    assert len({name for name, _ in whole}) == len(whole) == 115
    for k in (1, 3, 30):
        assert found(engine.search(shopper_photo, k=k, rerank=rerank)) == whole[:k]


@every
def test_behind_the_candidates_all_is_as_it_was(
    engine: SearchEngine, shopper_photo: Path, rerank: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a catalog of more items than are re-ranked, groups and least scores see all of it."""
    for module in (shaping, query_expansion):
        monkeypatch.setattr(module, "CANDIDATES", 20)
    plain = engine.search(shopper_photo, k=MAX_K)
    result = engine.search(shopper_photo, k=MAX_K, rerank=rerank)
    assert dict(found(result)) == dict(found(plain))
    first = ids(result)[:40]
    assert set(ids(plain)[:20]) <= set(first)
    behind = [one for one in ids(plain) if one not in first]
    assert [one for one in ids(result) if one not in first] == behind
    for k in (1, 15, 30):
        assert found(engine.search(shopper_photo, k=k, rerank=rerank)) == found(result)[:k]
    labels = dict.fromkeys(one.item.label for one in result.neighbors)
    grouped = engine.search(shopper_photo, k=MAX_K, group_by="label", rerank=rerank)
    assert [one.item.label for one in grouped.neighbors] == list(labels)
    bar = plain.neighbors[50].score
    above = engine.search(shopper_photo, k=MAX_K, min_score=bar, rerank=rerank)
    assert found(above) == [one for one in found(result) if one[1] >= bar]


@every
def test_scores_stay_cosines(engine: SearchEngine, shopper_photo: Path, rerank: str) -> None:
    plain = engine.search(shopper_photo, k=MAX_K)
    result = engine.search(shopper_photo, k=MAX_K, rerank=rerank)
    assert dict(found(result)) == dict(found(plain))
    assert (result.rerank, plain.rerank) == (rerank, None)
    assert result.timings_ms["rerank"] > 0
    assert "rerank" not in plain.timings_ms


@pytest.mark.parametrize("rerank", [name for name in METHODS if name != "geometric"])
def test_another_order_is_found(engine: SearchEngine, shopper_photo: Path, rerank: str) -> None:
    """The shopper's photo is of none of the first: geometric has nothing to say."""
    plain = engine.search(shopper_photo, k=MAX_K)
    assert ids(engine.search(shopper_photo, k=MAX_K, rerank=rerank)) != ids(plain)


@every
@pytest.mark.parametrize("k", [2, 8, MAX_K])
def test_a_filter_gives_k_or_all_that_match(
    engine: SearchEngine, shopper_photo: Path, rerank: str, k: int
) -> None:
    asked: dict[str, Any] = {"filter": {"field": "label", "under": "Clothing"}}
    matching = set(ids(engine.search(shopper_photo, k=MAX_K, **asked)))
    result = ids(engine.search(shopper_photo, k=k, rerank=rerank, **asked))
    assert len(set(result)) == len(result) == min(k, len(matching))
    assert set(result) <= matching


@every
def test_a_least_score_leaves_out_what_is_below(
    engine: SearchEngine, shopper_photo: Path, rerank: str
) -> None:
    whole = found(engine.search(shopper_photo, k=MAX_K, rerank=rerank))
    bar = sorted(score for _, score in whole)[60]
    result = found(engine.search(shopper_photo, k=MAX_K, min_score=bar, rerank=rerank))
    assert result == [(name, score) for name, score in whole if score >= bar]
    assert len(result) == 55
    assert found(engine.search(shopper_photo, k=5, min_score=bar, rerank=rerank)) == result[:5]


@every
def test_groups_are_of_the_new_order(
    engine: SearchEngine, shopper_photo: Path, rerank: str
) -> None:
    whole = engine.search(shopper_photo, k=MAX_K, rerank=rerank).neighbors
    firsts: dict[str | None, str] = {}
    for one in whole:
        firsts.setdefault(one.item.label, one.item.item_id)
    for k in (3, MAX_K):
        grouped = engine.search(shopper_photo, k=k, group_by="label", rerank=rerank)
        assert ids(grouped) == list(firsts.values())[:k]


@every
def test_similar_leaves_the_item_out(engine: SearchEngine, rerank: str) -> None:
    plain = engine.similar("backpack-0001-a", k=MAX_K)
    result = engine.similar("backpack-0001-a", k=MAX_K, rerank=rerank)
    assert dict(found(result)) == dict(found(plain))
    assert "backpack-0001-a" not in ids(result)


@every
def test_what_was_just_added_takes_part(changing: SearchEngine, rerank: str) -> None:
    assert ids(changing.search(jpeg(drawn(2)), k=1, rerank=rerank)) == ["other"]
    changing.remove("other")
    assert "other" not in ids(changing.search(jpeg(drawn(2)), k=MAX_K, rerank=rerank))


@every
def test_an_empty_collection_has_no_neighbors(changing: SearchEngine, rerank: str) -> None:
    changing.create_collection("empty")
    nothing = {"field": "label", "eq": "nowhere"}
    assert changing.search(jpeg(photo()), filter=nothing, rerank=rerank).neighbors == ()


def test_an_unknown_name_lists_the_known(engine: SearchEngine, shopper_photo: Path) -> None:
    with pytest.raises(ParameterError, match=r"'aqua'.*known: aqe, dba, k-reciprocal, geometric"):
        engine.search(shopper_photo, rerank="aqua")


def test_weights_and_re_ranking_do_not_go_together(
    engine: SearchEngine, shopper_photo: Path
) -> None:
    with pytest.raises(ParameterError, match="leave out `weights`"):
        engine.search(shopper_photo, weights="color=2", rerank="aqe")


@every
def test_a_re_ranked_vote_is_a_plain_one(
    engine: SearchEngine, shopper_photo: Path, rerank: str
) -> None:
    usual = engine.classify(shopper_photo).prediction
    result = engine.classify(shopper_photo, rerank=rerank)
    assert usual is not None
    assert usual.calibrated
    assert result.prediction is not None
    assert not result.prediction.calibrated
    assert result.prediction.voters == usual.voters
    assert ids(result) == ids(engine.search(shopper_photo, k=usual.voters, rerank=rerank))


class TestGeometric:
    def asked(self, engine: SearchEngine, picture: Any, **options: Any) -> list[str]:
        return ids(engine.search(picture, k=3, filter=DRAWN, **options))

    def test_the_same_thing_comes_before_what_has_its_colours(self, changing: SearchEngine) -> None:
        assert self.asked(changing, jpeg(photo()))[0] == "alike"
        assert self.asked(changing, jpeg(photo()), rerank="geometric")[:2] == ["same", "alike"]

    def test_a_region_of_a_larger_photo(self, changing: SearchEngine) -> None:
        scene = blurred(drawn(2)).resize((900, 900))
        scene.paste(photo().resize((300, 300)), (450, 450))
        box = (0.5, 0.5, 1 / 3, 1 / 3)
        assert self.asked(changing, jpeg(scene), box=box)[0] == "alike"
        assert self.asked(changing, jpeg(scene), box=box, rerank="geometric")[0] == "same"

    def test_by_an_item(self, changing: SearchEngine) -> None:
        changing.upsert("photo", jpeg(photo()), label="Drawn")
        assert ids(changing.similar("photo", k=3, filter=DRAWN))[0] == "alike"
        result = changing.similar("photo", k=3, filter=DRAWN, rerank="geometric")
        assert ids(result)[0] == "same"

    def test_a_token_has_no_picture(self, changing: SearchEngine) -> None:
        token = changing.search(jpeg(photo()), k=1).query_token
        assert token is not None
        with pytest.raises(ParameterError, match="send the photo itself"):
            changing.search(QueryToken(token), rerank="geometric")
        assert changing.search(QueryToken(token), k=1, rerank="aqe").neighbors

    def test_items_whose_picture_is_gone_stay_where_they_are(
        self, hsv_data: Path, sample: Path, tmp_path: Path
    ) -> None:
        copy_data(hsv_data, tmp_path / "data")
        picture = (sample / "images" / "backpack-0001-a.jpg").read_bytes()
        with SearchEngine(tmp_path / "data") as engine:
            plain = ids(engine.search(picture, k=MAX_K))

            def gone(*_: object) -> bytes:
                raise PictureNotFoundError("the source picture cannot be read any more")

            engine.answering.finder.item_features = ItemFeatures(engine.catalog, gone)
            assert ids(engine.search(picture, k=MAX_K, rerank="geometric")) == plain

    def test_without_opencv_the_extra_is_named(
        self, engine: SearchEngine, shopper_photo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("search_engine.encoders.opencv_import.find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"geometric verification.*eyedex\[classic\]"):
            engine.search(shopper_photo, rerank="geometric")
        assert engine.search(shopper_photo, k=1, rerank="aqe").neighbors


class TestItemFeatures:
    def test_they_are_made_once_and_forgotten_in_turn(self, changing: SearchEngine) -> None:
        rendered: list[str] = []

        def render(item: Any, side_px: int, quality: int) -> bytes:
            rendered.append(item.item_id)
            return changing.picture(item, side_px, quality)

        known = ItemFeatures(changing.catalog, render, kept=2)
        live = changing.live("default")
        key = {name: changing.catalog.get(live.record, name).key for name in ("same", "other")}
        both = np.array([key["same"], key["other"]])
        first = known.of(both)
        assert all(one is not None and len(one.points) > 50 for one in first)
        assert known.of(both) == first
        assert rendered == ["same", "other"]
        assert known.of(np.array([-5]))[0] is None
        changing.upsert("same", jpeg(drawn(3)), label="Drawn")
        assert known.of(both[:1])[0] != first[0]
        assert rendered == ["same", "other", "same"]
        known.of(both)
        assert rendered == ["same", "other", "same"]
        known.of(np.array([changing.catalog.get(live.record, "alike").key]))
        known.of(both[:1])
        assert rendered == ["same", "other", "same", "alike", "same"]
        assert KEPT * FEATURES_A_PICTURE * (128 + 2 * 4) == 34_000_000


def test_a_snapshot_gives_back_what_it_holds() -> None:
    """From the base, from the delta and what replaced something, in the order that is asked for."""
    rows = unit_vectors(40)
    index = LiveIndex(
        rows.shape[1], FaissIndex.build(IndexSpec("Flat"), np.arange(0, 40, 2), rows[::2])
    )
    index.upsert(np.array([35, 4, 1]), rows[[35, 30, 1]])
    index.upsert(np.array([35]), rows[[7]])
    index.remove(np.array([6]))
    keys = np.array([35, 0, 4, 38, 1])
    wanted = rows[[7, 0, 30, 38, 1]].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(index.snapshot.vectors(keys), wanted)
    assert index.snapshot.vectors(keys[:0]).shape == (0, rows.shape[1])
    only_delta = LiveIndex(rows.shape[1])
    only_delta.upsert(np.array([9, 3]), rows[[9, 3]])
    found_again = only_delta.snapshot.vectors(np.array([3, 9]))
    np.testing.assert_array_equal(found_again, rows[[3, 9]].astype(np.float16))
