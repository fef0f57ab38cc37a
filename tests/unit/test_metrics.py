"""Measures on examples small enough to check by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from search_engine.evaluation.metrics import (
    average_precision,
    expected_calibration_error,
    hit_rate,
    level_accuracy,
    precision,
)

RELEVANT = np.array(
    [
        [True, False, True, False],
        [False, False, False, True],
        [False, True, True, False],
    ]
)


@pytest.mark.parametrize(("k", "wanted"), [(1, 1 / 3), (2, 2 / 3), (3, 2 / 3), (4, 1), (9, 1)])
def test_hit_rate_is_the_share_of_queries_with_a_relevant_item(k: int, wanted: float) -> None:
    assert hit_rate(RELEVANT, k) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("k", "wanted"),
    [
        (1, 1 / 3),  # (1 + 0 + 0) / 3
        (2, 1 / 3),  # (1/2 + 0 + 1/2) / 3
        (3, 4 / 9),  # (2/3 + 0 + 2/3) / 3
        (4, 5 / 12),  # (2/4 + 1/4 + 2/4) / 3
        (8, 5 / 24),  # ranks that are not there are misses
    ],
)
def test_precision_is_the_mean_share_of_relevant_items(k: int, wanted: float) -> None:
    assert precision(RELEVANT, k) == pytest.approx(wanted)


def test_average_precision_by_hand() -> None:
    """Precision where a relevant item stands: 1/1, 2/3; 1/4; 1/2, 2/3."""
    wanted = [(1 + 2 / 3) / 2, 1 / 4, (1 / 2 + 2 / 3) / 2]
    np.testing.assert_allclose(average_precision(RELEVANT), wanted)


def test_average_precision_of_extremes() -> None:
    extremes = np.array([[True, True, False], [True, True, True], [False, False, False]])
    assert average_precision(extremes).tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("seed", range(20))
def test_average_precision_agrees_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permutation(200)[None]  # without ties, which scikit-learn treats otherwise
    relevant = rng.random((1, 200)) < rng.uniform(0.02, 0.9)
    relevant[0, seed] = True
    ranked = np.take_along_axis(relevant, np.argsort(-scores), axis=1)
    wanted = average_precision_score(relevant[0], scores[0])
    assert average_precision(ranked)[0] == pytest.approx(wanted)


def test_calibration_error_by_hand() -> None:
    """Two bins: 0.2 and 0.4 (mean 0.3, half are right), 0.8 twice (all right).

    Gaps 0.2 and 0.2, each with half of the answers.
    """
    confidence = np.array([0.2, 0.4, 0.8, 0.8])
    correct = np.array([True, False, True, True])
    assert expected_calibration_error(confidence, correct, bins=2) == pytest.approx(0.2)


def test_calibration_error_of_honest_and_of_boastful_answers() -> None:
    right = np.array([True, True, False, False])
    assert expected_calibration_error(np.full(4, 0.5), right) == pytest.approx(0.0)
    assert expected_calibration_error(np.ones(4), right) == pytest.approx(0.5)
    assert expected_calibration_error(np.zeros(4), right) == pytest.approx(0.5)


def test_calibration_error_without_answers_is_zero() -> None:
    assert expected_calibration_error(np.empty(0), np.empty(0, dtype=bool)) == 0.0


def test_level_accuracy_compares_as_deep_as_the_truth_goes() -> None:
    truth = ["Fruit/Apple/Gala", "Fruit/Pear", "Milk", "Fruit/Apple"]
    predicted = ["Fruit/Apple/Fuji", "Fruit", None, "Fruit/Apple/Gala"]
    # level 1: Fruit, Fruit and Fruit are right, nothing is not Milk
    # level 2, without Milk: Apple, no answer, Apple; level 3, Gala only: Fuji
    assert level_accuracy(truth, list(predicted)) == {1: 3 / 4, 2: 2 / 3, 3: 0.0}


def test_level_accuracy_is_not_fooled_by_a_common_beginning() -> None:
    assert level_accuracy(["Home/Kitchen"], ["Home/Kitchenware"]) == {1: 1.0, 2: 0.0}
