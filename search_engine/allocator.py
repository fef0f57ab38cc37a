"""What the C library does with freed memory: keep it, or give it back. Only glibc can be told.

glibc makes heaps as threads meet, up to eight a core, and each keeps the gaps that requests leave.
In a server that runs for weeks they add up (G25 of `python -m tests.torture`). `man mallopt`
explains the numbers.
"""

import ctypes
import sys
from typing import Final

HEAPS: Final = 2
OWN_MAPPING_BYTES: Final = 2**20
"""Larger blocks are mappings of their own, which go back as a whole. Unless that is said, glibc
raises the limit to the size of what was freed, up to 32 MiB."""

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_MMAP_MAX: Final = -4
_ARENA_MAX: Final = -8


def use_few_heaps() -> None:
    """Limit the heaps of this process; before it has threads."""
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, HEAPS)
        library.mallopt(_MMAP_THRESHOLD, OWN_MAPPING_BYTES)


def keep_freed_memory() -> None:
    """Keep freed memory for what comes next, for work that needs the same again and again.

    By default large blocks are returned to the kernel, and new ones cleared page by page: a step
    of training takes 1.4 times as long.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def give_freed_memory_back() -> None:
    """Return free pages of all heaps to the kernel, after work that needed much."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
