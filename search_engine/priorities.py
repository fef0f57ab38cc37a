"""Who goes first on a busy machine: threads that run Python, before what computes without it.

A thread that holds the interpreter and waits for a core holds up all others. In a server the event
loop is one of them: it takes in requests late then, and its refusals come long after the question
(`python -m benchmarks.overload`). So there the threads of networks and the decoding processes have
a lower priority, and those that answer have none.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

NICENESS = 10

_computing_is_last = threading.Event()


def put_computing_last() -> None:
    """Give what this process starts to compute with a lower priority from now on."""
    _computing_is_last.set()


def started(function: Callable[[], T]) -> T:
    """What a function returns that starts threads or processes to compute with.

    On Linux, niceness belongs to a thread, and whatever it starts inherits it; so where computing
    comes last the function is called in a thread of its own.
    """
    if not _computing_is_last.is_set():
        return function()
    with ThreadPoolExecutor(1, "starting", initializer=lower) as pool:
        return pool.submit(function).result()


def lower() -> None:
    """Lower the priority of this thread, which cannot be raised again; elsewhere than on Linux,
    and for the main thread, nothing is done."""
    if sys.platform == "linux" and threading.current_thread() is not threading.main_thread():
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < NICENESS:
            os.setpriority(os.PRIO_PROCESS, thread, NICENESS)
