"""Searching real pictures by the colour-histogram encoder: what is found, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.engine import SearchEngine
from search_engine.errors import (
    CollectionNotFoundError,
    FilterError,
    ParameterError,
    UnknownFieldError,
)
from search_engine.search.declared import MAX_K
from search_engine.vote.tally import VoteRule
from tests.search_engine.engine.conftest import ids, picture, size


def test_a_picture_finds_itself_first(engine: SearchEngine, sample: Path) -> None:
    result = engine.search(sample / "images" / "backpack-0001-a.jpg", k=5)
    assert ids(result)[0] == "backpack-0001-a"
    assert result.neighbors[0].score == pytest.approx(1.0, abs=2e-3)
    scores = [neighbor.score for neighbor in result.neighbors]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 5
    assert result.encoder == engine.live("default").record.fingerprint
    assert result.generation == "gen-000001"
    assert result.timings_ms["total"] > 0


def test_path_text_and_bytes_are_the_same_picture(engine: SearchEngine, sample: Path) -> None:
    path = sample / "images" / "backpack-0001-a.jpg"
    wanted = engine.search(path).neighbors
    assert engine.search(str(path)).neighbors == engine.search(path.read_bytes()).neighbors
    assert engine.search(str(path)).neighbors == wanted


def test_similar_leaves_the_item_out(engine: SearchEngine) -> None:
    result = engine.similar("backpack-0001-a", k=MAX_K)
    assert "backpack-0001-a" not in ids(result)
    assert len(ids(result)) == len(set(ids(result))) == size(engine) - 1
    assert ids(engine.similar("backpack-0001-a", k=3)) == ids(result)[:3]


def test_similar_leaves_itself_out_among_equal_pictures(engine: SearchEngine) -> None:
    for name in ("one", "two", "three"):
        engine.upsert(name, picture("magenta", "lime"))
    assert ids(engine.similar("one", k=2)) == ["two", "three"]
    assert ids(engine.similar("three", k=2)) == ["one", "two"]


@pytest.mark.parametrize("k", [1, 3, 10, MAX_K])
def test_a_filter_gives_k_or_all_that_match(engine: SearchEngine, sample: Path, k: int) -> None:
    path = sample / "images" / "backpack-0001-a.jpg"
    source = {"field": "label", "under": "Clothing"}
    matching = [
        item
        for item in engine.catalog.page(engine.live("default").record, 0, 1_000)
        if (item.label or "").startswith("Clothing/")
    ]
    result = engine.search(path, k=k, filter=source)
    assert 3 < len(matching) < MAX_K
    assert len(result.neighbors) == min(k, len(matching))
    assert all(str(one.item.label).startswith("Clothing/") for one in result.neighbors)
    everything = [one for one in ids(engine.search(path, k=MAX_K)) if one in ids(result)]
    assert everything == ids(result)


def test_a_filter_that_nothing_fulfils_gives_nothing(engine: SearchEngine) -> None:
    result = engine.search(picture("red"), filter={"field": "price", "lt": -1})
    assert result.neighbors == ()


def test_wrong_filters_are_refused(engine: SearchEngine) -> None:
    with pytest.raises(UnknownFieldError, match="no such field"):
        engine.search(picture("red"), filter={"field": "prize", "lt": 3})
    with pytest.raises(FilterError):
        engine.search(picture("red"), filter="{")


def test_groups_are_represented_by_their_best(engine: SearchEngine) -> None:
    plain = engine.similar("backpack-0001-a", k=MAX_K)
    grouped = engine.similar("backpack-0001-a", k=10, group_by="product_id")
    seen: dict[str, str] = {}
    for one in plain.neighbors:
        seen.setdefault(str(one.item.product_id), one.item.item_id)
    assert ids(grouped) == list(seen.values())[:10]
    assert len({one.item.product_id for one in grouped.neighbors}) == 10


def test_there_are_no_more_groups_than_values(engine: SearchEngine) -> None:
    labels = engine.catalog.labels(engine.live("default").record)
    grouped = engine.similar("backpack-0001-a", k=MAX_K, group_by="label")
    assert len(grouped.neighbors) == len(labels)


def test_items_without_the_field_stand_for_themselves(engine: SearchEngine) -> None:
    for name in ("one", "two"):
        engine.upsert(name, picture("magenta", "lime"))
    result = engine.search(picture("magenta", "lime"), k=2, group_by="product_id")
    assert ids(result) == ["one", "two"]


def test_the_very_same_picture_has_a_score_of_1(engine: SearchEngine, sample: Path) -> None:
    """Whatever the rounding of stored vectors to float16 does to their lengths."""
    for item in engine.catalog.page(engine.live("default").record, 0, 20):
        assert item.picture is not None
        for k in (1, 20):
            found = engine.search(Path(item.picture), k=k, min_score=1.0)
            assert found.neighbors[0].score == 1.0
            assert item.item_id in ids(found)


def test_numbers_of_numpy_are_numbers(engine: SearchEngine, sample: Path) -> None:
    photo = sample / "images" / "backpack-0001-a.jpg"
    plain = engine.search(photo, k=3, min_score=0.5).neighbors
    numbers: dict[str, Any] = {"k": np.int64(3), "min_score": np.float32(0.5)}
    assert engine.search(photo, **numbers).neighbors == plain


def test_unknown_options_are_no_options(engine: SearchEngine, sample: Path) -> None:
    photo = sample / "images" / "backpack-0001-a.jpg"
    unknown: dict[str, Any]
    for unknown in ({"kk": 3}, {"kk": None}):
        for ask in (engine.search, engine.classify):
            with pytest.raises(TypeError, match="unexpected keyword"):
                ask(photo, **unknown)
        with pytest.raises(TypeError, match="unexpected keyword"):
            engine.question(**unknown)
    with pytest.raises(ParameterError, match="name of a field is empty"):
        engine.classify(photo, target="")
    with pytest.raises(TypeError, match="unexpected keyword"):
        engine.classify(item_id="backpack-0001-a", box="0,0,1,1")


def test_a_filter_may_be_a_line_everywhere(engine: SearchEngine, sample: Path) -> None:
    photo = sample / "images" / "backpack-0001-a.jpg"
    line, meant = "price < 30 AND view = 'front'", {
        "all": [{"field": "price", "lt": 30}, {"field": "view", "eq": "front"}]
    }  # fmt: skip
    for ask in (engine.search, engine.classify):
        found = ask(photo, k=50, filter=line)
        assert ids(found) == ids(ask(photo, k=50, filter=meant)) != []
    assert engine.facets(["view"], filter=line) == engine.facets(["view"], filter=meant)


def test_neighbors_below_the_least_score_are_left_out(engine: SearchEngine) -> None:
    everything = engine.similar("backpack-0001-a", k=50).neighbors
    least = everything[20].score
    close = engine.similar("backpack-0001-a", k=50, min_score=least).neighbors
    assert close == everything[:21]
    assert engine.similar("backpack-0001-a", min_score=1).neighbors == ()
    for odd in (1.1, float("nan"), "0.5"):
        with pytest.raises(ParameterError, match="from -1 to 1"):
            engine.similar("backpack-0001-a", min_score=odd)  # type: ignore[arg-type]
    grouped = engine.similar("backpack-0001-a", k=50, min_score=least, group_by="product_id")
    assert all(one.score >= least for one in grouped.neighbors)


def test_a_box_looks_at_a_region_only(engine: SearchEngine) -> None:
    engine.upsert("magenta", picture("magenta"))
    engine.upsert("lime", picture("lime"))
    both = picture("magenta", "lime")
    assert ids(engine.search(both, k=1, box=(0, 0, 0.5, 1))) == ["magenta"]
    assert ids(engine.search(both, k=1, box="0.5,0,0.5,1")) == ["lime"]
    with pytest.raises(ParameterError):
        engine.search(both, box="0.5,0,0.6,1")


@pytest.mark.parametrize("k", [0, -1, MAX_K + 1])
def test_k_out_of_range_is_refused(engine: SearchEngine, k: int) -> None:
    with pytest.raises(ParameterError) as caught:
        engine.search(picture("red"), k=k)
    assert caught.value.where == "k"


def test_unknown_fields_and_collections_are_refused(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="no such field"):
        engine.search(picture("red"), group_by="maker")
    with pytest.raises(ParameterError, match="no such field"):
        engine.classify(picture("red"), target="maker")
    with pytest.raises(CollectionNotFoundError):
        engine.search(picture("red"), collection="absent")
    with pytest.raises(ParameterError):
        engine.upsert("a", picture("red"), collection="Not A Name")


def test_classification_votes_on_labels_and_attributes(engine: SearchEngine) -> None:
    for number in range(3):
        attributes = {"stripes": 2.0}
        engine.upsert(
            f"flag {number}", picture("magenta", "lime"), label="Flag", attributes=attributes
        )
    prediction = engine.classify(picture("magenta", "lime"), vote_k=3).prediction
    assert prediction is not None
    assert (prediction.label, prediction.confidence) == ("Flag", 1.0)
    prediction = engine.classify(picture("magenta", "lime"), vote_k=3, target="stripes").prediction
    assert prediction is not None
    assert prediction.label == "2"
    prediction = engine.classify(item_id="flag 0", vote_k=2).prediction
    assert prediction is not None
    assert prediction.label == "Flag"


def test_classification_abstains_by_rule(engine: SearchEngine) -> None:
    rule = VoteRule(min_score=0.9999)
    prediction = engine.classify(picture("magenta", "lime"), rule=rule).prediction
    assert prediction is not None
    assert (prediction.label, prediction.reason) == (None, "too_far")


def test_classification_wants_one_of_picture_and_item(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError):
        engine.classify()
    with pytest.raises(ParameterError):
        engine.classify(picture("red"), item_id="backpack-0001-a")
