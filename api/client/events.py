"""Server-sent events, read line by line (the HTML standard, 9.2.6)."""

from __future__ import annotations

import json
from typing import Any

from typing_extensions import TypedDict

NOTHING_MORE = 204
"""The status of a stream whose last event is known already."""


class Event(TypedDict):
    """One event of a stream."""

    id: str
    """Where the stream can be resumed."""
    event: str
    """What happened, such as `progress` or `done`."""
    data: Any
    """What is so now."""


class EventReader:
    """Makes events of lines, and remembers where to resume."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry_s = 1.0
        self.ended = False
        self._kind = ""
        self._data: list[str] = []

    def feed(self, line: str) -> Event | None:
        """Take a line without its end; the event that it completes, if it does."""
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id":
            self.last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_s = int(value) / 1000
        return None

    def _complete(self) -> Event | None:
        kind, data = self._kind or "message", "\n".join(self._data)
        self._kind, self._data = "", []
        return {"id": self.last_id, "event": kind, "data": json.loads(data)} if data else None
