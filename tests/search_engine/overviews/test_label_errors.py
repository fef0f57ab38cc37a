"""Labels that neighbors contradict, on tables small enough to check on paper."""

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.overviews.label_errors import judge
from search_engine.vote.tally import Ballots, VoteRule

LABELS = ("a", "b", "c")
COUNT = VoteRule(k=4, weights="uniform", support=None)


def ballots(*rows: str) -> Ballots:
    """Neighbors by their labels, `.` for one without; all equally near."""
    codes = np.array([own(row) for row in rows])
    return Ballots(np.full(codes.shape, 0.5), codes, LABELS)


def own(labels: str) -> NDArray[np.int64]:
    return np.array([LABELS.index(each) if each in LABELS else -1 for each in labels], np.int64)


def test_the_label_that_has_least_support_comes_first() -> None:
    """Shares of the own label: 1, 1/4, 3/4, 0."""
    found = judge(ballots("aaaa", "abbb", "bbba", "aaaa"), own("aabb"), np.arange(4), COUNT)
    assert found.probability.tolist() == [1.0, 0.25, 0.75, 0.0]
    assert found.ranked().tolist() == [3, 1, 2, 0]
    assert found.suggested.tolist() == [-1, 1, 0, 0]
    assert found.support.tolist() == [0.0, 0.75, 0.25, 1.0]


def test_of_equal_probabilities_the_better_suggestion_comes_first() -> None:
    found = judge(ballots("bbcc", "bbbc", "aaaa", "bbbb"), own("aaab"), np.arange(4), COUNT)
    assert found.ranked().tolist()[:2] == [1, 0]


def test_errors_are_those_of_the_confident_joint() -> None:
    """The share of b is 0.75 on average where the label is b, and of a 2/3 where it is a. So the
    second item counts for b; the third, between the two, for neither."""
    rows = ("aaaa", "bbba", "aabb", "aaaa", "bbbb", "bbaa")
    found = judge(ballots(*rows), own("aaaabb"), np.arange(6), COUNT)
    assert found.probability.tolist() == [1.0, 0.25, 0.5, 1.0, 1.0, 0.5]
    assert found.errors.tolist() == [False, True, False, False, False, False]


def test_what_cannot_be_judged_is_not_suspected() -> None:
    """No label; the only one of its label; only photos of one product have it; no voters."""
    rows = ("aaaa", "aaaa", "aaaa", "aaaa", "....", "aaaa", "aaaa")
    things = np.array([0, 1, 2, 2, 4, 5, 6])
    found = judge(ballots(*rows), own(".bccaaa"), things, COUNT)
    assert found.judged.tolist() == [False, False, False, False, False, True, True]
    assert found.ranked().tolist() == [5, 6]
    assert not found.errors.any()


@pytest.mark.parametrize("items", [0, 1])
def test_without_neighbors_nothing_is_judged(items: int) -> None:
    nobody = Ballots(np.empty((items, 0)), np.empty((items, 0), dtype=np.int64), LABELS)
    found = judge(nobody, own("a" * items), np.arange(items))
    assert found.ranked().tolist() == []
    assert not found.judged.any()
