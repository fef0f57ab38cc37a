"""Heavy work in a separate process, which leaves interpreter and cores to threads here."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

LOW_PRIORITY = 10
LOOK_S = 0.1


def spare_cores() -> int:
    """Return the number of threads for background work, leaving one core free."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


def run_apart(
    function: Callable[..., None], *arguments: Any, unless: threading.Event | None = None
) -> int:
    """Run a function of a module in a new process at low priority, and wait for its end.

    It ends when this process exits normally; if this process is killed, it finishes its work.

    Args:
        function: The function to call.
        arguments: Its arguments.
        unless: The process is killed as soon as this is set.

    Returns:
        Its exit code; not 0 if the function raised, which is printed to stderr.
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
