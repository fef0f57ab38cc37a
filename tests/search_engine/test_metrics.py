"""Measures on examples small enough to check by hand, and against scikit-learn and slow loops."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    label_ranking_average_precision_score,
    ndcg_score,
)

from search_engine.metrics import (
    average_precision,
    coverage_curve,
    expected_calibration_error,
    hit_rate,
    ndcg,
    precision,
    r_precision,
    recall,
    reciprocal_rank,
    reliability,
)

RELEVANT = np.array(
    [
        [True, False, True, False],
        [False, False, False, True],
        [False, True, True, False],
    ]
)
TOTAL = np.array([2, 1, 2])

Row = list[bool]
RANKINGS = st.lists(st.booleans(), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("k", "wanted"), [(1, [1, 0, 0]), (2, [1, 0, 1]), (4, [1, 1, 1]), (9, [1, 1, 1])]
)
def test_hit_rate_is_whether_a_relevant_item_is_there(k: int, wanted: Sequence[int]) -> None:
    assert hit_rate(RELEVANT, k).tolist() == wanted


@pytest.mark.parametrize(
    ("k", "wanted"),
    [
        (1, [1, 0, 0]),
        (2, [1 / 2, 0, 1 / 2]),
        (4, [2 / 4, 1 / 4, 2 / 4]),
        (8, [2 / 8, 1 / 8, 2 / 8]),  # ranks that are not there are misses
    ],
)
def test_precision_is_the_share_of_relevant_items(k: int, wanted: Sequence[float]) -> None:
    np.testing.assert_allclose(precision(RELEVANT, k), wanted)


def test_recall_is_out_of_all_relevant_items_also_those_never_ranked() -> None:
    np.testing.assert_allclose(recall(RELEVANT, TOTAL, 3), [1, 0, 1])
    np.testing.assert_allclose(recall(RELEVANT, np.array([4, 1, 8]), 3), [1 / 2, 0, 1 / 4])


def test_average_precision_by_hand() -> None:
    """Precision where a relevant item stands: 1/1, 2/3; 1/4; 1/2, 2/3."""
    wanted = [(1 + 2 / 3) / 2, 1 / 4, (1 / 2 + 2 / 3) / 2]
    np.testing.assert_allclose(average_precision(RELEVANT, TOTAL), np.array(wanted))


def test_average_precision_at_k_is_over_as_many_as_could_be_found() -> None:
    """At 2: 1/1 of min(2, 2), nothing of min(1, 2), 1/2 of min(2, 2)."""
    np.testing.assert_allclose(average_precision(RELEVANT, TOTAL, 2), np.array([0.5, 0, 0.25]))


def test_ndcg_by_hand() -> None:
    """Gains 1 / log2(rank + 1) at ranks 1 and 3; at 4; at 2 and 3; the best is at 1 (and 2)."""
    second, third, fourth = 1 / math.log2(3), 1 / math.log2(4), 1 / math.log2(5)
    wanted = [(1 + third) / (1 + second), fourth / 1, (second + third) / (1 + second)]
    np.testing.assert_allclose(ndcg(RELEVANT, TOTAL), np.array(wanted))


def test_r_precision_and_reciprocal_rank_by_hand() -> None:
    np.testing.assert_allclose(r_precision(RELEVANT, TOTAL), [1 / 2, 0, 1 / 2])
    np.testing.assert_allclose(reciprocal_rank(RELEVANT), [1, 1 / 4, 1 / 2])
    assert reciprocal_rank(np.zeros((1, 3), dtype=bool)).tolist() == [0.0]


def slow_average_precision(row: Row, total: int, k: int) -> float:
    """As textbooks have it: walk down the list, note the precision at every relevant item."""
    notes, found = [], 0
    for rank, relevant in enumerate(row[:k], start=1):
        if relevant:
            found += 1
            notes.append(found / rank)
    return sum(notes) / min(total, k) if total else 0.0


def slow_ndcg(row: Row, total: int, k: int) -> float:
    gain = sum(1 / math.log2(rank + 1) for rank, one in enumerate(row[:k], start=1) if one)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(total, k) + 1))
    return gain / best if best else 0.0


@given(row=RANKINGS, unseen=st.integers(0, 5), k=st.integers(1, 35))
def test_measures_agree_with_slow_loops(row: Row, unseen: int, k: int) -> None:
    """Also where relevant items stand beyond what was ranked."""
    relevant, total = np.array([row]), np.array([sum(row) + unseen])
    count = int(total[0])
    found = sum(row[:k])
    assert hit_rate(relevant, k)[0] == float(found > 0)
    assert precision(relevant, k)[0] == pytest.approx(found / k)
    assert recall(relevant, total, k)[0] == pytest.approx(found / count if count else 0.0)
    assert average_precision(relevant, total, k)[0] == pytest.approx(
        slow_average_precision(row, count, k)
    )
    assert ndcg(relevant, total, k)[0] == pytest.approx(slow_ndcg(row, count, k))
    assert r_precision(relevant, total)[0] == pytest.approx(
        sum(row[:count]) / count if count else 0.0
    )
    first = next((1 / rank for rank, one in enumerate(row, start=1) if one), 0.0)
    assert reciprocal_rank(relevant)[0] == pytest.approx(first)


@pytest.mark.parametrize("seed", range(20))
def test_measures_agree_with_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permutation(200)[None]  # without ties, which scikit-learn treats otherwise
    relevant = rng.random((1, 200)) < rng.uniform(0.02, 0.9)
    relevant[0, seed] = True
    ranked = np.take_along_axis(relevant, np.argsort(-scores), axis=1)
    total = relevant.sum(axis=1)
    wanted = average_precision_score(relevant[0], scores[0])
    assert average_precision(ranked, total)[0] == pytest.approx(wanted)
    assert average_precision(ranked, total)[0] == pytest.approx(
        label_ranking_average_precision_score(relevant, scores)
    )
    assert ndcg(ranked, total)[0] == pytest.approx(ndcg_score(relevant, scores))
    for k in (1, 10, 150):
        assert ndcg(ranked, total, k)[0] == pytest.approx(ndcg_score(relevant, scores, k=k))


def test_reciprocal_rank_is_average_precision_of_a_single_item() -> None:
    single = np.eye(5, dtype=bool)
    ones = np.ones(5, dtype=np.int64)
    np.testing.assert_allclose(reciprocal_rank(single), average_precision(single, ones))


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


def test_reliability_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.random(500)
    correct = rng.random(500) < confidence
    found = reliability(confidence, correct, bins=10)
    accuracy, mean = calibration_curve(correct, confidence, n_bins=10)
    np.testing.assert_allclose(found.accuracy, accuracy)
    np.testing.assert_allclose(found.confidence, mean)
    assert found.count.sum() == 500


def test_coverage_curve_by_hand() -> None:
    """Answers sure 0.9 (right), 0.9 (wrong), 0.5 (right), and one query without an answer."""
    curve = coverage_curve(np.array([0.5, 0.9, 0.9]), np.array([True, True, False]), queries=4)
    assert curve.threshold.tolist() == [0.9, 0.5]
    np.testing.assert_allclose(curve.coverage, [2 / 4, 3 / 4])
    np.testing.assert_allclose(curve.accuracy, [1 / 2, 2 / 3])
    assert curve.coverage_at(0.6) == pytest.approx(3 / 4)
    assert curve.coverage_at(0.9) == 0.0


def test_coverage_curve_without_answers_covers_nothing() -> None:
    curve = coverage_curve(np.empty(0), np.empty(0, dtype=bool), queries=3)
    assert len(curve.coverage) == 0
    assert curve.coverage_at(0.5) == 0.0
