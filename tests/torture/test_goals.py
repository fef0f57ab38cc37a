"""Every goal of reliability, with the fewest tries that mean something."""

from typing import Any

import pytest

from search_engine.storage.faults import POINTS
from tests.torture.campaign import TortureError
from tests.torture.goals import Goal, all_goals
from tests.torture.storage_kills import ELSEWHERE, verb_of
from tests.torture.storage_power import LOG, replay

SEED = 7
SLOW = (
    "G1", "G2", "G3", "G4", "G5", "G6", "G12", "G14", "G16", "G17", "G19", "G23", "G24", "G25",
    "G26", "PG",
)  # fmt: skip
"""Of seconds and more; what they try in numbers has its own tests, once each."""


def goals() -> list[Any]:
    slow = pytest.mark.slow
    return [pytest.param(g, id=g.name, marks=[slow] if g.name in SLOW else []) for g in all_goals()]


@pytest.mark.parametrize("goal", goals())
def test_the_target_is_met_in_small(goal: Goal) -> None:
    reached = goal.measure(0.0, SEED)
    assert reached.ok, reached.figures


@pytest.mark.slow
def test_a_disk_that_does_not_sync_the_log_is_noticed() -> None:
    with pytest.raises(TortureError):
        replay(12, SEED, deaf_to=LOG)


def test_no_two_goals_have_the_same_name() -> None:
    names = [goal.name for goal in all_goals()]
    assert len(names) == len(set(names))


def test_each_point_is_killed_at_by_a_command_or_elsewhere() -> None:
    here = [point for point in POINTS if point not in ELSEWHERE]
    assert set(ELSEWHERE) < set(POINTS)
    for point in here:
        verb_of(point)
