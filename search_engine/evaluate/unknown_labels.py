"""Find queries whose label the catalog lacks, and suggest the label that was meant.

No answer to them could be right, so they do not count for accuracy; only refusing them can be
right. Usually the label is misspelled, or the folder is a level too high.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.names import SEPARATOR, prefixes
from search_engine.near import near

NAMED = 5
"""Labels that a message lists."""
MAX_COMPARED = 2_000
"""Labels to compare an unknown label with, at most."""


@dataclass(frozen=True, slots=True)
class UnknownLabel:
    """A label that the catalog lacks, its queries, and the label that was probably meant."""

    label: str
    photos: int
    near: str | None

    def __str__(self) -> str:
        meant = "" if self.near is None else f"; `{self.near}` is"
        return f"`{self.label}` is not in the catalog{meant}"


def is_known(asked: Sequence[frozenset[str] | None], known: Iterable[str]) -> NDArray[np.bool_]:
    """Return whether the catalog has some value of each query, or something below it, (Q,).

    None (no label) and an empty set of values pass, as there is nothing to look up.
    """
    nodes = {path for label in known for path in prefixes(label)}
    return np.array([not values or not nodes.isdisjoint(values) for values in asked], dtype=bool)


def unknown_labels(
    asked: Sequence[frozenset[str] | None], known: Iterable[str]
) -> tuple[UnknownLabel, ...]:
    """Return the unknown labels, those of most queries first."""
    nodes = dict.fromkeys(path for label in known for path in prefixes(label))
    counts = Counter(value for values in asked for value in values or () if value not in nodes)
    near = _Near(list(nodes))
    return tuple(
        UnknownLabel(label, count, near.to(label))
        for label, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def refuse_all(unknown: Sequence[UnknownLabel], queries: str) -> ParameterError:
    """Return the error for queries that all have unknown labels.

    Args:
        unknown: The labels.
        queries: The name of the queries for users.
    """
    named = "; ".join(str(one) for one in unknown[:NAMED])
    which = "the label" if len(unknown) == 1 else f"none of the {len(unknown):,} labels"
    fix = _folders(unknown, queries)
    if fix is None:
        meant = list(dict.fromkeys(one.near for one in unknown if one.near is not None))
        fix = f"did you mean {', '.join(meant[:NAMED])}?" if meant else "use the catalog's labels"
    return ParameterError(
        f"{which} of the queries is {'not ' if len(unknown) == 1 else ''}in the catalog: {named}",
        where=queries,
        fix=fix,
    )


def _folders(unknown: Sequence[UnknownLabel], queries: str) -> str | None:
    """Return the subfolders that were meant, if labels without their first part are known."""
    first: dict[str, None] = {}
    for one in unknown:
        if one.near is None or not one.label.endswith(SEPARATOR + one.near):
            return None
        first[one.label.removesuffix(SEPARATOR + one.near)] = None
    if len(first) > NAMED:
        return None
    return f"did you mean {' or '.join(f'{queries}/{part}' for part in first)}?"


class _Near:
    """Find the known label that was probably meant by an unknown one."""

    def __init__(self, known: Sequence[str]) -> None:
        self._plain = {one.casefold(): one for one in reversed(known)}
        self._some = list(known)[:MAX_COMPARED]

    def to(self, label: str) -> str | None:
        """Return the label without leading parts, if that is known; else the nearest one."""
        parts = label.casefold().split(SEPARATOR)
        for start in range(len(parts)):
            found = self._plain.get(SEPARATOR.join(parts[start:]))
            if found is not None:
                return found
        return next(iter(near(label, self._some, 1)), None)
