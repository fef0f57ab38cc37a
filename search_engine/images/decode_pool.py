"""Where pictures are decoded: in this process, or in a pool of processes that may die.

A hostile picture can make a decoder crash, hang or eat memory. A server and a bulk run therefore
decode in child processes with limits on memory and time; a lost child costs one picture and is
replaced. A single query of the owner's own file is decoded in place, which saves the start.
"""

import ctypes
import multiprocessing
import os
import pickle
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import accumulate
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from queue import Empty, LifoQueue
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from search_engine import forks
from search_engine.errors import ImageError, TooComplexError, WorkerLostError
from search_engine.images import (
    Box,
    DecodedImage,
    ImageLimits,
    Preprocessing,
    decode_pixels,
    render_jpeg,
)

START_S = 60.0
DECODE_WALL_S = 5.0
ORPHAN_S = 1.0
"""So much later a child ends itself: its parent, which would have ended it, must be gone."""

START_DESCRIPTORS = 24
"""More than the start of a process opens at once, of the fork server too."""

DECODE_MEMORY_BYTES = 2**30
ATTEMPTS = 2
"""A picture that loses its process twice is given up: it, not chance, is the reason."""

FRAME_BYTES = 4 * 2**20
"""Of a child's memory for pixels; an answer with more of them goes through the pipe."""

PROBE = b"GIF87a\1\0\1\0\x81\0\0\0\0\0\0\0\0\0\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\x08\4\0\1\4\4\0;"
"""A picture of one pixel, to see whether pictures can be decoded."""

Outcome = DecodedImage | ImageError | WorkerLostError
"""What became of one picture of several."""

T = TypeVar("T")


