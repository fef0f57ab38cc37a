"""Freed memory goes back to the kernel, or stays, as the process has asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pathlib import Path
from search_engine import freed_memory

def held_mb():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1_024

if sys.argv[1] == "kept":
    freed_memory.keep_freed_memory()
before = held_mb()
blocks = [bytearray(60_000) for _ in range(2_000)]
last = bytearray(60_000)
del blocks
freed = held_mb() - before
if sys.argv[1] == "given back":
    freed_memory.give_freed_memory_back()
print(freed, held_mb() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="of Linux")
@pytest.mark.parametrize(("what", "is_given_back"), [("given back", True), ("kept", False)])
def test_blocks_below_one_in_use_are_given_back_or_kept(what: str, is_given_back: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what], capture_output=True, text=True, check=True
    )
    freed_mb, held_mb = map(float, done.stdout.split())
    assert freed_mb > 100
    assert (held_mb < 10) == is_given_back
