"""A proxy between us and a server, that refuses, hangs, resets, delays, cuts and lies as told.

It forwards TCP to a port or to a socket of Unix, in a thread with an event loop of its own. A fault
begins with the next bytes, on connections that are there too, and ends with `heal`.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

Address = tuple[str, int] | str
"""An address: host and port, or the path of a socket."""

CHUNK_BYTES = 65_536
DELAY_S = 0.2
JUNK = bytes(range(256)) * 4
OTHER_PROTOCOL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens: to a `request` or `reply`, or where somebody connects."""

    name: str
    where: str
    does: str


FAULTS = (
    Fault("nobody listens", "connect", "refuse"),
    Fault("connections are closed at once", "connect", "close"),
    Fault("connections are reset at once", "connect", "reset"),
    Fault("connections are taken and nothing comes", "connect", "hang"),
    Fault("requests are swallowed", "request", "hang"),
    Fault("requests end in a close", "request", "close"),
    Fault("requests end in a reset", "request", "reset"),
    Fault("half a request arrives, then a close", "request", "half"),
    Fault("half a request arrives, then a reset", "request", "half reset"),
    Fault("requests are late", "request", "delay"),
    Fault("requests come byte by byte", "request", "bytes"),
    Fault("replies are swallowed", "reply", "hang"),
    Fault("replies end in a close", "reply", "close"),
    Fault("replies end in a reset", "reply", "reset"),
    Fault("half a reply comes, then a close", "reply", "half"),
    Fault("half a reply comes, then a reset", "reply", "half reset"),
    Fault("replies are late", "reply", "delay"),
    Fault("replies come byte by byte", "reply", "bytes"),
    Fault("replies are junk", "reply", "junk"),
    Fault("replies are of another protocol", "reply", "other"),
)


class Proxy:
    """Forwards `127.0.0.1:port` to a server until it is closed."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.fault: Fault | None = None
        self.hung = threading.Event()
        """Set as soon as something hangs."""
        self._healed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._do(self._listen())

    def break_by(self, fault: Fault) -> None:
        """Let it happen from now on."""
        self._do(self._change(fault))

    def heal(self) -> None:
        """Let all be well; connections that a fault has met are gone."""
        self._do(self._change(None))

    def close(self) -> None:
        """End it, and all connections."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(30)

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._taken, "127.0.0.1", self.port)

    async def _change(self, fault: Fault | None) -> None:
        self.fault = fault
        if fault is not None and fault.where == "connect":
            await self._end()  # or nobody would connect
        if fault is not None and fault.does == "refuse":
            return
        if self._listening is None:
            await self._listen()
        if fault is None:
            self._healed.set()  # those that hang see that they have missed something, and end
            self._healed = asyncio.Event()

    async def _end(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if await self._meets(self.fault, "connect", writer):
                return
            if isinstance(self._server, str):
                there = await asyncio.open_unix_connection(self._server)
            else:
                there = await asyncio.open_connection(*self._server)
            await self._forward((reader, writer), there)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _forward(
        self,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        ways = [
            asyncio.create_task(self._pass("request", here[0], there[1], here[1])),
            asyncio.create_task(self._pass("reply", there[0], here[1], here[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            there[1].transport.abort()
            if not here[1].is_closing():
                here[1].close()
                with contextlib.suppress(OSError, TimeoutError):
                    await asyncio.wait_for(here[1].wait_closed(), 1)

    async def _pass(
        self,
        way: str,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
    ) -> None:
        """Pass on what comes one way until somebody ends it."""
        while data := await source.read(CHUNK_BYTES):
            fault = self.fault
            if fault is None or fault.where != way:
                target.write(data)
                await target.drain()
                continue
            for part, pause_s in _parts(fault.does, data):
                target.write(part)
                await target.drain()
                await asyncio.sleep(pause_s)
            if await self._meets(fault, way, client):
                return

    async def _meets(self, fault: Fault | None, where: str, client: asyncio.StreamWriter) -> bool:
        """Whether a fault ends a connection here; the end as it is told."""
        if fault is None or fault.where != where or fault.does in ("delay", "bytes"):
            return False
        if fault.does == "hang":
            self.hung.set()
            await self._healed.wait()
        if fault.does.endswith("reset"):
            linger = struct.pack("ii", 1, 0)
            sock: socket.socket = client.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.transport.abort()
        return True


def _parts(does: str, data: bytes) -> Iterator[tuple[bytes, float]]:
    """What of some bytes is passed on, or comes in their place, and the pause behind each part."""
    kinds: dict[str, Callable[[], list[tuple[bytes, float]]]] = {
        "half": lambda: [(data[: len(data) // 2], 0.0)],
        "half reset": lambda: [(data[: len(data) // 2], 0.0)],
        "delay": lambda: [(b"", DELAY_S), (data, 0.0)],
        "bytes": lambda: [(data[n : n + 1], 0.0) for n in range(len(data))],
        "junk": lambda: [(JUNK, 0.0)],
        "other": lambda: [(OTHER_PROTOCOL, 0.0)],
    }
    return iter(kinds.get(does, list)())
