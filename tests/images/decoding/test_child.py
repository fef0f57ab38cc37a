"""The half of decoding that runs in a child, here in a thread: it is confined as a child is.

Nothing of a confined child can be kept, such as which lines it ran.
"""

import ctypes
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawArray
from typing import Any

import numpy as np

from search_engine.errors import TooComplexError
from search_engine.images import ImageLimits, Preprocessing, upright_size
from search_engine.images import decode_process as decoding
from search_engine.images.confinement import can_confine
from search_engine.images.decoder import InlineDecoder, decode_one
from tests.images.pictures import jpeg, png

SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")
LIMITS = ImageLimits()


class Child:
    """The parent's end of the pipe, and the memory."""

    def __init__(self, memory_bytes: int) -> None:
        self.pipe, self.theirs = multiprocessing.Pipe()
        self.memory = RawArray(ctypes.c_ubyte, memory_bytes)
        self.frame = decoding._Frame(self.memory)

    def ask(self, function: Any, *arguments: object) -> tuple[Any, Exception | None]:
        self.pipe.send(self.frame.question((function, arguments, 60.0)))
        answered: tuple[Any, Exception | None] = self.frame.answered(
            self.pipe.recv_bytes(), lambda: bytearray(self.pipe.recv_bytes())
        )
        return answered


@contextmanager
def answering(memory_bytes: int = decoding.FRAME_BYTES) -> Iterator[Child]:
    child = Child(memory_bytes)
    thread = threading.Thread(target=decoding._answer, args=(child.theirs, child.memory))
    thread.start()
    assert child.pipe.recv_bytes() == decoding.STARTED
    try:
        yield child
    finally:
        child.pipe.close()
        thread.join()


def test_it_answers_until_its_parent_is_gone() -> None:
    wanted = InlineDecoder(LIMITS).decode(jpeg(), SQUASH)
    with answering() as child:
        for _ in range(2):
            found, error = child.ask(decode_one, jpeg(), SQUASH, LIMITS)
            assert error is None
            assert np.array_equal(found.pixels, wanted.pixels)
        assert child.ask(upright_size, png(), LIMITS)[0] == InlineDecoder(LIMITS).size(png())


def test_what_has_no_room_in_the_memory_goes_through_the_pipe() -> None:
    wanted = InlineDecoder(LIMITS).decode(jpeg(), SQUASH)
    with answering(memory_bytes=8) as child:
        found, _ = child.ask(decode_one, jpeg(), SQUASH, LIMITS)
    assert np.array_equal(found.pixels, wanted.pixels)


def exhausted() -> None:
    raise MemoryError


def test_errors_are_answers() -> None:
    with answering() as child:
        _, error = child.ask(exhausted)
        assert isinstance(error, TooComplexError)
        _, error = child.ask(decode_one, b"no picture", SQUASH, LIMITS)
        assert error is not None


def opened() -> bool:
    with open("/dev/null", "rb"):
        return True


def test_it_is_confined_before_the_first_answer() -> None:
    with answering() as child:
        answer, error = child.ask(opened)
    assert "not permitted" in str(error) if can_confine() else answer
    assert opened(), "the thread alone is confined"


RESTRAINED = """
import multiprocessing, resource, signal
from multiprocessing.sharedctypes import RawArray
from search_engine.images import decode_process as decoding

ours, theirs = multiprocessing.Pipe()
ours.close()
decoding._serve(theirs, RawArray("B", 8))
print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CORE)[0])
print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
"""


def test_it_limits_itself_and_ends_without_a_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RESTRAINED], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(decoding.DECODE_MEMORY_BYTES), "0", "True"]


def test_what_the_fork_server_imports_has_the_decoders_loaded() -> None:
    loaded = "from search_engine.images import confinement, decoders_loaded"
    counted = "print(confinement.load_decoders.cache_info().currsize)"
    done = subprocess.run(
        [sys.executable, "-c", f"{loaded}; {counted}"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
