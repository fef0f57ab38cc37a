"""Which vote a question goes to, what it says of its confidence, and what it refuses."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filters import parse_filter
from search_engine.encoders.background import unrelated_score
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.records import Prediction, SearchResult
from search_engine.vote.calibration.collection import CalibrationRequest, calibrate_collection
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.calibration.store import load_calibration, save_calibration
from search_engine.vote.question import UNCALIBRATED
from search_engine.vote.tally import VoteRule
from tests.conftest import copy_data

EVERYTHING = parse_filter({"field": "item_id", "exists": True})
SHOWN: list[Mapping[str, Any]] = [
    {"k": 1}, {"k": 3}, {"k": 60}, {"group_by": "label"}, {"k": 2, "group_by": "view"},
    {"min_score": 0.5}, {"k": 4, "min_score": 0.2},
]  # fmt: skip
OTHER_VOTES: list[tuple[str, Mapping[str, Any]]] = [
    ("filter", {"filter": EVERYTHING}),
    ("vote_k", {"vote_k": 2}),
    ("rerank", {"rerank": "dba"}),
    ("rule", {"rule": VoteRule(weights="uniform")}),
    ("filter", {"filter": EVERYTHING, "k": 3, "group_by": "view"}),
]
FAR = 0.9999
"""A least score that no photo reaches but that of an item itself."""


@pytest.fixture
def data(hsv_data: Path, tmp_path: Path) -> Path:
    """The drawn catalog, calibrated; a copy."""
    return Path(copy_data(hsv_data, tmp_path / "data"))


@pytest.fixture
def engine(data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(data) as engine:
        yield engine


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").rglob("*.jpg"))


@pytest.fixture
def stranger(sample: Path) -> Path:
    return min((sample / "shopper").rglob("*.jpg"))


def record(engine: SearchEngine) -> Collection:
    return engine.live("default").record


def fitted(engine: SearchEngine) -> Calibration:
    found = load_calibration(engine.catalog, record(engine), "label")
    assert found is not None
    return found


def refuse_below(engine: SearchEngine, score: float) -> None:
    """Let the calibration have found that nothing looks like what is further away."""
    made = fitted(engine).model_copy(update={"least_score": score})
    save_calibration(engine.catalog.paths, record(engine), made)


def said(result: SearchResult) -> Prediction:
    assert result.prediction is not None
    return result.prediction


def codes(result: SearchResult) -> list[str]:
    return [warning.partition(":")[0] for warning in result.warnings]


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_what_is_shown_does_not_touch_the_vote(
    engine: SearchEngine, photo: Path, shown: Mapping[str, Any]
) -> None:
    usual = said(engine.classify(photo))
    assert (usual.calibrated, usual.voters) == (True, fitted(engine).rule.k)
    result = engine.classify(photo, **shown)
    assert said(result) == usual
    found = engine.search(photo, **{"k": fitted(engine).rule.k, **shown})
    assert [one.item.item_id for one in result.neighbors] == [
        one.item.item_id for one in found.neighbors
    ]
    assert result.warnings == ()


@pytest.mark.parametrize(("because", "asked"), OTHER_VOTES)
def test_another_vote_says_why_it_is_not_calibrated(
    engine: SearchEngine, photo: Path, because: str, asked: Mapping[str, Any]
) -> None:
    result = engine.classify(photo, **asked)
    found = said(result)
    assert (found.calibrated, found.uncalibrated_because) == (False, because)
    assert found.confidence == next(
        level.confidence for level in found.levels if level.label == found.label
    )
    assert result.warnings == (f"vote_not_calibrated: {UNCALIBRATED[because]}",)
    with pytest.raises(ParameterError, match="nothing is known of the accuracy") as refused:
        engine.classify(photo, accept_accuracy=0.8, **asked)
    assert refused.value.fix == f"leave out `{because}`"


@pytest.mark.parametrize("asked", [*SHOWN, *(asked for _, asked in OTHER_VOTES)], ids=str)
def test_nothing_that_is_asked_for_turns_refusals_off(
    engine: SearchEngine, stranger: Path, asked: Mapping[str, Any]
) -> None:
    refuse_below(engine, FAR)
    for options in ({}, asked):
        found = said(engine.classify(stranger, **options))
        assert (found.label, found.reason) == (None, "too_far")
        assert found.votes


def test_the_number_of_voters_is_the_rules_unless_it_is_named(
    engine: SearchEngine, photo: Path
) -> None:
    usual = fitted(engine).rule.k
    assert usual is not None
    assert said(engine.classify(photo, vote_k=usual)).calibrated
    other = engine.classify(photo, vote_k=4, k=2)
    assert (said(other).voters, len(other.neighbors)) == (4, 2)
    for wrong in (0, 201):
        with pytest.raises(ParameterError, match="vote_k is "):
            engine.classify(photo, vote_k=wrong)
    with pytest.raises(ParameterError):
        engine.classify(photo, k=0)


def test_products_vote_once_and_all_their_photos_may_be_shown(
    engine: SearchEngine, photo: Path
) -> None:
    calibrate_collection(engine.catalog, "default", CalibrationRequest(per_product=True))
    voters = fitted(engine).rule.k
    usual = engine.classify(photo)
    assert len({one.item.product_id for one in usual.neighbors}) == voters
    shown = engine.classify(photo, k=12)
    assert said(shown) == said(usual)
    assert len(shown.neighbors) == 12
    assert len({one.item.product_id for one in shown.neighbors}) < 12


def test_a_least_score_that_nothing_reaches_is_no_class(
    engine: SearchEngine, stranger: Path
) -> None:
    result = engine.classify(stranger, min_score=FAR)
    assert result.neighbors == ()
    assert (said(result).label, said(result).reason) == (None, "too_far")


def test_a_target_that_is_not_calibrated_refuses_as_the_label_does(
    engine: SearchEngine, stranger: Path
) -> None:
    refuse_below(engine, FAR)
    result = engine.classify(stranger, target="color")
    found = said(result)
    assert (found.reason, found.uncalibrated_because) == ("too_far", "not_calibrated")
    assert [each.partition(":")[0] for each in result.warnings] == ["foreign"]


def test_a_target_whose_calibration_found_nothing_far_refuses_as_the_label_does(
    engine: SearchEngine, stranger: Path
) -> None:
    """Where each item has a twin, nothing is learned of distances, and nothing to advise."""
    calibrate_collection(engine.catalog, "default", CalibrationRequest(target="color"))
    color = load_calibration(engine.catalog, record(engine), "color")
    assert color is not None
    unknown = color.model_copy(update={"least_score": -1.0})
    save_calibration(engine.catalog.paths, record(engine), unknown)
    assert "distance_unknown" not in codes(engine.classify(stranger, target="color"))
    refuse_below(engine, FAR)
    assert said(engine.classify(stranger, target="color")).reason == "too_far"


def test_where_it_is_not_known_what_is_far_the_answer_says_so(
    engine: SearchEngine, photo: Path
) -> None:
    for path in engine.catalog.paths.index("default").glob("calibration-*"):
        path.unlink()
    result = engine.classify(photo)
    assert said(result).uncalibrated_because == "not_calibrated"
    assert codes(result) == ["distance_unknown"]
    assert "`eyedex calibrate`" in result.warnings[0]


def test_the_default_encoder_knows_what_is_far_and_others_do_not() -> None:
    least = unrelated_score("efficientnet_lite0", {})
    assert least is not None
    assert 0.3 < least < 0.45
    for name, options in (
        ("efficientnet_lite0", {"pooling": "gem"}),
        ("efficientnet_lite0", {"projection": "abc"}),
        ("efficientnet_lite0", {"weights": "/a.pth"}),
        ("hsv", {}),
        ("external", {}),
        (None, {}),
    ):
        assert unrelated_score(name, options) is None


def test_without_any_label_there_is_no_class_and_the_answer_says_so(
    engine: SearchEngine, photo: Path
) -> None:
    with engine.catalog.write() as writer:
        items = engine.catalog.page(record(engine), 0, 500)
        writer.describe(
            record(engine).id,
            {item.key: {"label": None} for item in items},
        )
    for path in engine.catalog.paths.index("default").glob("calibration-*"):
        path.unlink()
    for k, vote_k in ((None, None), (3, None), (None, 3)):
        result = engine.classify(photo, k=k, vote_k=vote_k)
        found = said(result)
        assert found == replace(
            Prediction(None, 0.0, True, "no_labels", ()), uncalibrated_because="not_calibrated"
        )
        assert result.neighbors
        assert codes(result) == ["no_labels"]
    assert said(engine.classify(photo, target="product_id")).label is not None


def test_whether_anything_has_a_value_is_known_of_every_kind_of_field(
    engine: SearchEngine,
) -> None:
    catalog = engine.catalog
    items = catalog.page(record(engine), 0, 2)
    values = {"text": "x", "number": 0, "truth": False, "list": ["x"], "nothing": None, "of": {}}
    with catalog.write() as writer:
        writer.describe(record(engine).id, {items[0].key: {"attributes": values}})
    have = {name for name in (*values, "label", "product_id", "absent", "color")
            if catalog.has_value(record(engine), name)}  # fmt: skip
    assert have == {"text", "number", "truth", "list", "label", "product_id", "color"}
    engine.remove(items[0].item_id)
    assert not catalog.has_value(record(engine), "truth")
