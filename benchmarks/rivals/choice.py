"""The cheapest setting of an engine that finds enough, chosen the same way for all."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tried:
    """An effort that was tried: recall at k, and queries a second of one pass."""

    effort: int
    recall: float
    queries_per_second: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The least effort that finds enough, and those tried right below and above it.

    When none finds enough, `chosen` is the greatest and `reached` is false.
    """

    chosen: Tried
    below: Tried | None
    above: Tried | None
    reached: bool

    def neighbors(self) -> dict[str, Any]:
        """What shows that the choice is no bad one."""
        return {
            "below": None if self.below is None else asdict(self.below),
            "above": None if self.above is None else asdict(self.above),
        }


def sweep(try_effort: Callable[[int], Tried], efforts: Iterable[int], wanted: float) -> list[Tried]:
    """Try efforts in ascending order until the one after the first that finds enough."""
    tried: list[Tried] = []
    for effort in efforts:
        tried.append(try_effort(effort))
        if len(tried) > 1 and tried[-2].recall >= wanted:
            break
    return tried


def choose(tried: Sequence[Tried], wanted: float) -> Choice:
    """The choice among efforts that were tried in ascending order.

    Args:
        tried: At least one.
        wanted: Least recall, 0 to 1.
    """
    enough = [place for place, one in enumerate(tried) if one.recall >= wanted]
    place = enough[0] if enough else len(tried) - 1
    return Choice(
        chosen=tried[place],
        below=tried[place - 1] if place > 0 else None,
        above=tried[place + 1] if place + 1 < len(tried) else None,
        reached=bool(enough),
    )
