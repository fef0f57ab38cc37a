"""Pictures on their way through a network: in chunks, several of them at a time, in order.

A request is a place where one chunk is computed. While one is being computed, the next is brought
there and the one before is brought back: that is what keeps a device busy, be it the cores of a
CPU or a GPU at the end of a bus.
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
    """One chunk at a time: started, then finished."""

    def start(self, pixels: Pixels) -> None:
        """Take over a chunk; it may be computed after this returns."""
        ...

    def finish(self) -> NDArray[np.float32]:
        """Wait for it; its features, good until the next start."""
        ...


class Requests:
    """The requests of a network, shared by at most as many threads as there are requests."""

    def __init__(self, requests: Sequence[Request], dimension: int) -> None:
        self._dimension = dimension
        self._free: SimpleQueue[Request] = SimpleQueue()
        for request in requests:
            self._free.put(request)

    def run(self, pixels: Pixels, chunk: int) -> NDArray[np.float32]:
        """Features of shape (N, dimension) in input order, at most `chunk` pictures a request."""
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
        """A free request; else the caller's own first one, when it is finished."""
        try:
            return self._free.get(block=not started)
        except Empty:
            return _finished(started, features)

    def _give_back(self, started: deque[tuple[Request, slice]]) -> None:
        """Wait for what an error left behind; that error is the one to tell."""
        for request, _ in started:
            with suppress(Exception):
                request.finish()
            self._free.put(request)


def _finished(started: deque[tuple[Request, slice]], features: NDArray[np.float32]) -> Request:
    """The request that was started first, when its result is taken over."""
    request, part = started[0]
    features[part] = request.finish()
    started.popleft()
    return request
