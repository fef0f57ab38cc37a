"""Freed memory goes back to the kernel, or stays, as the process has asked for."""

import subprocess
import sys
import textwrap

import pytest

from search_engine import allocator

HOLED = textwrap.dedent(
    """
    import ctypes, resource
    from pathlib import Path
    from search_engine.allocator import give_freed_memory_back, use_few_heaps

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
    give_freed_memory_back()
    print(held - resident())
    """
)


PROGRAM = """
import sys
from pathlib import Path
from search_engine import allocator

def held_mb():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1_024

if sys.argv[1] == "kept":
    allocator.keep_freed_memory()
before = held_mb()
blocks = [bytearray(60_000) for _ in range(2_000)]
last = bytearray(60_000)
del blocks
freed = held_mb() - before
if sys.argv[1] == "given back":
    allocator.give_freed_memory_back()
print(freed, held_mb() - before)
"""


@pytest.mark.skipif(allocator._glibc() is None, reason="only glibc keeps gaps in heaps")
def test_gaps_in_heaps_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLED], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 50 * 2**20


@pytest.mark.skipif(allocator._glibc() is None, reason="only glibc can be told")
@pytest.mark.parametrize(("what", "is_given_back"), [("given back", True), ("kept", False)])
def test_blocks_below_one_in_use_are_given_back_or_kept(what: str, is_given_back: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what], capture_output=True, text=True, check=True
    )
    freed_mb, held_mb = map(float, done.stdout.split())
    assert freed_mb > 100
    assert (held_mb < 10) == is_given_back


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    allocator.use_few_heaps()
    allocator.give_freed_memory_back()
    assert allocator._glibc() is None
