"""JSON without what Python alone would take: NaN, Infinity, repeated keys."""

import json
from typing import Any

from api.problems import Problem


def parse_json(data: bytes | str) -> Any:
    """JSON without NaN, Infinity or repeated keys.

    Raises:
        Problem: 400 `bad_json`.
    """
    try:
        return json.loads(data, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Problem(400, "bad_json", "the body is not valid JSON") from None


def _refuse(name: str) -> None:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found
