"""Requests to change the encoder of a collection, and callbacks for progress."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

Advance = Callable[[int], None]
Stage = Callable[[str, int], AbstractContextManager[Advance]]
"""Begins a stage of the work, by name and number of steps; yields a function to count them."""
Say = Callable[[str], None]
"""Takes a line of text for the user."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """How to judge a candidate, and what to do with it.

    `force` accepts a refused candidate, `dry_run` accepts none. `seed` is used for folds, samples
    and the bootstrap. Items with one value of the field `group_by` are held out together.
    """

    target: str = "label"
    force: bool = False
    dry_run: bool = False
    seed: int = 0
    group_by: str | None = None

    def wants(self, refusals: Sequence[object]) -> bool:
        """Return whether to switch to the candidate."""
        return (self.force or not refusals) and not self.dry_run


def without_progress(name: str, steps: int) -> AbstractContextManager[Advance]:
    """Run a stage that reports nothing."""
    return nullcontext(lambda count: None)
