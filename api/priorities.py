"""Who goes first on a busy machine: the event loop, which refuses and sends, before what computes.

Where all cores compute answers, a loop that waits its turn among them takes in requests late, and
its refusals come seconds after the question (`python -m benchmarks.overload`).
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from fastapi.concurrency import run_in_threadpool

P = ParamSpec("P")
T = TypeVar("T")

NICENESS = 10


def yield_to_loop() -> None:
    """Let the event loop go before this thread, and before what it starts from now on.

    On Linux, niceness belongs to a thread, and threads and processes inherit it from the one that
    starts them: those of the network, and the decoding processes. Elsewhere nothing is done.
    """
    if sys.platform == "linux" and threading.current_thread() is not threading.main_thread():
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < NICENESS:
            os.setpriority(os.PRIO_PROCESS, thread, NICENESS)


async def compute(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread that lets the event loop go first."""

    def call() -> T:
        yield_to_loop()
        return function(*args, **kwargs)

    return await run_in_threadpool(call)
