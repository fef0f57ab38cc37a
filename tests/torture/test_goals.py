"""Every goal of reliability, with the fewest tries that mean something."""

import pytest

from tests.torture.goals import Goal, all_goals

SEED = 7


@pytest.mark.parametrize("goal", all_goals(), ids=lambda goal: goal.name)
def test_the_target_is_met_in_small(goal: Goal) -> None:
    reached = goal.measure(0.0, SEED)
    assert reached.ok, reached.figures


def test_no_two_goals_have_the_same_name() -> None:
    names = [goal.name for goal in all_goals()]
    assert len(names) == len(set(names))
