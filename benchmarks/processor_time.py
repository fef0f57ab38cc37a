"""Processor time of processes, which other work on the machine hardly changes."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

TICK_MS = 1_000 / os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.25
"""What a process spends after its last sample is not seen."""


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


def spent_s(process: int) -> dict[int, float]:
    """Seconds that a process and each below it have spent on the cores; none of what is gone."""
    found = {}
    with suppress(OSError):
        for each in family(process):
            with suppress(OSError):
                found[each] = core_ms([each]) / 1_000
    return found


@contextmanager
def watched(totals_s: list[float]) -> Iterator[None]:
    """Append the seconds of a core that this process and all below it spend in the block."""
    before = spent_s(os.getpid())
    latest, is_over = dict(before), Event()

    def watch() -> None:
        while not is_over.wait(SAMPLE_S):
            latest.update(spent_s(os.getpid()))

    watching = Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        is_over.set()
        watching.join()
        latest.update(spent_s(os.getpid()))
        totals_s.append(sum(each - before.get(process, 0.0) for process, each in latest.items()))
