"""A process that decodes pictures, with limits on memory and time; it may die without harm."""

import ctypes
import io
import json
import math
import multiprocessing
import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from itertools import accumulate
from multiprocessing import forkserver, popen_forkserver, reduction, spawn, util
from multiprocessing.connection import Connection
from multiprocessing.context import (
    ForkServerContext,
    ForkServerProcess,
    SpawnContext,
    set_spawning_popen,
)
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from search_engine.errors import TooComplexError
from search_engine.images.confinement import confine
from search_engine.images.decoder import answer_of
from search_engine.images.plain_answers import described, understood

START_S = 60.0
DECODE_WALL_S = 5.0
STARVED_SHARE = 0.4
"""A process that had less of a processor than this share of `DECODE_WALL_S`, and waits for one, is
held up by others: its picture is no slower than any, and gets more time."""
MOST_WAITS = 6
"""So many times `DECODE_WALL_S` in all."""
ORPHAN_S = 1.0
"""A child ends itself so much later than its parent would have ended it, in case that is gone."""

START_DESCRIPTORS = 24
"""File descriptors to require: more than starting a process and the fork server opens at once."""

DECODE_MEMORY_BYTES = 2**30
ANSWER_BYTES = 2**28
"""The largest message that is taken from a child."""

STARTED = b"started"
FRAME_BYTES = 4 * 2**20
"""Shared memory of a child for a photo, then for its pixels; larger ones go through the pipe."""


def process_context() -> ForkServerContext | SpawnContext:
    """Start processes by a fork server, unless that belongs to the process we were forked from."""
    if _home() != os.getpid():
        return multiprocessing.get_context("spawn")
    context = _Context()
    context.set_forkserver_preload(["search_engine.images.decoders_loaded", __name__])
    return context


def start_fork_server() -> None:
    """Start what processes are forked from, which inherit the priority of this thread."""
    if isinstance(process_context(), ForkServerContext):
        forkserver.ensure_running()


@cache
def _home() -> int:
    """Return the id of the process that first had a pool, and so owns the fork server."""
    return os.getpid()


class _Launch(popen_forkserver.Popen):
    """Start a child that does not import the program's main module.

    Decoding needs nothing of it. To import it takes seconds and hundreds of megabytes where it
    loads networks, and would run a script that has no guard a second time.
    """

    def _launch(self, process_obj: BaseProcess) -> None:
        """As the base class does, but for what is left out of the preparation."""
        told = spawn.get_preparation_data(process_obj.name)
        message = io.BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump({key: told[key] for key in told if "init_main" not in key}, message)
            reduction.dump(process_obj, message)
        finally:
            set_spawning_popen(None)
        self.sentinel, theirs = forkserver.connect_to_new_process(self._fds)  # type: ignore[attr-defined]
        ours = os.dup(theirs)  # until it is closed, the child knows that its parent lives
        self.finalizer = util.Finalize(self, _close, (ours, self.sentinel))
        with open(theirs, "wb") as pipe:
            pipe.write(message.getbuffer())
        self.pid = forkserver.read_signed(self.sentinel)


def _close(*descriptors: int) -> None:
    for each in descriptors:
        os.close(each)


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _Launch:  # noqa: N802
        return _Launch(process_obj)


class _Context(ForkServerContext):
    Process = _Process


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
        self._incoming = select.poll()
        self._incoming.register(self._pipe, select.POLLIN)
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
            self._started = self._receive(START_S) == STARTED

    def call(
        self, function: Callable[..., Any], arguments: tuple[object, ...]
    ) -> tuple[Any, Exception | None]:
        """Return the function's result, and the error that it raised, one of them None.

        Raises:
            EOFError, OSError: The process died.
        """
        most_s = MOST_WAITS * DECODE_WALL_S + ORPHAN_S
        self._pipe.send(self._frame.question((function, arguments, most_s)))
        try:
            text = self._answer()
        except TimeoutError:
            self.kill()
            return None, TooComplexError(f"decoding took longer than {DECODE_WALL_S:g} s")
        try:
            value, error = self._frame.answered(text, self._receive_buffer)
        except ValueError as wrong:
            raise EOFError(f"a decoding process sent what is no answer: {wrong}") from wrong
        return value, error

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

    def _answer(self) -> bytes:
        """Wait for an answer, longer while other processes hold this one up.

        Raises:
            TimeoutError: It takes too long.
            EOFError, OSError: The process died.
        """
        before_s = _spent_s(self.pid)
        for _ in range(MOST_WAITS - 1):
            with suppress(TimeoutError):
                return self._receive(DECODE_WALL_S)
            spent_s = _spent_s(self.pid) - before_s
            if spent_s >= STARVED_SHARE * DECODE_WALL_S or not _is_runnable(self.pid):
                raise TimeoutError
        return self._receive(DECODE_WALL_S)

    def _receive(self, timeout_s: float) -> bytes:
        if not self._incoming.poll(timeout_s * 1_000):  # the pipe's own makes a selector each time
            raise TimeoutError
        return self._pipe.recv_bytes(ANSWER_BYTES)

    def _receive_buffer(self) -> bytearray:
        return bytearray(self._pipe.recv_bytes(ANSWER_BYTES))


