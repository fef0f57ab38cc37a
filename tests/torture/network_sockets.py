"""G15, G16 and G18: many sockets, slow ones, and clients that leave."""

import itertools
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NamedTuple

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
SHARES = 10
"""Sockets send their next byte in so many turns: all at once, others would wait for this client."""
ASKED = 100
"""Answers to others before slow sockets are opened, and while they are."""
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
    with served(haste) as server, ExitStack() as stack:
        before = [_answer_ms(server) for _ in range(ASKED)]
        watched, taken = select.poll(), []
        open_ones: dict[int, _Slow] = {}
        for number, kind in enumerate(itertools.islice(itertools.cycle(SLOW), count)):
            one = _Slow(kind, stack.enter_context(_begun(server, kind)), time.monotonic())
            open_ones[one.connection.fileno()] = one
            watched.register(one.connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
            if number % max(1, count // ASKED) == 0:
                taken.append(_answer_ms(server))
        ends = time.monotonic() + deadline + PATIENCE_S
        for share in itertools.cycle(range(SHARES)):
            if not open_ones or time.monotonic() > ends:
                break
            for number, _ in watched.poll(DRIP_S / SHARES * 1_000):
                one = open_ones.pop(number)
                watched.unregister(number)
                kept[one.kind].append(time.monotonic() - one.since)
            for one in list(open_ones.values())[share::SHARES]:
                with suppress(OSError):
                    one.connection.send(SLOW[one.kind][1])
            taken.append(_answer_ms(server))
    late = sum(seconds > deadline + 1 for times in kept.values() for seconds in times)
    slowdown = percentile(taken, 99) / percentile(before, 99)
    longest = {kind: round(max(times, default=-1), 1) for kind, times in kept.items()}
    figures = (
        f"{count} sockets: {len(open_ones)} stay open, {late} beyond {deadline:.1f} + 1 s, longest "
        f"{longest}; answers to others p99 {percentile(taken, 99):.1f} ms, {slowdown:.1f} times as "
        f"slow, at most {max(taken):.1f} ms"
    )
    is_quick = not late and slowdown <= 2
    return Reached(not open_ones and (scale < PUBLISHED or is_quick), figures)


class _Slow(NamedTuple):
    """A slow socket, its kind, and when it was opened."""

    kind: str
    connection: socket.socket
    since: float


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
        works = _health_ms(connection) > 0
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
