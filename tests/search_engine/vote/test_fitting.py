"""What a calibration is fitted by: odds, lower ends and regressions, checked on numbers."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.vote.calibration.logistic import fit_logistic
from search_engine.vote.calibration.record import (
    Calibration,
    CurvePoint,
    Figures,
    LevelModels,
    Logistic,
    closeness,
)
from search_engine.vote.calibration.reliability import (
    Outcomes,
    accuracy_curve,
    accuracy_interval,
    design_effect,
    expected_ece,
    wilson_lower,
)
from search_engine.vote.tally import Ballots, VoteRule


def handmade(**changes: object) -> Calibration:
    """Certain as the votes are at each level: the regression is the share itself."""
    share = Logistic(bias=0.0, share=1.0, lead=0.0)
    figures = Figures(
        queries=1, near_share=0.0, left_out="one", accuracy=1.0, ece_before=0.0, ece_after=0.0,
        ece_expected=0.0,
    )  # fmt: skip
    made = Calibration(
        target="label", collection_uid="u", fingerprint="f", seq=1, items=1,
        rule=VoteRule(k=3, weights="uniform"), twin_score=2.0, least_score=0.2,
        levels=(LevelModels(near=share, far=share),),
        curve=(
            CurvePoint(confidence=0.3, accuracy=0.8, coverage=1.0),
            CurvePoint(confidence=0.6, accuracy=0.9, coverage=0.5),
            CurvePoint(confidence=0.9, accuracy=0.85, coverage=0.1),
        ),
        figures=figures,
    )  # fmt: skip
    return made.model_copy(update=changes)


@pytest.mark.parametrize(
    ("neighbors", "bar", "label", "reason"),
    [
        ([("a/b", 0.9), ("a/b", 0.9), ("a/b", 0.9)], 0.9, "a/b", None),
        # shares: a 1, a/b 2/3
        ([("a/b", 0.9), ("a/b", 0.9), ("a/c", 0.9)], 0.5, "a/b", None),
        ([("a/b", 0.9), ("a/b", 0.9), ("a/c", 0.9)], 0.9, "a", None),
        ([("a/b", 0.9), ("a/b", 0.9), ("d", 0.9)], 0.7, None, "disagree"),
        ([("a/b", 0.1), ("a/b", 0.1)], 0.0, None, "too_far"),
        ([(None, 0.9), (None, 0.9), (None, 0.9), ("a/b", 0.8)], 0.0, None, "too_few"),
        ([], 0.0, None, "too_few"),
    ],
)
def test_the_answer_is_the_deepest_level_that_is_sure_enough(
    neighbors: list[tuple[str | None, float]], bar: float, label: str | None, reason: str | None
) -> None:
    prediction = handmade().vote(neighbors, min_confidence=bar)
    assert (prediction.label, prediction.reason) == (label, reason)
    assert prediction.abstained == (label is None)
    assert prediction.calibrated
    if label is not None:
        (own,) = [level for level in prediction.levels if level.label == label]
        assert prediction.confidence == own.confidence >= bar


def test_a_photo_with_a_twin_is_judged_by_other_odds() -> None:
    sure = Logistic(bias=5.0, share=0.0, lead=0.0)
    unsure = Logistic(bias=-5.0, share=0.0, lead=0.0)
    made = handmade(levels=(LevelModels(near=sure, far=unsure),), twin_score=0.8)
    assert made.vote([("a", 0.8)]).confidence > 0.99
    assert made.vote([("a", 0.79)]).confidence < 0.01
    assert made.vote([(None, 0.8), ("a", 0.5)]).confidence > 0.99


def test_the_least_confidence_that_is_accurate_enough_is_taken() -> None:
    assert handmade().threshold(0.8).confidence == 0.3
    assert handmade().threshold(0.85).confidence == 0.6
    assert handmade().point(0.95) is None
    with pytest.raises(ParameterError, match=r"at most 0\.9"):
        handmade().threshold(0.95)


def test_what_is_offered_instead_is_not_refused() -> None:
    """0.8017 was offered as 0.802, which is more than the catalog promises."""
    made = handmade(curve=(CurvePoint(confidence=0.5, accuracy=0.8017, coverage=0.5),))
    with pytest.raises(ParameterError) as refused:
        made.threshold(0.95)
    offered = float(str(refused.value.fix).rpartition(" ")[2])
    assert offered == 0.801
    assert made.threshold(offered).confidence == 0.5


def test_the_curve_takes_the_deepest_level_and_promises_the_lower_end() -> None:
    """From 0.9 on, 30 answers at level 1, all right; from 0.5 on, 15 of 30 right at level 2."""
    sure = np.tile([[0.9, 0.5]], (30, 1))
    right = np.array([[True, True], [True, False]] * 15)
    low, high = accuracy_curve(outcomes(sure, right))
    assert (low.confidence, high.confidence) == (0.5, 0.9)
    assert low.accuracy == wilson_lower(15, 30) < 0.5
    assert high.accuracy == wilson_lower(30, 30) < 1.0
    assert low.coverage == high.coverage == 1.0


def outcomes(
    sure: NDArray[np.float64], right: NDArray[np.bool_], things: NDArray[np.int64] | None = None
) -> Outcomes:
    things = np.arange(len(sure)) if things is None else things
    return Outcomes(sure, right, right[:, -1], sure[:, 0], things)


def test_photos_of_one_thing_count_as_one() -> None:
    """Ten photos of each of 20 things, of which 18 are recognised: as 20 photos of 18 are."""
    right = np.repeat(np.arange(20) < 18, 10)[:, None]
    sure = np.full((200, 1), 0.9)
    (alone,) = accuracy_curve(outcomes(sure, right))
    (grouped,) = accuracy_curve(outcomes(sure, right, np.repeat(np.arange(20), 10)))
    assert alone.accuracy == pytest.approx(wilson_lower(180, 200))
    assert grouped.accuracy == pytest.approx(wilson_lower(18, 20))
    assert grouped.accuracy < alone.accuracy - 0.05
    assert grouped.coverage == alone.coverage == 1.0


def test_an_accuracy_is_as_sure_as_there_are_things() -> None:
    """Nine of ten things right: 18 of 20 is 0.70 to 0.97 by Wilson's interval, 180 of 200 less."""
    right = np.repeat(np.arange(20) < 18, 10)
    for things, wanted in (
        (np.arange(200) // 10, (0.699, 0.972)),
        (np.arange(200), (0.851, 0.934)),
    ):
        np.testing.assert_allclose(accuracy_interval(right, things), wanted, atol=1e-3)


def test_independent_photos_lose_nothing() -> None:
    random = np.random.default_rng(0)
    assert design_effect(random.random(4000) < 0.9, np.arange(4000) // 10) < 1.15
    assert design_effect(np.ones(5, dtype=np.bool_), np.zeros(5, dtype=np.int64)) == 1.0


def test_wilsons_lower_end() -> None:
    """For no failure in n it is n / (n + z^2)."""
    assert wilson_lower(100, 100) == pytest.approx(100 / (100 + 1.28**2))
    assert wilson_lower(0, 0) == 0.0
    assert wilson_lower(900, 1000) == pytest.approx(0.8872, abs=1e-4)


def test_a_perfect_confidence_shows_an_error_all_the_same() -> None:
    sure = np.random.default_rng(0).random(400)
    assert 0.05 < expected_ece(sure) < 0.12
    assert expected_ece(np.tile(sure, 100)) < 0.01
    assert expected_ece(np.ones(50)) == 0.0


def test_outcomes_that_are_all_alike_do_not_make_certain() -> None:
    features = np.random.default_rng(0).random((200, 2))
    certain = fit_logistic(features, np.ones(200, dtype=np.bool_))
    assert 0.9 < float(certain(features).min()) <= float(certain(features).max()) < 1.0
    nothing = fit_logistic(np.empty((0, 2)), np.empty(0, dtype=np.bool_))
    assert nothing(np.zeros((1, 2))) == pytest.approx([0.5])


@pytest.mark.parametrize("shift", [-4.0, 0.0, 3.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_the_regression_is_that_of_scikit_learn(shift: float, scale: float) -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(int(10 * scale))
    features = random.normal(0.0, scale, (300, 2))
    chance = 1.0 / (1.0 + np.exp(-(features @ [1.5, -0.5] / scale + shift)))
    right = random.random(300) < chance
    middle = features.mean(axis=0, keepdims=True)
    theirs = LogisticRegression(C=10.0, solver="newton-cholesky", tol=1e-10).fit(
        np.concatenate([features, middle, middle]), np.r_[right, True, False]
    )
    ours = fit_logistic(features, right)
    assert [ours.bias, ours.share, ours.lead] == pytest.approx(
        [theirs.intercept_[0], *theirs.coef_[0]], abs=1e-5
    )


def test_outcomes_told_apart_at_a_line_have_a_finite_fit() -> None:
    features = np.random.default_rng(0).normal(0.0, 50.0, (500, 2))
    fitted = fit_logistic(features, features[:, 0] > 0)
    assert all(math.isfinite(each) for each in (fitted.bias, fitted.share, fitted.lead))
    assert np.mean((fitted(features) > 0.5) == (features[:, 0] > 0)) > 0.99


def test_a_photo_that_is_farther_is_never_more_sure() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 3))
    nearer = random.random(400) < 1 / (1 + np.exp(-features[:, 0] - 2 * features[:, 2]))
    assert 1.0 < fit_logistic(features, nearer).close < 3.0
    farther = random.random(400) < 1 / (1 + np.exp(-features[:, 0] + 2 * features[:, 2]))
    fitted = fit_logistic(features, farther)
    assert fitted.close == 0.0
    two = fit_logistic(features[:, :2], farther)
    assert (fitted.bias, fitted.share, fitted.lead) == (two.bias, two.share, two.lead)


def test_closeness_is_told_by_the_tenths_of_the_held_out_photos() -> None:
    tenths = tuple(np.arange(1, 10) / 10)
    scores = np.array([[0.5, 0.2], [0.1, 0.9], [-9.0, -9.0], [-np.inf, -np.inf]])
    ballots = Ballots(scores, np.zeros((4, 2), dtype=np.int64), ("a",), np.full((4, 2), -1))
    assert closeness(ballots, tenths) == pytest.approx([0.0, 0.5, -1.0, -1.0])
    assert not closeness(ballots, ()).any()