def _spent_s(pid: int) -> float:
    """Return the processor time of a process; infinite where the system does not tell it."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3) of Linux
    except OSError:
        return math.inf


def _is_runnable(pid: int) -> bool:
    """Return whether a process computes, or waits for a processor only (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].startswith(b"R")
    except OSError:
        return False


_Question = tuple[bytes, list[int]]


class _Frame:
    """Memory shared by a child and its parent, so that photos and pixels skip the pipe: first the
    buffers of the question, then those of the answer.

    Questions are pickled with their photos out of band (PEP 574). Answers are not: the parent
    unpickles nothing that a child sends.
    """

    def __init__(self, memory: "ctypes.Array[ctypes.c_ubyte]") -> None:
        self._bytes = memoryview(memory).cast("B")

    def question(self, asked: tuple[Callable[..., Any], tuple[object, ...], float]) -> _Question:
        """Put the photos of a question into the memory; return the rest and their sizes."""
        function, arguments, end_after_s = asked
        photos = tuple(pickle.PickleBuffer(one) if type(one) is bytes else one for one in arguments)
        found: list[pickle.PickleBuffer] = []
        rest = pickle.dumps((function, photos, end_after_s), 5, buffer_callback=found.append)
        if self._put([each.raw() for each in found]):
            return rest, [each.raw().nbytes for each in found]
        return pickle.dumps((function, photos, end_after_s), 5), []

    def asked(self, question: _Question) -> Any:
        """Return the question of a parent."""
        rest, sizes = question
        return pickle.loads(rest, buffers=map(bytes, self._parts(sizes)))

    def answer(self, answer: object) -> tuple[bytes, list[memoryview]]:
        """Put an answer into the memory; return what tells of it, and buffers if there was no room.

        That is JSON: the sizes of the buffers in the memory, how many others follow, and the rest.
        """
        told, buffers = described(answer)
        if self._put(buffers):
            return json.dumps([[each.nbytes for each in buffers], 0, told]).encode(), []
        return json.dumps([[], len(buffers), told]).encode(), buffers

    def answered(self, text: bytes, receive: Callable[[], bytearray]) -> Any:
        """Return the answer of a child, whose buffers are in the memory or received.

        Raises:
            ValueError: It is none.
        """
        try:
            sizes, following, told = json.loads(text)
            buffers = [bytearray(each) for each in self._parts(sizes)]
            while following > 0 and sum(map(len, buffers)) <= ANSWER_BYTES:
                buffers.append(receive())
                following -= 1
            value, error = understood(told, buffers)
        except (TypeError, RecursionError) as wrong:
            raise ValueError(str(wrong)) from wrong
        if not (error is None or isinstance(error, Exception)):
            raise ValueError("not an error")
        return value, error

    def _put(self, buffers: Sequence[memoryview]) -> bool:
        """Copy buffers into the memory, one after the other, unless they are too large."""
        if sum(each.nbytes for each in buffers) > len(self._bytes):
            return False
        start = 0
        for each in buffers:
            self._bytes[start : start + each.nbytes] = each
            start += each.nbytes
        return True

    def _parts(self, sizes: Sequence[int]) -> Iterator[memoryview]:
        for size, end in zip(sizes, accumulate(sizes), strict=True):
            yield self._bytes[end - size : end]


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
    _answer(pipe, memory)


def _answer(pipe: "Connection[Any, Any]", memory: "ctypes.Array[ctypes.c_ubyte]") -> None:
    """Answer calls, in a thread that is confined before the first of them."""
    frame = _Frame(memory)
    try:
        pipe.send_bytes(STARTED)
        question = frame.asked(pipe.recv())
        confine()  # the function is loaded by now, and no picture was looked at yet
        while True:
            function, arguments, end_after_s = question
            signal.setitimer(signal.ITIMER_REAL, end_after_s)
            answer = answer_of(function, arguments)
            signal.setitimer(signal.ITIMER_REAL, 0)
            text, buffers = frame.answer(answer)
            pipe.send_bytes(text)
            for each in buffers:
                pipe.send_bytes(each)
            question = frame.asked(pipe.recv())
    except (EOFError, OSError):
        return


def _restrain() -> None:
    """Set limits in a new child, which leaves interrupts to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (DECODE_MEMORY_BYTES, DECODE_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
