"""Heavy work in a process of its own, so that threads here keep the interpreter and the cores."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

LOW_PRIORITY = 10
LOOK_S = 0.1


def spare_cores() -> int:
    """How many threads to work with in the background, so that one core is left for answers."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


def run_apart(
    function: Callable[..., None], *arguments: Any, unless: threading.Event | None = None
) -> int:
    """Call a function of a module in a new process at low priority, and wait for its end.

    It is ended when this process ends in order; when this one is killed, it finishes its work.

    Args:
        function: What to call.
        arguments: Its arguments.
        unless: When this is set, the process is killed, whatever it is doing.

    Returns:
        Its exit code; not 0 when the function raised, after it told stderr.
    """
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_call, args=(function, arguments), daemon=True)
    process.start()
    while process.is_alive():
        process.join(None if unless is None else LOOK_S)
        if unless is not None and unless.is_set():
            process.kill()
    return process.exitcode or 0


def _call(function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    os.nice(LOW_PRIORITY)
    function(*arguments)
