"""What is asked for when the encoder of a collection changes, and how progress is told."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

Advance = Callable[[int], None]
Stage = Callable[[str, int], AbstractContextManager[Advance]]
"""Begins a stage of the work, by its name and number of steps; what it gives counts them."""
Say = Callable[[str], None]
"""Takes a line for people."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """By which labels a candidate is judged, and what follows.

    `force` uses a candidate that is refused, `dry_run` uses none. `seed` is that of folds, samples
    and the bootstrap.
    """

    target: str = "label"
    force: bool = False
    dry_run: bool = False
    seed: int = 0

    def wants(self, refusals: Sequence[str]) -> bool:
        """Whether the candidate shall be used."""
        return (self.force or not refusals) and not self.dry_run


def without_progress(name: str, steps: int) -> AbstractContextManager[Advance]:
    """A stage without progress."""
    return nullcontext(lambda count: None)
