"""What goals are, and which there are: the `GOALS` of every module of this package that has some.

A goal measures something real with a number of tries that grows with `scale`: 1 is the published
number, and 0 the fewest that still mean something. The same seed gives the same tries.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reached:
    """What a goal came to: whether its target was met, and the figures in words."""

    ok: bool
    figures: str


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to reach: its short name, the target in words, and how it is measured."""

    name: str
    target: str
    measure: Callable[[float, int], Reached]
    """Given the scale and the seed."""


def tries(at_full_scale: int, scale: float, at_least: int = 1) -> int:
    """How many tries a goal makes at a scale."""
    return max(at_least, round(at_full_scale * scale))


def all_goals() -> list[Goal]:
    """The goals of all modules of this package, by the names of the modules and in their order."""
    folder = Path(__file__).parent
    names = sorted(each.name for each in pkgutil.iter_modules([str(folder)]))
    modules = [
        import_module(f"{__package__}.{name}")
        for name in names
        if not name.startswith(("test_", "__"))
    ]
    return [goal for module in modules for goal in getattr(module, "GOALS", ())]
