"""What a forked process may go on with, and what is made anew in it.

A child of a fork has its parent's memory and none of its threads: locks that one of them held stay
held, pools wait for workers that are not there, and SQLite's connections must not be used at all.
So a fork waits until no thread is inside SQLite or a network, connections are closed before it,
and followers make anew in the child whatever had threads or locks. Where a thread was inside all
the same, the child says so instead of waiting forever.
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
"""A fork waits so long for those inside; the longest of our calls are far shorter."""

_ON_ONE_THREAD = {"faiss": "omp_set_num_threads", "torch": "set_num_threads"}
"""Libraries whose threads a child has lost: by what they are told to do without."""


class Follower(Protocol):
    """Something that has to do with a fork; weakly referred to, so it may go at any time."""

    def before_fork(self) -> None:
        """Give up in the parent what a child must not inherit; nobody is inside the gate."""
        ...

    def after_fork(self, torn: bool) -> None:
        """Begin anew in the child; `torn` when somebody was inside the gate all the same."""
        ...


class _Gate:
    """`with gate:` around calls of libraries that have locks or threads of their own.

    May be entered again by a thread that is inside. Nobody may wait for another thread inside.
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
        """Let nobody in but the calling thread, when those inside have come out."""
        thread = threading.get_ident()
        until = time.monotonic() + WAIT_S
        with self._lock:
            self._forks += 1
            while self._depths.keys() - {thread} and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._depths[thread] = self._depths.get(thread, 0) + 1

    def open(self) -> None:
        """The fork is over."""
        self.__exit__()
        with self._lock:
            self._forks -= 1
            self._changed.notify_all()

    def renew(self) -> bool:
        """Begin anew in a child; whether anybody was inside when it was forked off."""
        depths = self._depths
        self._begin()
        return depths != {threading.get_ident(): 1}


gate = _Gate()
_followers: "WeakSet[Follower]" = WeakSet()


def follow(follower: Follower) -> None:
    """Tell it of every fork from now on."""
    with gate:
        _followers.add(follower)


def keep_forever(owner: object) -> None:
    """Never give up what a child inherited: that would wait for threads that it does not have."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))


def check_whole(torn: bool) -> None:
    """Refuse to go on with what was in use when this process was forked.

    Raises:
        ForkError: It was.
    """
    if torn:
        raise ForkError(
            "the SearchEngine was at work while this process was forked off, and cannot go on here",
            fix="open a SearchEngine in the new process, or start it by spawn instead of fork",
        )


class _OpenCvThreads:
    """OpenCV's threads are ended before a fork: a child would wait for their end for ever."""

    _before = 0

    def end(self) -> None:
        """Let OpenCV, where it is loaded, work on the thread that calls it."""
        cv2 = sys.modules.get("cv2")
        if cv2 is not None:
            self._before = cv2.getNumThreads()
            cv2.setNumThreads(1)

    def begin(self) -> None:
        """Let it have as many as before."""
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
    followers = list(_followers)  # all of them stay until each has begun anew
    for follower in followers:
        follower.after_fork(torn)
    for library, function in _ON_ONE_THREAD.items():
        tell = getattr(sys.modules.get(library), function, None)
        if tell is not None:
            tell(1)


os.register_at_fork(
    before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
)
