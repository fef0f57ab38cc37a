"""Values of a field that may have been meant by one that no item has; at bounded cost."""

from collections.abc import Sequence
from itertools import accumulate
from unicodedata import normalize

from search_engine.catalog.field_values import FieldValues
from search_engine.catalog.filters import Moment, Scalar, Word
from search_engine.near import near, shown

MAX_COMPARED = 2_000
"""Different texts of a field that are compared with the one that was asked for."""


def near_texts(values: FieldValues, field: str, text: str) -> list[str]:
    """Up to three texts that items have, nearest first."""
    return near(text, _candidates(values, field, text))


def near_paths(values: FieldValues, field: str, path: str) -> list[str]:
    """Up to three paths that items are at or under, nearest first."""
    levels = (one.split("/") for one in _candidates(values, field, path))
    paths = [way for parts in levels for way in accumulate(parts, lambda *two: "/".join(two))]
    return near(path, dict.fromkeys(paths))


def quoted(value: Scalar | int) -> str:
    """A value as a message has it: texts in single quotes, as in a filter line."""
    text = written(value)
    is_text = isinstance(value, str | Moment | Word)
    return f"'{shown(text)}'" if is_text else shown(text)


def written(value: Scalar | int) -> str:
    """A value as somebody would write it: 3 for 3.0."""
    if isinstance(value, Word | Moment):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def describe(near: Sequence[str]) -> str:
    """How a message goes on after a value that nothing has: `; 'mug' exists`."""
    if not near:
        return ""
    listed = f"{', '.join(near[:-1])} and {near[-1]}" if len(near) > 1 else near[0]
    return f"; {listed} exist{'' if len(near) > 1 else 's'}"


def _candidates(values: FieldValues, field: str, text: str) -> list[str]:
    """Other spellings, texts that begin alike, and the first ones there are."""
    forms = (text.strip(), text.lower(), text.upper(), text.capitalize(), text.title())
    spellings = [form for one in forms for form in (one, normalize("NFD", one))]
    half = MAX_COMPARED // 2
    found = values.among(field, spellings)
    found += values.texts(field, text[: len(text) // 2], half)
    return list(dict.fromkeys([*found, *values.texts(field, "", half)]))
