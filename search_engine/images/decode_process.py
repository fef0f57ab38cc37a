"""A process that decodes pictures, with limits on memory and time; it may die without harm."""

import ctypes
import multiprocessing
import os
import pickle
import resource
import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from itertools import accumulate
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from search_engine.errors import TooComplexError
from search_engine.images.decoder import answer_of

START_S = 60.0
DECODE_WALL_S = 5.0
ORPHAN_S = 1.0
"""A child ends itself so much later than its parent would have ended it, in case that is gone."""

START_DESCRIPTORS = 24
"""File descriptors to require: more than starting a process and the fork server opens at once."""

DECODE_MEMORY_BYTES = 2**30
FRAME_BYTES = 4 * 2**20
"""Shared memory of a child for a photo, then for its pixels; larger ones go through the pipe."""


def process_context() -> ForkServerContext | SpawnContext:
    """Start processes by a fork server, unless that belongs to the process we were forked from."""
    if _home() != os.getpid():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["search_engine.images"])
    return context


@cache
def _home() -> int:
    """Return the id of the process that first had a pool, and so owns the fork server."""
    return os.getpid()


class DecodeProcess:
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

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._process.pid or 0)

    def is_alive(self) -> bool:
        """Whether it can be called."""
        return not self._killed and self._process.is_alive()

    def wait_until_started(self) -> None:
        """Wait until it can be called.

        Raises:
            EOFError, OSError: It died, or took far too long.
        """
        if not self._started:
            self._started = self._receive(START_S)

    def call(
        self, function: Callable[..., Any], arguments: tuple[object, ...]
    ) -> tuple[Any, Exception | None]:
        """Return the function's result, and the error that it raised, one of them None.

        Raises:
            EOFError, OSError: The process died.
        """
        asked = tuple(pickle.PickleBuffer(one) if type(one) is bytes else one for one in arguments)
        self._pipe.send(self._frame.pack((function, asked, DECODE_WALL_S + ORPHAN_S)))
        try:
            packed: _Packed = self._receive(DECODE_WALL_S)
        except TimeoutError:
            self.kill()
            return None, TooComplexError(f"decoding took longer than {DECODE_WALL_S:g} s")
        answer: tuple[Any, Exception | None] = self._frame.unpack(packed, bytearray)
        return answer

    def kill(self) -> None:
        """Kill it at once."""
        self._killed = True
        self._process.kill()

    def disown(self) -> None:
        """Leave it to the process that this one was forked from, which ends it at its own end."""
        multiprocessing.process._children.discard(self._process)  # type: ignore[attr-defined]

    def end(self) -> None:
        """Kill it, wait for its end, and release its resources."""
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
    """Memory shared by a child and its parent, so that photos and pixels skip the pipe: first the
    buffers of the question, then those of the answer.

    Data is pickled with the buffers of bytes and arrays out of band (PEP 574).
    """

    def __init__(self, memory: "ctypes.Array[ctypes.c_ubyte]") -> None:
        self._bytes = memoryview(memory).cast("B")

    def pack(self, content: object) -> _Packed:
        """Copy the buffers of a question or answer into the memory; return the rest and sizes."""
        found: list[pickle.PickleBuffer] = []
        rest = pickle.dumps(content, 5, buffer_callback=found.append)
        arrays = [each.raw() for each in found]
        if sum(each.nbytes for each in arrays) > len(self._bytes):
            return pickle.dumps(content, 5), []
        start = 0
        for each in arrays:
            self._bytes[start : start + each.nbytes] = each
            start += each.nbytes
        return rest, [each.nbytes for each in arrays]

    def unpack(self, packed: _Packed, kind: type[bytes] | type[bytearray]) -> Any:
        """Return what was packed, with copies of its buffers; arrays are writable in bytearrays."""
        rest, sizes = packed
        ends = list(accumulate(sizes))
        buffers = [
            kind(self._bytes[end - size : end]) for size, end in zip(sizes, ends, strict=True)
        ]
        return pickle.loads(rest, buffers=buffers)


def _require_descriptors() -> None:
    """Check that a process can be started: a start that fails halfway leaves files open.

    Raises:
        OSError: Too few files can be opened.
    """
    with ExitStack() as opened:
        for _ in range(START_DESCRIPTORS):
            opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))


def _serve(pipe: "Connection[Any, Any]", memory: "ctypes.Array[ctypes.c_ubyte]") -> None:
    """Answer calls in a child until its parent closes the pipe or is gone."""
    _restrain()
    frame = _Frame(memory)
    try:
        pipe.send(True)
        while True:
            function, arguments, end_after_s = frame.unpack(pipe.recv(), bytes)
            signal.setitimer(signal.ITIMER_REAL, end_after_s)
            answer = answer_of(function, arguments)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(frame.pack(answer))
    except (EOFError, OSError):
        return


def _restrain() -> None:
    """Set limits in a new child, which leaves interrupts to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (DECODE_MEMORY_BYTES, DECODE_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