class Decoder(Protocol):
    """Runs the functions of `search_engine.images` somewhere."""

    @property
    def workers(self) -> int:
        """How many pictures are decoded at a time."""
        ...

    def submit(
        self, pictures: Sequence[bytes], preprocessing: Preprocessing
    ) -> "Future[list[Outcome]]":
        """Start to decode pictures for an encoder, one after the other; some may be refused."""
        ...

    def decode(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> DecodedImage:
        """Decode for an encoder and wait."""
        ...

    def render(self, data: bytes, max_side_px: int, quality: int) -> bytes:
        """Re-encode as JPEG and wait."""
        ...

    def check(self) -> None:
        """Decode a tiny picture, wherever pictures are decoded.

        Raises:
            WorkerLostError: It cannot be done, and why.
        """
        ...

    def close(self) -> None:
        """End the processes, if there are any."""
        ...


class InlineDecoder:
    """Decodes in the calling process: no start-up cost, no isolation."""

    workers = 1

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits

    def submit(
        self, pictures: Sequence[bytes], preprocessing: Preprocessing
    ) -> "Future[list[Outcome]]":
        """See Decoder; the work is done before this returns."""
        future: Future[list[Outcome]] = Future()
        future.set_result(_decode_each(pictures, preprocessing, self._limits))
        return future

    def decode(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> DecodedImage:
        """See Decoder."""
        return decode_pixels(data, preprocessing, self._limits, box)

    def render(self, data: bytes, max_side_px: int, quality: int) -> bytes:
        """See Decoder."""
        return render_jpeg(data, max_side_px, self._limits, quality)

    def check(self) -> None:
        """See Decoder."""
        _decode_probe()

    def close(self) -> None:
        """Nothing to end."""


class DecodePool:
    """Decodes in `workers` child processes, each limited in memory and wall time.

    Every child has its own pipe, used by one thread at a time, and the children share nothing: one
    that dies, at whatever moment, cannot harm the others. They start when they are first needed.
    """

    def __init__(self, limits: ImageLimits, workers: int) -> None:
        self.workers = workers
        self._limits = limits
        self._closed = False
        self._busy_seconds = 0.0
        self._begin()
        forks.follow(self)

    def _begin(self) -> None:
        """With no process started yet."""
        self._context = _context()
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="decode")
        self._idle: LifoQueue[_Child | None] = LifoQueue()
        for _ in range(self.workers):
            self._idle.put(None)
        self._lock = threading.Lock()
        self._children: set[_Child] = set()

    def before_fork(self) -> None:
        """See Follower."""

    def after_fork(self, torn: bool) -> None:
        """See Follower: the processes are the parent's."""
        for child in self._children:
            child.disown()
        self._begin()

    @property
    def busy_seconds(self) -> float:
        """How long the processes were at work, all of them together."""
        return self._busy_seconds

    def warm_up(self) -> None:
        """Begin to start the processes, so that the first pictures need not wait for them."""
        for _ in range(self._idle.qsize()):
            self._start(self._call, len, b"")

    def submit(
        self, pictures: Sequence[bytes], preprocessing: Preprocessing
    ) -> "Future[list[Outcome]]":
        """See Decoder; where one picture costs the process, each is decoded by itself."""
        return self._start(self._decode_each, pictures, preprocessing)

    def decode(
        self, data: bytes, preprocessing: Preprocessing, box: Box | None = None
    ) -> DecodedImage:
        """See Decoder."""
        return self._call(decode_pixels, data, preprocessing, self._limits, box)

    def render(self, data: bytes, max_side_px: int, quality: int) -> bytes:
        """See Decoder."""
        return self._call(render_jpeg, data, max_side_px, self._limits, quality)

    def check(self) -> None:
        """See Decoder; in each process that is idle, and in new ones for those that are gone."""
        slots: list[_Child | None] = []
        with suppress(Empty):  # busy all the time: they decode
            slots.append(self._idle.get(timeout=DECODE_WALL_S))
            while True:
                slots.append(self._idle.get_nowait())
        try:
            while slots:
                try:
                    self._ask(slots.pop(), _decode_probe, ())
                except WorkerLostError:
                    self._call(_decode_probe)  # its slot is the next that is idle
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

    def _start(self, function: Callable[..., T], *arguments: object) -> "Future[T]":
        try:
            return self._threads.submit(function, *arguments)
        except RuntimeError:
            raise WorkerLostError("the decoding pool was closed") from None

    def _decode_each(
        self, pictures: Sequence[bytes], preprocessing: Preprocessing
    ) -> list[Outcome]:
        """All in one call; one by one when that was too much for a process."""
        try:
            return self._call(_decode_each, pictures, preprocessing, self._limits)
        except (TooComplexError, WorkerLostError):
            return [self._outcome(picture, preprocessing) for picture in pictures]

    def _outcome(self, picture: bytes, preprocessing: Preprocessing) -> Outcome:
        try:
            return self.decode(picture, preprocessing)
        except (ImageError, WorkerLostError) as error:
            return error

    def _call(self, function: Callable[..., T], *arguments: object) -> T:
        """The function's result, from the next process that is idle."""
        for _ in range(ATTEMPTS - 1):
            with suppress(WorkerLostError):
                return self._ask(self._idle.get(), function, arguments)
        return self._ask(self._idle.get(), function, arguments)

    def _ask(
        self, slot: "_Child | None", function: Callable[..., T], arguments: tuple[object, ...]
    ) -> T:
        """The function's result from the process of a slot, which is idle again afterwards.

        A slot whose process is gone gets a new one, and stays empty until the next question where
        none can be started.
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

    def _living(self, child: "_Child | None") -> "_Child":
        """The process itself, or a new one in its place when there is none or it is dead.

        Raises:
            EOFError, OSError: None can be started.
        """
        if child is not None and child.is_alive():
            return child
        with self._lock:
            if self._closed:
                raise WorkerLostError("the decoding pool was closed")
            if child is not None:
                self._children.remove(child)
                child.end()
            new = _Child(self._context)
            self._children.add(new)
        return new


def _context() -> ForkServerContext | SpawnContext:
    """How processes are started: by a server that forks them, unless that is our parent's."""
    if _home() != os.getpid():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["search_engine.images"])
    return context


@cache
def _home() -> int:
    """The process that had a pool first, and with it the server."""
    return os.getpid()


