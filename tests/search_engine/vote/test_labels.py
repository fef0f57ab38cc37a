"""Votes that can be checked on paper."""

import math
from dataclasses import replace
from typing import Any

import pytest

from search_engine.catalog.fields import value_of, values_of
from search_engine.records import CatalogItem, Prediction
from search_engine.vote.labels import vote
from search_engine.vote.tally import VoteRule

EQUAL = VoteRule(weights="uniform")
HALVING = VoteRule(temperature=0.1 / math.log(2))
"""A neighbor that is 0.1 further away counts half."""


def shares(prediction: Prediction) -> dict[str, float]:
    return {one.label: round(one.share, 6) for one in prediction.votes}


def item(label: str | None = None, **attributes: Any) -> CatalogItem:
    return CatalogItem(1, "one", label, "p-1", attributes, "hash")


@pytest.mark.parametrize(
    ("neighbors", "winner", "wanted"),
    [
        # weights 1, 1/2, 1/4
        ([("a", 0.9), ("b", 0.8), ("b", 0.7)], "a", {"a": 4 / 7, "b": 3 / 7}),
        # weights 1, 1/2, 1/2, 1/4: a has 1, b has 5/4
        ([("a", 0.9), ("b", 0.8), ("b", 0.8), ("b", 0.7)], "b", {"b": 5 / 9, "a": 4 / 9}),
        # what is unlabelled has no vote, not even as the best
        ([(None, 0.9), ("a", 0.5), (None, 0.5)], "a", {"a": 1.0}),
        # only differences count, so negative scores are as good
        ([("a", -0.5), ("b", -0.6)], "a", {"a": 2 / 3, "b": 1 / 3}),
        ([("a", 0.4)], "a", {"a": 1.0}),
        ([("", 0.4), ("a", 0.2)], "", {"": 0.8, "a": 0.2}),
    ],
)
def test_closer_neighbors_count_more(
    neighbors: list[tuple[str | None, float]], winner: str, wanted: dict[str, float]
) -> None:
    prediction = vote(neighbors, HALVING)
    assert prediction.label == winner
    assert not prediction.abstained
    assert prediction.reason is None
    assert shares(prediction) == pytest.approx(wanted, abs=1e-6)
    assert prediction.confidence == prediction.votes[0].share


def test_equal_shares_go_to_the_label_with_the_closer_neighbor() -> None:
    """a: 1/2 + 1/2, b: 1."""
    prediction = vote([("a", 0.8), ("a", 0.8), ("b", 0.9)], HALVING)
    assert [one.label for one in prediction.votes] == ["b", "a"]


def test_equal_shares_and_scores_go_to_the_first_in_the_alphabet() -> None:
    for names in ("ba", "ab"):
        assert vote([(name, 0.5) for name in names]).label == "a"


@pytest.mark.parametrize("neighbors", [[], [(None, 0.9)], [(None, 0.9), (None, 0.1)]])
def test_abstains_without_a_labelled_neighbor(neighbors: list[tuple[str | None, float]]) -> None:
    assert vote(neighbors) == Prediction(None, 0.0, True, "too_few", ())


def test_abstains_when_no_labelled_neighbor_is_close_enough() -> None:
    rule = VoteRule(min_score=0.5)
    assert vote([("a", 0.49), (None, 0.9)], rule) == Prediction(None, 0.0, True, "too_far", ())


def test_neighbors_below_the_least_score_have_no_vote() -> None:
    prediction = vote([("a", 0.5), ("b", 0.49), ("b", 0.49)], VoteRule(min_score=0.5))
    assert shares(prediction) == {"a": 1.0}


def test_abstains_when_the_neighbors_disagree_and_still_shows_the_votes() -> None:
    neighbors = [("a", 0.9), ("b", 0.8), ("b", 0.7)]
    rule = VoteRule(temperature=HALVING.temperature, min_confidence=0.6)
    prediction = vote(neighbors, rule)
    assert (prediction.label, prediction.abstained) == (None, True)
    assert prediction.reason == "disagree"
    assert prediction.confidence == pytest.approx(4 / 7)
    assert shares(prediction) == pytest.approx({"a": 4 / 7, "b": 3 / 7}, abs=1e-6)


def test_a_share_equal_to_the_least_confidence_is_enough() -> None:
    assert vote([("a", 0.5), ("b", 0.5)], VoteRule(min_confidence=0.5)).label == "a"


def test_far_apart_scores_do_not_overflow() -> None:
    prediction = vote([("a", 1.0), ("b", -1.0)], VoteRule(temperature=1e-3))
    assert prediction.confidence == 1.0


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("label", "Home/Mug"),
        ("product_id", "p-1"),
        ("colour", "red"),
        ("price", "3"),
        ("weight", "2.5"),
        ("count", "7"),
        ("new", "true"),
        ("nothing", None),
        ("absent", None),
    ],
)
def test_any_field_can_be_the_target(target: str, value: str | None) -> None:
    one = item("Home/Mug", colour="red", price=3.0, weight=2.5, count=7, new=True, nothing=None)
    assert value_of(one, target) == value


def test_an_attribute_cannot_pose_as_the_label() -> None:
    attributes = {"label": "fake", "product_id": "fake"}
    one = CatalogItem(1, "one", None, "p-1", attributes, "hash")
    assert value_of(one, "label") is None
    assert value_of(one, "product_id") == "p-1"


def test_numbers_that_are_equal_are_one_label() -> None:
    sizes = [value_of(item(size=size), "size") for size in (3.0, 3, 4)] + [None]
    assert shares(vote([(size, 0.5) for size in sizes])) == {"3": 0.666667, "4": 0.333333}


