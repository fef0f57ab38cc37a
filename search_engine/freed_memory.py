"""What the C library does with memory that is freed: keep it, or give it back. Other systems' own
libraries are left to themselves."""

import ctypes
from typing import Any

MOST_MAPPED, TRIM_THRESHOLD = -4, -1
"""Numbers of parameters of glibc; see `man mallopt`."""


def keep_freed_memory() -> None:
    """Keep freed memory for what comes next, for work that needs the same again and again.

    By default large blocks are returned to the kernel, and new ones cleared page by page: a step
    of training takes 1.4 times as long.
    """
    mallopt = _function("mallopt")
    if mallopt is not None:
        mallopt(MOST_MAPPED, 0)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)


def give_freed_memory_back() -> None:
    """Return to the kernel what is free, for the end of work that needed much and comes seldom.

    By default blocks of up to 32 MB stay with the process as long as a later one is in use.
    """
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
