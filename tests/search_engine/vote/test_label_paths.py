"""Levels of label paths, on votes that can be added up by hand."""

import numpy as np
import pytest

from search_engine.names import MAX_LABEL_LEVELS, prefixes
from search_engine.records import Vote
from search_engine.vote.label_paths import (
    level_shares,
    levels_of,
    node_shares,
    path_table,
)
from search_engine.vote.tally import Tally

VOTES = (
    Vote("Fruit/Apple/Gala", 0.4),
    Vote("Fruit/Apple/Fuji", 0.2),
    Vote("Fruit/Pear", 0.1),
    Vote("Milk", 0.3),
)
LABELS = ("Fruit/Apple/Fuji", "Fruit/Apple/Gala", "Fruit/Pear", "Milk")


def counted(*votes: tuple[int, float]) -> Tally:
    codes, shares = zip(*votes, strict=True)
    return Tally(np.array([codes]), np.array([shares], dtype=np.float64))


def test_a_label_stands_for_all_above_it() -> None:
    assert prefixes("a/b/c") == ("a", "a/b", "a/b/c")
    assert prefixes("a") == ("a",)
    assert prefixes("") == ("",)


def test_a_path_has_a_bounded_number_of_levels() -> None:
    """Longer ones stand in catalogs of earlier versions; all their text stays in the last level."""
    deep = "/".join(["a"] * 10_000)
    assert len(prefixes(deep)) == MAX_LABEL_LEVELS
    assert prefixes(deep)[:2] == ("a", "a/a")
    assert prefixes(deep)[-1] == deep
    table = path_table([deep, f"{deep}/b", "a", "b"])
    assert table.nodes.shape == (4, MAX_LABEL_LEVELS)
    both = table.agree(np.array([0]), np.array([1]))
    assert both.sum() == MAX_LABEL_LEVELS - 1
    levels = levels_of((Vote(deep, 0.6), Vote("a/b", 0.4)))
    assert [level.confidence for level in levels] == pytest.approx([1.0] + [0.6] * 31)


def test_a_parent_has_the_sum_of_its_children() -> None:
    assert node_shares(VOTES) == pytest.approx(
        {
            "Fruit": 0.7,
            "Fruit/Apple": 0.6,
            "Fruit/Apple/Gala": 0.4,
            "Fruit/Apple/Fuji": 0.2,
            "Fruit/Pear": 0.1,
            "Milk": 0.3,
        }
    )


def test_levels_are_the_path_of_the_winner() -> None:
    levels = levels_of(VOTES)
    assert [level.label for level in levels] == ["Fruit", "Fruit/Apple", "Fruit/Apple/Gala"]
    assert [level.confidence for level in levels] == pytest.approx([0.7, 0.6, 0.4])
    assert levels_of(()) == ()


def test_shares_of_a_level_are_those_below_the_level_above() -> None:
    """Fruit 0.7 against Milk 0.3; of Fruit Apple 6/7, Pear 1/7; of Apple Gala 2/3, Fuji 1/3."""
    found = level_shares(counted((1, 0.4), (3, 0.3), (0, 0.2), (2, 0.1)), path_table(LABELS))
    assert found.share[0] == pytest.approx([0.7, 6 / 7, 2 / 3])
    assert found.rival[0] == pytest.approx([0.3, 1 / 7, 1 / 3])


def test_there_are_no_levels_below_the_label() -> None:
    found = level_shares(counted((3, 0.6), (0, 0.4)), path_table(LABELS))
    assert found.share[0] == pytest.approx([0.6, np.nan, np.nan], nan_ok=True)
    assert found.rival[0] == pytest.approx([0.4, np.nan, np.nan], nan_ok=True)


def test_a_label_that_is_a_parent_too_rivals_its_children() -> None:
    """a/b has 0.6 of the votes below a, and a itself 0.4."""
    found = level_shares(counted((1, 0.6), (0, 0.4)), path_table(("a", "a/b")))
    assert found.share[0] == pytest.approx([1.0, 0.6])
    assert found.rival[0] == pytest.approx([0.0, 0.4])


def test_without_votes_nothing_is_known() -> None:
    empty = Tally(np.full((2, 3), -1), np.zeros((2, 3)))
    assert np.isnan(level_shares(empty, path_table(LABELS)).share).all()


def test_paths_agree_down_to_where_they_part() -> None:
    table = path_table(LABELS)
    one, other = np.array([1, 1, 3, -1]), np.array([0, 2, 3, 3])
    assert table.agree(one, other).tolist() == [
        [True, True, False],
        [True, False, False],
        [True, False, False],
        [False, False, False],
    ]
