"""Freed memory goes back to the system."""

import subprocess
import sys
import textwrap

import pytest

from search_engine import allocator

HOLED = textwrap.dedent(
    """
    import ctypes, resource
    from pathlib import Path
    from search_engine.allocator import give_back, use_few_heaps

    use_few_heaps()
    library = ctypes.CDLL(None)
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    blocks = [library.malloc(60_000) for _ in range(2_000)]
    for block in blocks:
        ctypes.memset(block, 1, 60_000)
    for block in blocks[:-1]:  # the last one keeps the heap from ending before them
        library.free(block)
    held = resident()
    give_back()
    print(held - resident())
    """
)


@pytest.mark.skipif(allocator._glibc() is None, reason="only glibc keeps gaps in heaps")
def test_gaps_in_heaps_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLED], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 50 * 2**20


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    allocator.use_few_heaps()
    allocator.give_back()
    assert allocator._glibc() is None
