"""How a server ends on a signal: with answers to what it has taken, or at once when told twice.

SIGTERM, SIGINT and SIGHUP, which a closed terminal sends, mean the same. What was taken is
answered, then the process ends with code 0. Whoever presses Ctrl-C again does not want to wait: the
process ends where it is, as if it were killed, which nothing that was acknowledged is lost by.
"""

import asyncio
import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

INTERRUPTED = 130
TAKING_S = 5.0
"""So long at most connections that wait are taken; 2 s were too few on a busy machine, which then
broke the last of 200."""
TICK_S = 0.01


class StoppableServer(uvicorn.Server):
    """uvicorn's server, without its habit of answering 500 when it is told a second time."""

    def __init__(self, config: uvicorn.Config, tell: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell when requests are answered."""
        await super().startup(sockets)
        self._tell()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals; one that is ignored, as under `nohup`, stays so."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.handle_exit)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the connections that wait to be taken, then stop listening and finish."""
        ends = time.monotonic() + TAKING_S
        while _somebody_waits(sockets or []) and time.monotonic() < ends:
            await asyncio.sleep(TICK_S)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, or stop."""
        if self.should_exit and sig == signal.SIGINT:
            os._exit(INTERRUPTED)
        self.should_exit = True


def _somebody_waits(listeners: list[socket.socket]) -> bool:
    return bool(select.select(listeners, [], [], 0)[0])
