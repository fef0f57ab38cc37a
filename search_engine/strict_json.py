"""JSON without what Python alone would take: NaN, Infinity, a name twice in an object."""

import json
from typing import Any


class NotJsonError(ValueError):
    """The text is what only Python takes for JSON."""


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        NotJsonError: It has NaN, Infinity, or a name twice in an object.
        ValueError, RecursionError: As for `json.loads`.
    """
    return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)


def _refuse(name: str) -> None:
    raise NotJsonError(f"{name} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJsonError("an object has a name twice")
    return found
