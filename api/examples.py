"""Recorded requests and answers of the API, without the values that differ each time."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

PLACE = Path(__file__).parent / "examples.json"
LONGEST_TEXT, LONGEST_LIST = 120, 4
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")
_SOME_HASH = "5e0c1f6e7c1b4c5f9a0d3b2e8f7a6c41"
_HASH = re.compile(r"\b[0-9a-f]{32}\b")


class Exchange(TypedDict):
    """A request and its answer."""

    curl: str
    """The request on the command line."""
    body: NotRequired[Any]
    """Its body, where that is JSON."""
    status: int
    answer: NotRequired[Any]
    """The body of the answer: a value of JSON, or a text; missing where it is something else."""
    kind: NotRequired[str]
    """The kind of the answer's body."""


@cache
def exchanges() -> Mapping[str, Exchange]:
    """Return the recorded exchanges by the names of their operations."""
    found: dict[str, Exchange] = json.loads(PLACE.read_text()) if PLACE.exists() else {}
    return found


def stable(text: str, ids: Mapping[str, str]) -> str:
    """Return a text in which ids, times and seconds are replaced by fixed ones."""
    for found, name in ids.items():
        text = text.replace(found, name)
    named = set(ids.values())
    text = _HASH.sub(lambda found: found[0] if found[0] in named else _SOME_HASH, text)
    return _TIME.sub("2026-11-30T12:00:00Z", text)


def settled(value: Any, name: str = "") -> Any:
    """Return a JSON value with fixed times, and with long texts and lists cut short."""
    if isinstance(value, dict):
        if name in _MEASURED:
            return dict.fromkeys(sorted(value), 1.0)
        return {key: settled(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [settled(each, name if name in _LAID_OUT else "") for each in value[:LONGEST_LIST]]
    if name in _SETTLED and value is not None:
        return _SETTLED[name]
    if isinstance(value, str) and "\ndata: " in value:
        return _EVENT.sub(_settled_event, value)
    if isinstance(value, str) and name not in _WHOLE and len(value) > LONGEST_TEXT:
        return f"{value[:40]}…"
    return value


def _settled_event(found: re.Match[str]) -> str:
    return f"id: 5\nevent: {found[1]}\ndata: {json.dumps(settled(json.loads(found[2])))}"


_EVENT = re.compile(r"id: \d+\nevent: (\w+)\ndata: (.*)")
_MEASURED = ("timings_ms", "stages", "waits", "utilisation")
"""Times by stage."""

_LAID_OUT = ("x", "y")
"""Places on a map: rounding differs between processors, and a little more with each step."""

_WHOLE = ("curl", "detail", "answer")
_SETTLED: Mapping[str, Any] = {
    **dict.fromkeys(_LAID_OUT, 0.5),
    "query_token": "kq3V0tXyZf8",
    "next_cursor": "WyI5YmM3MzQiLDc3XQ",
    "per_second": 100.0,
    "seconds_left": 0.0,
    "seconds": 0.5,
    "images_per_second": 100.0,
    "bottleneck": "decode",
    "seq": 100,
    "version": 5,
}
