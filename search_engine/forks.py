"""Handle forks: what a child process may keep using, and what is made again in it.

A forked child has its parent's memory but none of its threads: locks that they held stay locked,
pools wait for workers that do not exist, and SQLite's connections must not be used at all. So a
fork waits until no thread is inside SQLite or a network, connections are closed before it, and
followers recreate in the child whatever had threads or locks. If a thread was inside nevertheless,
the child raises an error instead of waiting forever.
"""

import ctypes
import os
import sys
import threading
import time
from typing import Protocol
from weakref import WeakSet

from search_engine.errors import ForkError

WAIT_S = 5.0
"""How long a fork waits for threads inside the gate; our longest calls are far shorter."""

_ON_ONE_THREAD = {"faiss": "omp_set_num_threads", "torch": "set_num_threads"}
"""Libraries whose threads a child lacks, with the function that makes them use one thread."""


class Follower(Protocol):
    """Something affected by forks; weakly referenced, so it may be deleted at any time."""

    def before_fork(self) -> None:
        """Release in the parent what a child must not inherit; no thread is inside the gate."""
        ...

    def after_fork(self, torn: bool) -> None:
        """Recreate resources in the child; `torn` if a thread was inside the gate nevertheless."""
        ...


class _Gate:
    """`with gate:` around calls of libraries that have locks or threads of their own.

    It is reentrant. A thread inside must not wait for another thread.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._depths: dict[int, int] = {}
        self._forks = 0

    def __enter__(self) -> None:
        thread = threading.get_ident()
        with self._lock:
            while self._forks and thread not in self._depths:
                self._changed.wait()
            self._depths[thread] = self._depths.get(thread, 0) + 1

    def __exit__(self, *_: object) -> None:
        thread = threading.get_ident()
        with self._lock:
            depth = self._depths.pop(thread, 1) - 1
            if depth:
                self._depths[thread] = depth
            elif self._forks:
                self._changed.notify_all()

    def close(self) -> None:
        """Wait for all threads to leave, and admit only the calling thread."""
        thread = threading.get_ident()
        until = time.monotonic() + WAIT_S
        with self._lock:
            self._forks += 1
            while self._depths.keys() - {thread} and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._depths[thread] = self._depths.get(thread, 0) + 1

    def open(self) -> None:
        """Admit threads again after the fork."""
        self.__exit__()
        with self._lock:
            self._forks -= 1
            self._changed.notify_all()

    def renew(self) -> bool:
        """Reset the gate in a child; return whether a thread was inside when it was forked."""
        depths = self._depths
        self._begin()
        return depths != {threading.get_ident(): 1}


gate = _Gate()
_followers: "WeakSet[Follower]" = WeakSet()


def follow(follower: Follower) -> None:
    """Notify a follower of every fork from now on."""
    with gate:
        _followers.add(follower)


def keep_forever(owner: object) -> None:
    """Keep an inherited object alive: deleting it would wait for threads that do not exist here."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))


def check_whole(torn: bool) -> None:
    """Refuse to use what was in use when this process was forked.

    Raises:
        ForkError: It was in use.
    """
    if torn:
        raise ForkError(
            "the SearchEngine was at work while this process was forked off, and cannot go on here",
            fix="open a SearchEngine in the new process, or start it by spawn instead of fork",
        )


class _OpenCvThreads:
    """Ends OpenCV's threads before a fork: a child would wait for their end forever."""

    _before = 0

    def end(self) -> None:
        """Let OpenCV, if loaded, work on the calling thread only."""
        cv2 = sys.modules.get("cv2")
        if cv2 is not None:
            self._before = cv2.getNumThreads()
            cv2.setNumThreads(1)

    def begin(self) -> None:
        """Restore OpenCV's number of threads."""
        cv2 = sys.modules.get("cv2")
        if cv2 is not None and self._before:
            cv2.setNumThreads(self._before)


_opencv = _OpenCvThreads()


def _before() -> None:
    gate.close()
    for follower in list(_followers):
        follower.before_fork()
    _opencv.end()


def _after_in_parent() -> None:
    _opencv.begin()
    gate.open()


def _after_in_child() -> None:
    torn = gate.renew()
    followers = list(_followers)  # keeps all alive until each is recreated
    for follower in followers:
        follower.after_fork(torn)
    for library, function in _ON_ONE_THREAD.items():
        tell = getattr(sys.modules.get(library), function, None)
        if tell is not None:
            tell(1)


os.register_at_fork(
    before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
)