class _Child:
    """A decoding process and the pipe to it; used by one thread at a time, killed by any."""

    def __init__(self, context: ForkServerContext | SpawnContext) -> None:
        _require_descriptors()
        self._pipe, theirs = context.Pipe()
        try:
            memory = context.RawArray(ctypes.c_ubyte, FRAME_BYTES)
            self._frame = _Frame(memory)
            self._process = context.Process(target=_serve, args=(theirs, memory), daemon=True)
            self._process.start()
        except BaseException:
            self._pipe.close()
            raise
        finally:
            theirs.close()
        self._started = False
        self._killed = False

    def is_alive(self) -> bool:
        return not self._killed and self._process.is_alive()

    def wait_until_started(self) -> None:
        """Return when it can be called.

        Raises:
            EOFError, OSError: It died, or takes far too long.
        """
        if not self._started:
            self._started = self._receive(START_S)

    def call(
        self, function: Callable[..., Any], arguments: tuple[object, ...]
    ) -> tuple[Any, Exception | None]:
        """The function's result, or what it raised.

        Raises:
            EOFError, OSError: The process died.
        """
        self._pipe.send((function, arguments, DECODE_WALL_S + ORPHAN_S))
        try:
            packed: _Packed = self._receive(DECODE_WALL_S)
        except TimeoutError:
            self.kill()
            return None, TooComplexError(f"decoding took longer than {DECODE_WALL_S:g} s")
        answer: tuple[Any, Exception | None] = self._frame.unpack(packed)
        return answer

    def kill(self) -> None:
        self._killed = True
        self._process.kill()

    def disown(self) -> None:
        """Leave it to the parent of this process, which would end it when it ends itself."""
        multiprocessing.process._children.discard(self._process)  # type: ignore[attr-defined]

    def end(self) -> None:
        """Kill it, wait until it is gone and give back what it took."""
        self.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()

    def _receive(self, timeout_s: float) -> Any:
        if not self._pipe.poll(timeout_s):
            raise TimeoutError
        return self._pipe.recv()


_Packed = tuple[bytes, list[int]]


class _Frame:
    """Memory that a child and its parent share, so that pixels need not go through the pipe.

    Pickled data with the buffers of arrays beside it (PEP 574).
    """

    def __init__(self, memory: "ctypes.Array[ctypes.c_ubyte]") -> None:
        self._bytes = memoryview(memory).cast("B")

    def pack(self, answer: object) -> _Packed:
        """Put the arrays of an answer into the memory; the rest, and their sizes."""
        found: list[pickle.PickleBuffer] = []
        rest = pickle.dumps(answer, 5, buffer_callback=found.append)
        arrays = [each.raw() for each in found]
        if sum(each.nbytes for each in arrays) > len(self._bytes):
            return pickle.dumps(answer, 5), []
        start = 0
        for each in arrays:
            self._bytes[start : start + each.nbytes] = each
            start += each.nbytes
        return rest, [each.nbytes for each in arrays]

    def unpack(self, packed: _Packed) -> Any:
        """The answer, with arrays of its own."""
        rest, sizes = packed
        ends = list(accumulate(sizes))
        arrays = [
            bytearray(self._bytes[end - size : end]) for size, end in zip(sizes, ends, strict=True)
        ]
        return pickle.loads(rest, buffers=arrays)


def _require_descriptors() -> None:
    """Make sure that a process can be started: a start that fails halfway leaves files open.

    Raises:
        OSError: Too few files can be opened.
    """
    with ExitStack() as opened:
        for _ in range(START_DESCRIPTORS):
            opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))


def _serve(pipe: "Connection[Any, Any]", memory: "ctypes.Array[ctypes.c_ubyte]") -> None:
    """What a child does: answer calls until its parent closes the pipe or is gone."""
    _restrain()
    frame = _Frame(memory)
    try:
        pipe.send(True)
        while True:
            function, arguments, end_after_s = pipe.recv()
            signal.setitimer(signal.ITIMER_REAL, end_after_s)
            answer = _answer(function, arguments)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(frame.pack(answer))
    except (EOFError, OSError):
        return


def _answer(
    function: Callable[..., Any], arguments: tuple[object, ...]
) -> tuple[Any, Exception | None]:
    try:
        return function(*arguments), None
    except MemoryError:
        return None, TooComplexError("decoding needs more memory than is allowed")
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        return None, error


def _decode_probe() -> None:
    render_jpeg(PROBE, 1, ImageLimits(), 75)


def _decode_each(
    pictures: Sequence[bytes], preprocessing: Preprocessing, limits: ImageLimits
) -> list[Any]:
    answers = [_answer(decode_pixels, (data, preprocessing, limits)) for data in pictures]
    return [value if error is None else error for value, error in answers]


def _restrain() -> None:
    """Set limits in a fresh child, which leaves interrupts to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (DECODE_MEMORY_BYTES, DECODE_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
