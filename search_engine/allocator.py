"""What the C library does with freed memory: it keeps few heaps, and gives back what is free.

glibc makes heaps as threads meet, up to eight a core, and each keeps the gaps that requests leave.
In a server that runs for weeks they add up (G25 of `python -m tests.torture`).
"""

import ctypes
import sys
from typing import Final

HEAPS: Final = 2
OWN_MAPPING_BYTES: Final = 2**20
"""Larger blocks are mappings of their own, which go back as a whole. Unless that is said, glibc
raises the limit to the size of what was freed, up to 32 MiB."""

_ARENA_MAX: Final = -8
_MMAP_THRESHOLD: Final = -3


def use_few_heaps() -> None:
    """Limit the heaps of this process; before it has threads, and only where glibc is."""
    library = _glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, HEAPS)
        library.mallopt(_MMAP_THRESHOLD, OWN_MAPPING_BYTES)


def give_back() -> None:
    """Return free pages of all heaps to the system, where glibc is."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
