"""What a gate found, for people and programs: measures before and after, with the difference."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_engine.evaluate.paired import Change

COLUMN = "difference, 95 %"


def verdict_json(changes: "Mapping[str, Change]") -> dict[str, Any]:
    """The measures by name; null where one is not defined."""
    return {
        name: {
            "before": _number(change.before),
            "after": _number(change.after),
            "difference": [_number(change.difference.low), _number(change.difference.high)],
        }
        for name, change in changes.items()
    }


def verdict_rows(changes: "Mapping[str, Change]") -> list[Sequence[str]]:
    """A row for each measure: its name, before, after and the difference."""
    return [
        (
            name,
            f"{change.before:.3f}",
            f"{change.after:.3f}",
            f"{change.difference.low:+.3f} to {change.difference.high:+.3f}",
        )
        for name, change in changes.items()
    ]


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
