"""Where pictures are decoded: in this process, or in a pool of processes that may die.

A hostile picture can make a decoder crash, hang or eat memory. A server and a bulk run therefore
decode in child processes with limits on memory and time; a lost child costs one picture and is
replaced. A single query of the owner's own file is decoded in place, which saves the start.
"""

import multiprocessing
import resource
import signal
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Protocol, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from search_engine.errors import TooComplexError, WorkerLostError
from search_engine.images import (
    Box,
    DecodedImage,
    ImageLimits,
    Preprocessing,
    decode_pixels,
    render_jpeg,
)

DECODE_WALL_S = 5.0
DECODE_MEMORY_BYTES = 2**30
ATTEMPTS = 2
"""A picture that loses its process twice is given up: it, not chance, is the reason."""

T = TypeVar("T")


class Decoder(Protocol):
    """Runs the functions of `search_engine.images` somewhere."""

    def submit(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> "Future[DecodedImage]":
        """Start to decode for an encoder; the future raises ImageError or WorkerLostError."""
        ...

    def decode(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> DecodedImage:
        """Decode for an encoder and wait."""
        ...

    def render(self, data: bytes, max_side_px: int, quality: int) -> bytes:
        """Re-encode as JPEG and wait."""
        ...

    def close(self) -> None:
        """End the processes, if there are any."""
        ...


class InlineDecoder:
    """Decodes in the calling process: no start-up cost, no isolation."""

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits

    def submit(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> "Future[DecodedImage]":
        """See Decoder; the work is done before this returns."""
        future: Future[DecodedImage] = Future()
        try:
            future.set_result(self.decode(data, preprocessing, box))
        except Exception as error:  # noqa: BLE001 - handed on through the future
            future.set_exception(error)
        return future

    def decode(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> DecodedImage:
        """See Decoder."""
        return decode_pixels(data, preprocessing, self._limits, box)

    def render(self, data: bytes, max_side_px: int, quality: int) -> bytes:
        """See Decoder."""
        return render_jpeg(data, max_side_px, self._limits, quality)

    def close(self) -> None:
        """Nothing to end."""


class DecodePool:
    """Decodes in `workers` child processes, each limited in memory and wall time."""

    def __init__(self, limits: ImageLimits, workers: int) -> None:
        self._limits = limits
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["search_engine.images"])
        self._pool = ProcessPool(max_workers=workers, initializer=_restrain, context=context)

    def submit(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> "Future[DecodedImage]":
        """See Decoder; a picture whose process died is tried once more."""
        return self._start(decode_pixels, data, preprocessing, self._limits, box)

    def decode(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> DecodedImage:
        """See Decoder."""
        return self.submit(data, preprocessing, box).result()

    def render(self, data: bytes, max_side_px: int, quality: int) -> bytes:
        """See Decoder."""
        return self._start(render_jpeg, data, max_side_px, self._limits, quality).result()

    def close(self) -> None:
        """Stop the processes; pictures still waiting are dropped."""
        self._pool.stop()
        self._pool.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self, function: Callable[..., T], *args: object) -> "Future[T]":
        outcome: Future[T] = Future()

        def attempt(left: int) -> None:
            task = self._pool.schedule(function, args=args, timeout=DECODE_WALL_S)
            task.add_done_callback(lambda done: settle(done, left - 1))

        def settle(task: "Future[T]", left: int) -> None:
            if task.cancelled():
                outcome.set_exception(WorkerLostError("the decoding pool was closed"))
                return
            error = task.exception()
            if error is None:
                outcome.set_result(task.result())
            elif isinstance(error, ProcessExpired) and left > 0:
                attempt(left)
            else:
                outcome.set_exception(_translate(error))

        attempt(ATTEMPTS)
        return outcome


def _translate(error: BaseException) -> BaseException:
    if isinstance(error, FutureTimeoutError):
        return TooComplexError(f"decoding took longer than {DECODE_WALL_S:g} s")
    if isinstance(error, ProcessExpired):
        return WorkerLostError("the process that decoded this picture died")
    return error


def _restrain() -> None:
    """Set limits in a fresh child, which leaves interrupts to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (DECODE_MEMORY_BYTES, DECODE_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
