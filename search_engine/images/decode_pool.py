"""Decode pictures in a pool of processes that may die.

A hostile picture can make a decoder crash, hang or use up memory. Servers and bulk runs therefore
decode in child processes with limits on memory and time; a lost child costs one picture and is
replaced. A single query with the owner's own file is decoded in place, which is quicker.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue
from types import TracebackType
from typing import Self, TypeVar

from search_engine import forks, priorities
from search_engine.errors import ImageError, TooComplexError, WorkerLostError
from search_engine.images import (
    Box,
    DecodedImage,
    ImageLimits,
    PictureColors,
    Preprocessing,
    decode_colors,
    decode_parts,
    render_jpeg,
    upright_size,
)
from search_engine.images.decode_process import (
    DECODE_WALL_S,
    DecodeProcess,
    process_context,
    start_fork_server,
)
from search_engine.images.decoder import Outcome, decode_each, decode_one, decode_probe

ATTEMPTS = 2
"""Attempts at a picture: if it loses its process twice, it is the cause."""

T = TypeVar("T")


class DecodePool:
    """Decode in `workers` child processes, each limited in memory and wall time.

    Every child has its own pipe, used by one thread at a time, and children share nothing: a child
    that dies, at any moment, cannot harm the others. They start on first use.
    """

    def __init__(self, limits: ImageLimits, workers: int) -> None:
        self.workers = workers
        self._limits = limits
        self._closed = False
        self._busy_seconds = 0.0
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        """Reset the state to no processes started."""
        self._context = process_context()
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="decode")
        self._idle: LifoQueue[DecodeProcess | None] = LifoQueue()
        for _ in range(self.workers):
            self._idle.put(None)
        self._lock = threading.Lock()
        self._children: set[DecodeProcess] = set()

    def before_fork(self) -> None:
        """See Follower."""

    def after_fork(self, torn: bool) -> None:
        """See Follower: the processes are the parent's."""
        for child in self._children:
            child.disown()
        self._begin()

    @property
    def busy_seconds(self) -> float:
        """Total time that the processes were at work."""
        return self._busy_seconds

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that have been started."""
        return [child.pid for child in self._children]

    def warm_up(self) -> None:
        """Begin to start the processes, so that the first pictures do not wait for them."""
        priorities.started(start_fork_server)
        for _ in range(self._idle.qsize()):
            self.start(len, b"")

    def submit(
        self, pictures: Sequence[bytes], preprocessing: Preprocessing, with_colors: bool = False
    ) -> "Future[list[Outcome]]":
        """See Decoder; if a batch loses its process, its pictures are decoded one by one."""
        return self._later(self._decode_each, pictures, preprocessing, with_colors)

    def decode(
        self,
        data: bytes,
        preprocessing: Preprocessing,
        box: Box | None = None,
        limits: ImageLimits | None = None,
        with_colors: bool = False,
    ) -> DecodedImage:
        """See Decoder."""
        limits = limits or self._limits
        return self.call(decode_one, data, preprocessing, limits, box, with_colors)

    def parts(
        self, data: bytes, preprocessing: Preprocessing, boxes: Sequence[Box]
    ) -> list[DecodedImage]:
        """See Decoder."""
        return self.call(decode_parts, data, preprocessing, self._limits, boxes)

    def colors(
        self, data: bytes, box: Box | None = None, limits: ImageLimits | None = None
    ) -> PictureColors:
        """See Decoder."""
        return self.call(decode_colors, data, limits or self._limits, box)

    def size(self, data: bytes) -> tuple[int, int]:
        """See Decoder."""
        return self.call(upright_size, data, self._limits)

    def render(
        self, data: bytes, max_side_px: int, quality: int, limits: ImageLimits | None = None
    ) -> bytes:
        """See Decoder."""
        return self.call(render_jpeg, data, max_side_px, limits or self._limits, quality)

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Return the result of a module's function from the next idle process, or raise its error.

        Raises:
            WorkerLostError: The function ended `ATTEMPTS` processes.
        """
        for _ in range(ATTEMPTS - 1):
            with suppress(WorkerLostError):
                return self._ask(self._idle.get(), function, arguments)
        return self._ask(self._idle.get(), function, arguments)

    def start(self, function: Callable[..., T], *arguments: object) -> "Future[T]":
        """Do the same as `call` without waiting."""
        return self._later(self.call, function, *arguments)

    def check(self) -> None:
        """See Decoder; checks every idle process, and new ones in place of those that are gone."""
        slots: list[DecodeProcess | None] = []
        with suppress(Empty):  # always busy, so they do decode
            slots.append(self._idle.get(timeout=DECODE_WALL_S))
            while True:
                slots.append(self._idle.get_nowait())
        try:
            while slots:
                try:
                    self._ask(slots.pop(), decode_probe, ())
                except WorkerLostError:
                    self.call(decode_probe)  # its slot becomes the next idle one
        finally:
            for slot in slots:
                self._idle.put(slot)

    def close(self) -> None:
        """Stop the processes; pictures still waiting are dropped."""
        with self._lock:
            self._closed = True
            for child in self._children:
                child.kill()
        self._threads.shutdown()
        while self._children:
            self._children.pop().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _later(self, function: Callable[..., T], *arguments: object) -> "Future[T]":
        try:
            return self._threads.submit(function, *arguments)
        except RuntimeError:
            raise WorkerLostError("the decoding pool was closed") from None

    def _decode_each(
        self, pictures: Sequence[bytes], preprocessing: Preprocessing, with_colors: bool
    ) -> list[Outcome]:
        """Decode all in one call; one by one if that was too much for a process."""
        try:
            return self.call(decode_each, pictures, preprocessing, self._limits, with_colors)
        except (TooComplexError, WorkerLostError):
            return [self._outcome(picture, preprocessing, with_colors) for picture in pictures]

    def _outcome(self, picture: bytes, preprocessing: Preprocessing, with_colors: bool) -> Outcome:
        try:
            return self.decode(picture, preprocessing, with_colors=with_colors)
        except (ImageError, WorkerLostError) as error:
            return error

    def _ask(
        self,
        slot: DecodeProcess | None,
        function: Callable[..., T],
        arguments: tuple[object, ...],
    ) -> T:
        """Return the function's result from the process of a slot, which is idle again afterwards.

        A lost process is replaced; if none can be started, the slot stays empty until its next use.
        """
        child = None
        try:
            child = self._living(slot)
            child.wait_until_started()
            with self._counted():
                value, error = child.call(function, arguments)
        except (EOFError, OSError) as lost:
            if child is None:
                raise WorkerLostError(f"no decoding process can be started: {lost}") from lost
            child.kill()
            raise WorkerLostError("the process that decoded this picture died") from lost
        finally:
            self._idle.put(child)
        if error is not None:
            raise error
        answer: T = value
        return answer

    @contextmanager
    def _counted(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._busy_seconds += time.perf_counter() - started

    def _living(self, child: DecodeProcess | None) -> DecodeProcess:
        """Return the process, or a new one if there is none or it is dead.

        Raises:
            EOFError, OSError: No process can be started.
        """
        if child is not None and child.is_alive():
            return child
        with self._lock:
            if self._closed:
                raise WorkerLostError("the decoding pool was closed")
            if child is not None:
                self._children.remove(child)
                child.end()
            new = DecodeProcess(self._context)
            self._children.add(new)
        return new
