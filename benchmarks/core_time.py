"""What processes spend on the cores, which other work on the machine changes little."""

import os
from collections.abc import Iterable
from pathlib import Path

TICK_MS = 1_000 / os.sysconf("SC_CLK_TCK")


def core_ms(processes: Iterable[int]) -> float:
    """Milliseconds that processes have spent on the cores, in user space and in the kernel."""
    fields = (
        Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in processes
    )
    return sum(int(each[11]) + int(each[12]) for each in fields) * TICK_MS


def family(process: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{process}/task").glob("*/children")
    below = [int(each) for path in children for each in path.read_text().split()]
    return [process, *(one for each in below for one in family(each))]
