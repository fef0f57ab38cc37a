"""JSON without what Python alone would take: NaN, Infinity, repeated keys."""

import json
import re
from typing import Any

from api.problems import Problem
from search_engine.strict_json import NotJsonError, read_json

MOST_LEVELS = 200
"""Of arrays and objects within each other; Python's parser would go on to the end of its stack."""

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string, ended or not, or a bracket."""


def parse_json(data: bytes | str) -> Any:
    """JSON without NaN, Infinity or repeated keys.

    Raises:
        Problem: 400 `bad_json`.
    """
    try:
        if _is_too_deep(data.encode(errors="replace") if isinstance(data, str) else data):
            raise NotJsonError(f"it is nested in more than {MOST_LEVELS} levels")
        return read_json(data)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad_json", f"not valid JSON: {_what(error)}") from None


def _what(error: ValueError | RecursionError) -> str:
    """What is wrong, and where, without a word of what was sent."""
    if isinstance(error, json.JSONDecodeError):
        said = error.msg[:1].lower() + error.msg[1:]
        return f"{said} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 at byte {error.start + 1:,}"
    return str(error) if isinstance(error, NotJsonError) else "it cannot be read"


def _is_too_deep(data: bytes) -> bool:
    """Whether there are more levels than may be; a text with few brackets is not looked through."""
    if data.count(b"[") + data.count(b"{") <= MOST_LEVELS:
        return False
    depth = 0
    for token in _TOKEN.finditer(data):
        depth += (token[0] in (b"[", b"{")) - (token[0] in (b"]", b"}"))
        if depth > MOST_LEVELS:
            return True
    return False
