"""Minimum results for automatic checks, such as `accuracy=0.9`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_engine.errors import ParameterError
from search_engine.evaluate.glossary import describe, lower_is_better

WHERE = "fail_under"


@dataclass(frozen=True, slots=True)
class Bar:
    """A measure and its minimum; for errors and times, the maximum."""

    measure: str
    value: float

    def reached_by(self, value: float) -> bool:
        """Return whether a value is good enough."""
        return value <= self.value if lower_is_better(self.measure) else value >= self.value


def parse_bars(texts: Sequence[str]) -> list[Bar]:
    """Parse texts such as `accuracy=0.9`.

    Raises:
        ParameterError: A text has another form, or names no known measure.
    """
    return [_parse(text) for text in texts]


def short_of(bars: Sequence[Bar], measures: Mapping[str, Any]) -> list[str]:
    """List in words which bars a run missed; an undefined measure misses every bar.

    Raises:
        ParameterError: A bar's measure was not measured in this run.
    """
    found = []
    for bar in bars:
        if bar.measure not in measures:
            known = [name for name in measures if describe(name)]
            raise ParameterError(
                f"{bar.measure} was not measured in this run",
                where=WHERE,
                fix=f"there are: {', '.join(known)}",
            )
        value = measures[bar.measure]
        if value is None or not bar.reached_by(value):
            limit = "most" if lower_is_better(bar.measure) else "least"
            found.append(f"{bar.measure} is {value}, to be at {limit} {bar.value:g}")
    return found


def _parse(text: str) -> Bar:
    name, equals, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not equals or not math.isfinite(value):
        raise ParameterError(
            f"{text!r} is not a measure and a number", where=WHERE, fix="write it like accuracy=0.9"
        )
    if describe(name.strip()) is None:
        raise ParameterError(
            f"there is no measure {name.strip()!r}",
            where=WHERE,
            fix="docs/evaluation.md lists them",
        )
    return Bar(name.strip(), value)
