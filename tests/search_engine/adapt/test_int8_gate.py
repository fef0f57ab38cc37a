"""Figures by which int8 is judged, small enough to check on paper."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from search_engine.adapt.int8_gate import Int8Figures, compare_int8, share_of, votes_right
from search_engine.encoders.base import unit_rows
from search_engine.records import Vectors

GOOD = Int8Figures(
    held_out=100,
    cosine_mean=0.998,
    cosine_p1=0.991,
    cosine_min=0.95,
    labelled=1_000,
    accuracy_float32=0.842,
    accuracy_int8=0.84,
    chance=0.01,
)


def directions(*degrees: float) -> Vectors:
    angles = np.radians(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, ()),
        ({"accuracy_int8": 0.839}, ()),
        ({"accuracy_int8": 0.9}, ()),
        ({"accuracy_float32": None, "accuracy_int8": None}, ()),
        ({"cosine_mean": 0.9899}, ("the mean of the cosines is 0.9899",)),
        ({"cosine_p1": 0.98}, ("the first percentile of the cosines is 0.9800",)),
        ({"cosine_p1": float("nan")}, ("the first percentile",)),
        ({"accuracy_int8": 0.8389}, ("0.31 points of accuracy are lost",)),
        ({"accuracy_int8": 0.8389, "chance": 0.06}, ()),
        ({"accuracy_int8": 0.8319, "chance": 0.5}, ("1.01 points of accuracy are lost",)),
        ({"cosine_mean": 0.9, "cosine_p1": 0.9, "accuracy_int8": 0.5}, ("mean", "first", "34.20")),
    ],
)
def test_what_is_refused_and_why(changed: dict[str, Any], refused: tuple[str, ...]) -> None:
    found = replace(GOOD, **changed).refusals
    assert len(found) == len(refused)
    assert all(why in text for why, text in zip(refused, found, strict=True))


def test_votes_of_the_others_decide() -> None:
    """The third stands nearest to three of the other label, the others among their own."""
    vectors = directions(0, 1, 50, 60, 61, 62)
    right = votes_right(vectors, ["a", "a", "a", "b", "b", "b"])
    assert right.tolist() == [True, True, False, True, True, True]
    assert share_of(right) == pytest.approx(5 / 6)


@pytest.mark.parametrize("count", [0, 1])
def test_one_picture_has_no_others(count: int) -> None:
    assert share_of(votes_right(directions(0, 1)[:count], ["a"] * count)) is None


def test_figures_are_of_the_right_pictures() -> None:
    """Only what was held out has a cosine; only what has a label has a vote."""
    float32 = directions(0, 0, 90, 90)
    int8 = directions(60, 0, 90, 90)
    held_out = np.array([False, True, True, True])
    figures = compare_int8(int8, float32, ["a", None, "b", "b"], held_out)
    assert figures.held_out == 3
    assert figures.cosine_min == pytest.approx(1)
    assert figures.labelled == 3
    assert figures.accuracy_float32 == pytest.approx(2 / 3)
    assert figures.chance == 1.0
    everything = compare_int8(int8, float32, ["a", None, "b", "b"], ~np.zeros(4, dtype=np.bool_))
    assert everything.cosine_min == pytest.approx(0.5)
    assert everything.cosine_mean == pytest.approx(3.5 / 4)


def test_the_percentile_passes_over_one_in_a_hundred() -> None:
    float32 = unit_rows(np.ones((200, 2), dtype=np.float32))
    int8 = float32.copy()
    int8[7] = directions(-45)[0]
    figures = compare_int8(int8, float32, [None] * 200, np.ones(200, dtype=np.bool_))
    assert figures.cosine_min == pytest.approx(0, abs=1e-6)
    assert figures.cosine_p1 == pytest.approx(1)
    assert figures.accuracy_lost is None


def test_a_loss_of_many_pictures_is_more_than_chance() -> None:
    """Eight pictures of one label stand among those of the other."""
    float32 = directions(*range(20), *range(90, 150))
    int8 = float32.copy()
    int8[:8] = directions(*(90.5 + 7 * number for number in range(8)))
    labels = ["a"] * 20 + ["b"] * 60
    found = compare_int8(int8, float32, labels, np.ones(80, dtype=np.bool_))
    assert found.accuracy_float32 == 1.0
    assert found.accuracy_lost == pytest.approx(8 / 80)
    assert found.chance == pytest.approx(2 * 0.5**8)
