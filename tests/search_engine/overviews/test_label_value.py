"""What to label next: against brute force, and what it prefers."""

import numpy as np
import pytest

from search_engine.overviews.label_value import choose_next, doubt, votes_of
from search_engine.records import Codes, Floats
from search_engine.vote.tally import Tally


def graph(vectors: Floats, k: int) -> tuple[Floats, Codes]:
    """Every item's k nearest others."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    rows = np.argsort(-cosines, axis=1)[:, :k]
    return np.take_along_axis(cosines, rows, 1), rows


def circle(angles: list[float]) -> Floats:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def brute_force(vectors: Floats, labelled: list[int], doubts: Floats) -> int:
    """The unlabelled item that adds most, with everybody as neighbor."""
    cosines = vectors @ vectors.T
    known = cosines[:, labelled].max(axis=1)
    gains = {
        row: float(doubts @ np.maximum(cosines[:, row] - known, 0))
        for row in set(range(len(vectors))) - set(labelled)
    }
    return max(gains, key=lambda row: gains[row])


@pytest.mark.parametrize("seed", range(5))
def test_the_first_and_the_second_are_those_of_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((40, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labelled, doubts = [3, 17], random.uniform(0.1, 1, 40)
    mask = np.isin(np.arange(40), labelled)
    doubts[mask] = 0  # nothing is to be learned of what is known
    chosen = choose_next(*graph(vectors, 39), mask, doubts, 2)
    first = brute_force(vectors, labelled, doubts)
    assert chosen.rows.tolist() == [first, brute_force(vectors, [*labelled, first], doubts)]


def test_one_of_each_group_comes_before_a_second_of_the_larger() -> None:
    large, small = [0.0, 0.01, 0.02, 0.03, 0.04], [2.0, 2.01, 2.02]
    vectors = circle([*large, *small, 4.5])
    labelled = np.arange(9) == 8
    chosen = choose_next(*graph(vectors, 8), labelled, np.ones(9), 9)
    assert chosen.rows[0] in range(5)
    assert chosen.rows[1] in range(5, 8)
    assert chosen.reach[:2].tolist() == [8, 3]
    assert sorted(chosen.rows.tolist()) == list(range(8))


def test_doubt_is_one_minus_the_lead() -> None:
    codes = np.array([[0, 1], [0, -1], [-1, -1]])
    shares = np.array([[0.6, 0.4], [1.0, 0.0], [0.0, 0.0]])
    assert doubt(Tally(codes, shares)) == pytest.approx([0.8, 0.0, 1.0])
    assert doubt(Tally(np.empty((2, 0), np.int64), np.empty((2, 0)))).tolist() == [1.0, 1.0]


def test_votes_are_counted_for_the_nearest_labelled_one() -> None:
    vectors = circle([0.0, 0.1, 0.25, 3.0])
    labelled = np.array([True, False, True, False])
    assert votes_of(*graph(vectors, 3), labelled).tolist() == [2, 0, 2, 0]


def test_nothing_comes_of_nothing() -> None:
    empty = np.empty((0, 0)), np.empty((0, 0), np.int64)
    assert choose_next(*empty, np.zeros(0, bool), np.zeros(0), 5).rows.tolist() == []
    alone = np.empty((1, 0)), np.empty((1, 0), np.int64)
    assert choose_next(*alone, np.zeros(1, bool), np.ones(1), 5).rows.tolist() == [0]
    assert votes_of(*alone, np.ones(1, bool)).tolist() == [0]
