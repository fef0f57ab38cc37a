"""Calls to a server that may be away: each is repeated once, and refused for a while afterwards."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from search_engine.errors import IndexUnavailableError

T = TypeVar("T")

REST_S = 2.0
"""How long nobody asks a server that was away, so that queries need not wait for it in turn."""


class Calls:
    """The state of the connection to one server (a circuit breaker). Thread-safe."""

    def __init__(self, uri: str, failures: tuple[type[BaseException], ...]) -> None:
        """Name the server, and what its client raises when it is away."""
        self._uri = uri
        self._failures = failures
        self._lock = threading.Lock()
        self._rests_until = 0.0
        self._why = ""

    def run(self, call: Callable[[], T]) -> T:
        """Return what a call returns. It may run twice, so it has to be one that may.

        Raises:
            IndexUnavailableError: The server is away, or was a moment ago.
        """
        with self._lock:
            if time.monotonic() < self._rests_until:
                raise self._unavailable()
        try:
            return call()
        except self._failures:
            try:
                return call()
            except self._failures as error:
                with self._lock:
                    self._rests_until = time.monotonic() + REST_S
                    self._why = reason(error)
                    raise self._unavailable() from error

    def _unavailable(self) -> IndexUnavailableError:
        return IndexUnavailableError(
            f"the index server does not answer: {self._why}",
            where=self._uri,
            fix="try again in a moment; if that lasts, look whether the server runs",
        )


def reason(error: BaseException) -> str:
    """Return the first line of what a client says, without its decoration."""
    details = getattr(error, "details", None)
    text = str(details() if callable(details) else getattr(error, "message", error)).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
