"""One writer at a time, across processes: an OS lock that dies with its holder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search_engine.errors import LockHeldError

POLL_S = 0.01


@contextmanager
def exclusive(path: Path, wait_s: float, doing: str) -> Iterator[None]:
    """Hold `flock` on the file; it is released when the block ends or the process dies.

    Time is measured by the monotonic clock. Two threads of one process exclude each other too,
    since each opens the file anew.

    Raises:
        LockHeldError: Somebody else held it for longer than `wait_s`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, time.monotonic() + wait_s, path, doing)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, deadline: float, path: Path, doing: str) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockHeldError(
                    f"another process is {doing}",
                    where=str(path),
                    fix="wait until it has finished and try again",
                ) from None
            time.sleep(POLL_S)
        else:
            return