def test_only_the_k_nearest_vote_labelled_or_not() -> None:
    neighbors = [("a", 0.9), (None, 0.8), ("b", 0.7), ("b", 0.6)]
    assert shares(vote(neighbors, VoteRule(k=2))) == {"a": 1.0}
    assert vote(neighbors[1:], VoteRule(k=1)).reason == "too_few"
    assert shares(vote(neighbors, VoteRule(k=3, weights="uniform"))) == {"a": 0.5, "b": 0.5}


def test_uniform_votes_tie_by_the_alphabet_and_not_by_closeness() -> None:
    neighbors = [("b", 0.9), ("a", 0.5)]
    assert vote(neighbors, VoteRule(weights="uniform")).label == "a"
    assert vote(neighbors, HALVING).label == "b"


def test_distance_votes_weigh_by_one_over_the_distance_of_unit_vectors() -> None:
    """Cosines 0.5 and -1 are distances 1 and 2."""
    prediction = vote([("a", 0.5), ("b", -1.0)], VoteRule(weights="distance"))
    assert shares(prediction) == pytest.approx({"a": 2 / 3, "b": 1 / 3}, abs=1e-6)


def test_ten_photos_of_one_product_are_one_voter() -> None:
    neighbors = [("a", 0.8)] * 10 + [("b", 0.8), ("b", 0.8), ("c", 0.8)]
    products = ["p"] * 10 + ["q", "r", None]
    rule = VoteRule(per_product=True)
    assert shares(vote(neighbors, rule, products=products)) == {"b": 0.5, "a": 0.25, "c": 0.25}
    assert vote(neighbors, products=products).label == "a"
    few = VoteRule(per_product=True, k=2, weights="uniform")
    assert shares(vote(neighbors, few, products=products)) == {"a": 0.5, "b": 0.5}


def test_class_weights_speak_for_rare_labels() -> None:
    neighbors = [("often", 0.8), ("often", 0.8), ("rare", 0.8)]
    assert vote(neighbors).label == "often"
    balanced = vote(neighbors, class_weights={"often": 0.5, "rare": 2.0})
    assert shares(balanced) == pytest.approx({"rare": 2 / 3, "often": 1 / 3}, abs=1e-6)
    assert shares(vote(neighbors, class_weights={"rare": 1.0})) == shares(vote(neighbors))


def test_a_plain_vote_tells_the_levels_of_the_winner_and_is_not_calibrated() -> None:
    """Weights 1, 1/2, 1/4."""
    neighbors = [("x/y", 0.9), ("x/z", 0.8), ("w", 0.7)]
    prediction = vote(neighbors, HALVING)
    assert [level.label for level in prediction.levels] == ["x", "x/y"]
    assert [level.confidence for level in prediction.levels] == pytest.approx([6 / 7, 4 / 7])
    assert not prediction.calibrated
    assert prediction.values is None
    assert prediction.voters == 3


@pytest.mark.parametrize(
    ("said", "rule", "label", "confidence", "path"),
    [
        (["a/x", "a/y", "a/z", "b/x", "b/x"], EQUAL, "a", 0.6, ["a", "a/x"]),
        (["a/x", "a/x", "a/y"], EQUAL, "a/x", 2 / 3, ["a", "a/x"]),
        (["a/x", "a/y"], EQUAL, "a/x", 0.5, ["a", "a/x"]),
        (["a/x/1", "a/x/2", "a/y", "b", "c"], EQUAL, "a", 0.6, ["a", "a/x", "a/x/1"]),
        (["a/x", "b/y", "c/z"], EQUAL, "a", 1 / 3, ["a", "a/x"]),
        (["a/x", "a/x", "b/y", "b/z", "b/w"], EQUAL, "b", 0.6, ["b", "b/w"]),
        (["a", "b", "c"], EQUAL, "a", 1 / 3, ["a"]),
        (["a", "a", "a/x"], EQUAL, "a", 1.0, ["a"]),
        (["a/x", "a/y", "b/y"], replace(EQUAL, min_confidence=0.6), "a", 2 / 3, ["a", "a/x"]),
        (["a/x", "a/y", "b/y"], replace(EQUAL, min_confidence=0.7), None, 1 / 3, ["a", "a/x"]),
        (["a/x", "a/y", "b/y"], replace(EQUAL, support=None), "a/x", 1 / 3, ["a", "a/x"]),
    ],
)
def test_the_answer_is_the_deepest_level_that_half_of_the_votes_support(
    said: list[str], rule: VoteRule, label: str | None, confidence: float, path: list[str]
) -> None:
    found = vote([(each, 0.8) for each in said], rule)
    assert found.label == label
    assert found.confidence == pytest.approx(confidence)
    assert [level.label for level in found.levels] == path


def test_nothing_as_close_as_it_has_to_be_is_no_class() -> None:
    """However few have to be closer, and even if what is close has no label."""
    found = vote([(None, 0.9), ("a", 0.39), ("a", 0.38)], least_score=0.4)
    assert (found.label, found.reason, found.voters) == (None, "too_far", 2)
    assert shares(found) == {"a": 1.0}
    assert vote([("a", 0.4), ("a", 0.1)], least_score=0.4).label == "a"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (["red", "blue", "red"], ("red", "blue")),
        ([1.0, 2, True, None, ["x"], {"y": 1}], ("1", "2", "true")),
        ([], ()),
        ("red", None),
        (None, None),
    ],
)
def test_lists_have_values_and_nothing_else_has(value: Any, wanted: tuple[str, ...] | None) -> None:
    assert values_of(item("label", colour=value), "colour") == wanted
    assert values_of(item("label", colour=value), "label") is None
