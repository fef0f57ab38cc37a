"""Which parameters of a test run only with --slow."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest


def slow_but(fast: Sequence[Any], all_of_them: Iterable[Any]) -> list[Any]:
    """First those that always run, then the others, marked as slow."""
    others = [one if isinstance(one, tuple) else (one,) for one in all_of_them if one not in fast]
    return [*fast, *(pytest.param(*one, marks=pytest.mark.slow) for one in others)]
