"""Long lists of values in pieces that a database takes as bound parameters."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

VALUES_A_QUERY = 500

T = TypeVar("T")


def in_parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in order, at most `VALUES_A_QUERY` at a time."""
    for start in range(0, len(values), VALUES_A_QUERY):
        yield values[start : start + VALUES_A_QUERY]
