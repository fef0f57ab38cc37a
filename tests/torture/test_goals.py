"""Every goal of reliability, with the fewest tries that mean something."""

import pytest

from tests.torture.campaign import TortureError
from tests.torture.goals import Goal, all_goals
from tests.torture.storage_power import LOG, replay

SEED = 7


@pytest.mark.parametrize("goal", all_goals(), ids=lambda goal: goal.name)
def test_the_target_is_met_in_small(goal: Goal) -> None:
    reached = goal.measure(0.0, SEED)
    assert reached.ok, reached.figures


def test_a_disk_that_does_not_sync_the_log_is_noticed() -> None:
    with pytest.raises(TortureError):
        replay(12, SEED, deaf_to=LOG)


def test_no_two_goals_have_the_same_name() -> None:
    names = [goal.name for goal in all_goals()]
    assert len(names) == len(set(names))
