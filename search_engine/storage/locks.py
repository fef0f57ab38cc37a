"""Allow one writer at a time across processes, by an OS lock that ends with its holder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search_engine import forks, interruptions
from search_engine.errors import LockHeldError
from search_engine.storage.durable import storage_error

POLL_S = 0.01


class _Held:
    """The open file of a lock; a child forked meanwhile closes it at once.

    Else the lock would be held as long as the child exists.
    """

    def __init__(self, path: Path) -> None:
        self.descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        forks.follow(self)

    def before_fork(self) -> None:
        """See Follower."""

    def after_fork(self, torn: bool) -> None:
        """See Follower."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def release(self) -> None:
        if self.descriptor is not None:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)  # for children being forked right now
            os.close(self.descriptor)
            self.descriptor = None


@contextmanager
def exclusive(path: Path, wait_s: float, doing: str) -> Iterator[None]:
    """Hold `flock` on the file until the block ends or the process dies.

    Time is measured by the monotonic clock. Threads of one process exclude each other too, as each
    opens the file itself.

    Raises:
        LockHeldError: Another holder kept it for longer than `wait_s`.
        StorageError: The file cannot be created.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = _Held(path)
    except OSError as error:
        raise storage_error(error, doing, path) from error
    try:
        assert held.descriptor is not None
        _acquire(held.descriptor, time.monotonic() + wait_s, path, doing)
        yield
    finally:
        held.release()


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock of a file; a missing one is held by nobody."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


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
            interruptions.held.end_if_told()
            time.sleep(POLL_S)
        else:
            return
