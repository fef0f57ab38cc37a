"""What goals are, and which there are: the `GOALS` of every module of this package that has some.

A goal measures something real with a number of tries that grows with `scale`: 1 is the published
number, and 0 the fewest that still mean something. The same seed gives the same tries.
"""

import pkgutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

TOLD_EVERY_S = 60.0


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


def with_progress(parts: Sequence[T]) -> Iterator[T]:
    """The parts of a long measurement, each in its turn, and now and then a word of how many."""
    started = last = time.monotonic()
    for number, part in enumerate(parts):
        if time.monotonic() > last + TOLD_EVERY_S:
            last = time.monotonic()
            said = f"  {number:,} of {len(parts):,} after {last - started:.0f} s"
            print(said, file=sys.stderr, flush=True)
        yield part


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
