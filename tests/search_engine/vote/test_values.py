"""Votes on targets with several values a picture."""

import math

import numpy as np
import pytest

from search_engine.errors import ParameterError
from search_engine.vote.calibration.fit_values import best_threshold, fit_values, item_values
from search_engine.vote.calibration.held_out import Voters
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.tally import VoteRule
from search_engine.vote.values import ValueModel, predict_values, value_table

HALVING = VoteRule(temperature=0.1 / math.log(2))
MODEL = ValueModel(bias=0.0, share=1.0, threshold=0.5, thresholds={"b": 0.2})
"""Probabilities are the shares."""


def test_each_value_has_its_own_share() -> None:
    """Weights 1, 1/2, 1/2: a has all, b 1/2 + 1/4 of the whole of 2."""
    table = value_table([(("a",), 0.9), (("a", "b"), 0.8), (("a", "b"), 0.8), (None, 0.95)])
    prediction = predict_values(table, HALVING)
    chances = {one.value: one.probability for one in prediction.chances}
    assert chances == pytest.approx({"a": 1.0, "b": 0.5})
    assert prediction.values == ("a", "b")
    assert prediction.label is None
    assert prediction.confidence == pytest.approx(0.5)
    assert (prediction.abstained, prediction.calibrated) == (False, False)


def test_neighbors_with_an_empty_list_vote_for_nothing() -> None:
    prediction = predict_values(value_table([((), 0.8), ((), 0.8), (("a",), 0.8)]), HALVING)
    assert prediction.chances[0].probability == pytest.approx(1 / 3)
    assert (prediction.values, prediction.abstained, prediction.reason) == ((), True, "disagree")


def test_thresholds_are_those_of_the_value() -> None:
    votes = [(("a",), 0.8), (("b",), 0.8), (("b", "c"), 0.8), (("a", "c"), 0.8), (("c",), 0.8)]
    prediction = predict_values(value_table(votes), VoteRule(), MODEL)
    assert prediction.values == ("c", "b")
    assert prediction.calibrated
    sure = predict_values(value_table(votes), VoteRule(), MODEL, min_confidence=0.5)
    assert sure.values == ("c",)


@pytest.mark.parametrize(
    ("valued", "reason"),
    [([], "too_few"), ([(None, 0.9)], "too_few"), ([(("a",), 0.3)], "too_far")],
)
def test_abstains_with_a_reason(
    valued: list[tuple[tuple[str, ...] | None, float]], reason: str
) -> None:
    prediction = predict_values(value_table(valued), VoteRule(), MODEL, least_score=0.4)
    assert (prediction.reason, prediction.values) == (reason, ())


def test_photos_of_a_product_are_one_voter() -> None:
    valued = [(("a",), 0.8), (("a",), 0.8), (("b",), 0.8)]
    table = value_table(valued, ["p", "p", "q"])
    prediction = predict_values(table, VoteRule(per_product=True))
    assert {one.value: one.probability for one in prediction.chances} == {"a": 0.5, "b": 0.5}


def test_the_best_threshold_gives_the_best_f1() -> None:
    """From 0.6 on: 2 hits of 3, all 2 found, F1 0.8; from 0.9 on 2/3; from 0.1 on 2/3."""
    sure = np.array([0.9, 0.8, 0.6, 0.1])
    assert best_threshold(sure, np.array([True, False, True, False])) == 0.6
    assert best_threshold(sure, np.zeros(4, dtype=np.bool_)) == 1.0


def tagged_gallery(count: int) -> tuple[Voters, list[tuple[str, ...] | None]]:
    """Items at the corners of a square, each side a tag, with some noise; a few without tags."""
    random = np.random.default_rng(3)
    tags = random.integers(0, 2, (count, 2))
    vectors = np.concatenate([2 * tags - 1, np.full((count, 1), 1.5)], axis=1)
    vectors = vectors + random.normal(scale=0.6, size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    values: list[tuple[str, ...] | None] = [
        tuple(name for name, has in zip(("dry", "warm"), each, strict=True) if has) for each in tags
    ]
    values[:5] = [None] * 5
    known = np.array([-1 if each is None else 0 for each in values])
    return Voters(vectors.astype(np.float32), known, ("",), np.full(count, -1)), values


def test_probabilities_are_learned_from_the_gallery() -> None:
    voters, values = tagged_gallery(600)
    fit, model = fit_values(voters, item_values(values))
    figures = fit.figures
    assert figures.queries == 595
    assert figures.left_out == "one"
    assert figures.ece_after <= figures.ece_expected + 0.02
    assert figures.accuracy > 0.8
    assert set(model.thresholds) == {"dry", "warm"}
    sure = [point for point in fit.curve if point.accuracy >= 0.9]
    assert sure
    calibration = Calibration(
        target="tags", collection_uid="u", fingerprint="f", seq=1, items=600, rule=fit.rule,
        twin_score=fit.twin_score, least_score=fit.least_score, curve=fit.curve, values=model,
        figures=figures,
    )  # fmt: skip
    place = next(row for row, each in enumerate(values) if each == ("dry", "warm"))
    scores = voters.vectors @ voters.vectors[place]
    valued = [(values[row], float(scores[row])) for row in np.argsort(-scores)[1:51]]
    prediction = calibration.vote_values(valued)
    assert prediction.calibrated
    assert set(prediction.values or ()) <= {"dry", "warm"}


def test_the_fit_is_the_same_every_time_and_wants_enough_items() -> None:
    voters, values = tagged_gallery(120)
    assert fit_values(voters, item_values(values)) == fit_values(voters, item_values(values))
    with pytest.raises(ParameterError, match="too few"):
        fit_values(tagged_gallery(40)[0], item_values(tagged_gallery(40)[1]))
