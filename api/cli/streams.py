"""Standard streams as other programs leave them: closed, full, or a pipe that nobody reads."""

import io
import os
import sys
from typing import TextIO


def open_missing() -> None:
    """Open what the caller closed, to nowhere.

    Else the next file that is opened, the catalog perhaps, would be the standard output of
    libraries, and printing would fail.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = _nowhere(1)
    if sys.stderr is None:
        sys.stderr = _nowhere(2)


def _nowhere(descriptor: int) -> TextIO:
    return io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), encoding="utf-8")


def abandon() -> None:
    """Write no more: what is still buffered would fail once more at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
