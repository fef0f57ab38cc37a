"""Run pictures through a network in chunks, several at a time, in order.

A request computes one chunk at a time. While one computes, the next chunk is copied in and the
previous result is copied out, which keeps the device busy, whether CPU cores or a GPU behind a bus.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Pixels


class Request(Protocol):
    """Computes one chunk at a time: started, then finished."""

    def start(self, pixels: Pixels) -> None:
        """Accept a chunk; it may be computed after this returns."""
        ...

    def finish(self) -> NDArray[np.float32]:
        """Wait for the features, which are valid until the next start."""
        ...


class Requests:
    """The requests of a network, shared by at most as many threads."""

    def __init__(self, requests: Sequence[Request], dimension: int) -> None:
        self._dimension = dimension
        self._free: SimpleQueue[Request] = SimpleQueue()
        for request in requests:
            self._free.put(request)

    def run(self, pixels: Pixels, chunk: int) -> NDArray[np.float32]:
        """Compute features (N, dimension) in input order, at most `chunk` pictures a request."""
        features = np.empty((len(pixels), self._dimension), dtype=np.float32)
        started: deque[tuple[Request, slice]] = deque()
        try:
            for first in range(0, len(pixels), chunk):
                part = slice(first, first + chunk)
                request = self._another(started, features)
                started.append((request, part))
                request.start(pixels[part])
            while started:
                self._free.put(_finished(started, features))
        finally:
            self._give_back(started)
        return features

    def _another(
        self, started: deque[tuple[Request, slice]], features: NDArray[np.float32]
    ) -> Request:
        """Return a free request, else the caller's oldest one after finishing it."""
        try:
            return self._free.get(block=not started)
        except Empty:
            return _finished(started, features)

    def _give_back(self, started: deque[tuple[Request, slice]]) -> None:
        """Wait for requests still running after an error, which is the one to report."""
        for request, _ in started:
            with suppress(Exception):
                request.finish()
            self._free.put(request)


def _finished(started: deque[tuple[Request, slice]], features: NDArray[np.float32]) -> Request:
    """Return the request started first, after collecting its result."""
    request, part = started[0]
    features[part] = request.finish()
    started.popleft()
    return request
