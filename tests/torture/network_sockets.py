"""G15, G16 and G18: many sockets, slow ones, and clients that leave."""

import itertools
import multiprocessing
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from api.security import bodies, protocol
from tests.torture.goals import Goal, Reached, tries
from tests.torture.network_tools import (
    Server,
    percentile,
    pictures,
    question,
    served,
    shared_server,
    status_of,
)

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
PUBLISHED = 0.5
"""From this scale on what depends on the machine counts too."""
HEALTH_MS = 200.0
MOST_BYTES = 1_500 * 2**20
DRIP_S = 0.3
SHARES = 100
"""Sockets send their next byte in so many turns, as they know nothing of each other: all at once,
others would wait for this client."""
ASK_S = 0.02
"""Others ask so long after their last answer."""
BEFORE_S = 4.0
"""So long they ask before there are slow sockets."""
FEW = 4
"""So many slow sockets are opened in a row."""
QUICK = 0.1
PATIENCE_S = 20.0
LEAST_BUFFER = 4_096


def many(scale: float, seed: int) -> Reached:
    """Open sockets that are silent and ask for health all the while."""
    count, server, taken = tries(10_000, scale, 300), shared_server(), []
    with ExitStack() as stack:
        probe = stack.enter_context(server.connect())
        for number in range(count):
            stack.enter_context(server.connect())
            if number % max(1, count // 100) == 0:
                taken.append(_health_ms(probe))
        memory = server.memory()
    p99 = percentile(taken, 99)
    ok = server.process.poll() is None and memory < MOST_BYTES
    figures = f"{count} sockets: health p99 {p99:.1f} ms, {memory / 2**20:.0f} MB"
    return Reached(ok and (scale < PUBLISHED or p99 <= HEALTH_MS), figures)


def _health_ms(connection: socket.socket) -> float:
    started = time.monotonic()
    connection.sendall(HEALTH)
    if status_of(connection) != 200:
        raise RuntimeError("the server is not healthy")
    return (time.monotonic() - started) * 1_000


BODY = question(pictures()[0])
LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""Of some hundred kilobytes."""
READS_NOTHING = "reads no answers"
SLOW: dict[str, tuple[bytes, bytes]] = {
    "nothing": (b"", b""),
    "head byte by byte": (HEALTH[:20], b"x"),
    "body byte by byte": (BODY[:-300], b"x"),
    "length without body": (BODY[: BODY.index(b"\r\n\r\n") + 4], b""),
    READS_NOTHING: (LARGE * 100, b""),
    "large head": (HEALTH[:-2] + b"X: " + b"x" * 60_000, b"x"),
    "pipelined": (HEALTH * 3 + HEALTH[:20], b"x"),
}
"""What is sent at first, and then again and again."""


def slow(scale: float, seed: int) -> Reached:
    """Open slow sockets of seven kinds, see how long each is kept, and ask as others do."""
    count, haste = tries(2_000, scale, 14), 1.0 if scale >= QUICK else QUICK
    deadline = haste * (protocol.HEAD_S + bodies.GRACE_S + protocol.LINGER_S)
    kept: dict[str, list[float]] = {kind: [] for kind in SLOW}
    before, opening, taken = [list[float]() for _ in range(3)]
    with served(haste) as server, ExitStack() as stack:
        with _others(server, before):
            time.sleep(BEFORE_S * haste)
        slow_ones = _SlowOnes(kept)
        with _others(server, opening):
            for number, kind in enumerate(itertools.islice(itertools.cycle(SLOW), count)):
                slow_ones.add(kind, stack.enter_context(_begun(server, kind)))
                slow_ones.turn(0)
                if number % FEW == 0:
                    _answer_ms(server)  # it has seen them, and is not overrun
        ends = time.monotonic() + deadline + PATIENCE_S
        with _others(server, taken):
            while slow_ones.open and time.monotonic() < ends:
                slow_ones.turn(DRIP_S / SHARES)
        is_calm = "Traceback" not in server.said()
    late = sum(seconds > deadline + 1 for times in kept.values() for seconds in times)
    usual, p99 = percentile(before, 99), percentile(opening + taken, 99)
    longest = {kind: round(max(times, default=-1), 1) for kind, times in kept.items()}
    figures = (
        f"{count} sockets: {len(slow_ones.open)} stay open, {late} beyond {deadline:.1f} + 1 s, "
        f"longest {longest}; answers to others p99 {p99:.1f} ms, {p99 / usual:.1f} times as slow "
        f"({percentile(opening, 99) / usual:.1f} while they are opened, "
        f"{percentile(taken, 99) / usual:.1f} then), at most {max(opening + taken):.1f} ms"
    )
    is_quick = not late and p99 <= 2 * usual
    is_well = is_calm and not slow_ones.open
    return Reached(is_well and (scale < PUBLISHED or is_quick), figures)


@contextmanager
def _others(server: Server, taken: list[float]) -> Iterator[None]:
    """Ask now and then by a process of its own while the block runs; then milliseconds of each."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    asking = context.Process(target=_ask, args=(server.port, theirs))
    asking.start()
    assert mine.recv() == "begun"
    try:
        yield
    finally:
        mine.send("end")
        taken += mine.recv()
        asking.join()


def _ask(port: int, told: "Connection[Any, Any]") -> None:
    taken = []
    told.send("begun")
    while not told.poll(ASK_S):
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
            taken.append(_health_ms(connection))
    told.send(taken)


class _Slow(NamedTuple):
    """A slow socket, its kind, and when it was opened."""

    kind: str
    connection: socket.socket
    since: float


class _SlowOnes:
    """Slow sockets that go on until they are closed; `kept` is how long each kind was kept."""

    def __init__(self, kept: dict[str, list[float]]) -> None:
        self.open: dict[int, _Slow] = {}
        self._kept = kept
        self._shares = itertools.cycle(range(SHARES))
        self._watched = select.poll()

    def add(self, kind: str, connection: socket.socket) -> None:
        """One more."""
        self.open[connection.fileno()] = _Slow(kind, connection, time.monotonic())
        self._watched.register(connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)

    def turn(self, pause_s: float) -> None:
        """Note which were closed within a while, and let a share of the others send."""
        for number, _ in self._watched.poll(pause_s * 1_000):
            one = self.open.pop(number)
            self._watched.unregister(number)
            self._kept[one.kind].append(time.monotonic() - one.since)
        for one in list(self.open.values())[next(self._shares) :: SHARES]:
            with suppress(OSError):
                one.connection.send(SLOW[one.kind][1])


def _begun(server: Server, kind: str) -> socket.socket:
    """A socket of a kind that has sent what it sends at first."""
    connection = server.connect(LEAST_BUFFER if kind == READS_NOTHING else 0)
    connection.setblocking(False)
    with suppress(OSError):
        connection.send(SLOW[kind][0])
    return connection


def _answer_ms(server: Server) -> float:
    with server.connect() as connection:
        return _health_ms(connection)


STAGES: dict[str, tuple[bytes, float]] = {
    "head": (BODY[:40], 0),
    "body": (BODY[:-100], 0.002),
    "queued": (BODY, 0),
    "answering": (BODY, 0.01),
    "answer": (LARGE * 20, 0.005),
}
"""What is sent, and the seconds until the client is gone."""


def aborts(scale: float, seed: int) -> Reached:
    """Reset connections at five stages, and see whether anything stays behind."""
    server, random = shared_server(), np.random.default_rng(seed)
    _settled(server.sockets, 0)
    before, count = server.sockets(), tries(10_000, scale, 50)
    for sent, pause in itertools.islice(itertools.cycle(STAGES.values()), count):
        with server.connect() as connection:
            connection.sendall(sent)
            time.sleep(pause * random.random())
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    left = _settled(server.sockets, before) - before
    with server.connect() as connection:
        works = _health_ms(connection) > 0 and "Traceback" not in server.said()
    return Reached(left <= 0 and works, f"{count} aborts: {max(0, left)} sockets left open")


def _settled(count: Callable[[], int], wanted: int) -> int:
    """A count when it is not above what is wanted, or does not change any more."""
    ends, last = time.monotonic() + 3 * protocol.HEAD_S, -1
    while time.monotonic() < ends and (found := count()) > wanted and found != last:
        last = found
        time.sleep(0.5)
    return count()


GOALS = [
    Goal("G15", "10,000 silent sockets: health p99 <= 200 ms, RSS <= 1.5 GB", many),
    Goal("G16", "2,000 slow sockets of 7 kinds: all closed by their deadline + 1 s", slow),
    Goal("G18", "10,000 clients that leave in 5 stages: no socket stays open", aborts),
]
