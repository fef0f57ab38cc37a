"""Several values a picture: lists in an attribute, or one text divided by a separator."""

from collections.abc import Iterable
from typing import Any

from search_engine.evaluation.multilabel import LabelSet
from search_engine.voting import as_label

JOINED = "; "


def value_set(value: Any, separator: str | None = None) -> LabelSet | None:
    """The values in a value: a list's entries, or the parts of a text; None when there is none."""
    if isinstance(value, str) and separator:
        value = [part.strip() for part in value.split(separator)]
    entries = value if isinstance(value, list) else [value]
    found = frozenset(label for one in entries if (label := as_label(one)))
    return found or None


def joined(values: LabelSet) -> str:
    """The values as one text, in alphabetical order."""
    return JOINED.join(sorted(values))


def has_lists(values: Iterable[Any]) -> bool:
    """Whether any picture has several values at once."""
    return any(isinstance(value, list) for value in values)
