"""A light client for many questions at once: one thread, plain sockets.

It must leave the processor to the server that it asks on the same machine, so requests are sent
from pieces that exist already, and of an answer only the head is looked at.
"""

import multiprocessing
import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

GIVE_UP_S = 60.0
FAILED = 0
PIECE_BYTES = 2**16
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")

T = TypeVar("T")


class Outcome(NamedTuple):
    """What became of a question: a status, 0 for no answer; milliseconds from when it was due."""

    status: int
    taken_ms: float
    says_when: bool
    """Whether it has `Retry-After`."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request whose body ends in a photo that no server has seen: `head`, number, `tail`."""

    head: bytes
    tail: bytes

    def numbered(self, number: int) -> bytes:
        """The whole request."""
        return b"%s%016x%s" % (self.head, number, self.tail)


@dataclass(slots=True)
class _Asked:
    connection: socket.socket
    due: float
    unsent: memoryview
    answer: bytearray = field(default_factory=bytearray)


class LoadClient:
    """Asks questions of a port, at connections that are kept as long as the server keeps them."""

    def __init__(self, port: int, questions: Sequence[Question], first: int = 0) -> None:
        self._port = port
        self._questions = questions
        self._number = first
        self._poll = select.epoll()
        self._open: dict[int, _Asked] = {}
        self._idle: list[socket.socket] = []
        self._outcomes: list[Outcome] = []

    def at_moments(self, moments: Sequence[float]) -> list[Outcome]:
        """Ask at moments, in seconds from now, whatever becomes of those before."""
        started = time.monotonic()
        waiting = [started + moment for moment in reversed(moments)]
        while waiting or self._open:
            now = time.monotonic()
            while waiting and waiting[-1] <= now:
                self._ask(waiting.pop())
            self._turn(waiting[-1] - now if waiting else 1.0)
        return self._taken()

    def crowd(self, clients: int, seconds: float) -> list[Outcome]:
        """Ask as that many clients do, each again at once when it has its answer."""
        ends = time.monotonic() + seconds
        while (now := time.monotonic()) < ends:
            for _ in range(clients - len(self._open)):
                self._ask(now)
            self._turn(ends - now)
        found = len(self._outcomes)
        while self._open:
            self._turn(1.0)
        return self._taken()[:found]

    def _taken(self) -> list[Outcome]:
        while self._idle:
            self._idle.pop().close()
        taken, self._outcomes = self._outcomes, []
        return taken

    def _ask(self, due: float) -> None:
        question = self._questions[self._number % len(self._questions)]
        connection = self._idle.pop() if self._idle else self._connected()
        asked = _Asked(connection, due, memoryview(question.numbered(self._number)))
        self._number += 1
        self._open[connection.fileno()] = asked
        self._poll.register(connection, select.EPOLLIN | select.EPOLLOUT)

    def _connected(self) -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", self._port))
        return connection

    def _turn(self, timeout: float) -> None:
        """Send and receive what can be, and give up on those that wait too long."""
        for number, events in self._poll.poll(max(0.0, timeout), 256):
            asked = self._open[number]
            try:
                if events & select.EPOLLOUT and asked.unsent:
                    self._send(asked)
                if events & ~select.EPOLLOUT:
                    self._receive(asked)
            except OSError:
                self._end(asked)
        first = next(iter(self._open.values()), None)
        if first is not None and time.monotonic() > first.due + GIVE_UP_S:
            self._end(first)

    def _send(self, asked: _Asked) -> None:
        asked.unsent = asked.unsent[asked.connection.send(asked.unsent) :]
        if not asked.unsent:
            self._poll.modify(asked.connection, select.EPOLLIN)

    def _receive(self, asked: _Asked) -> None:
        piece = asked.connection.recv(PIECE_BYTES)
        asked.answer += piece
        if not piece or is_whole(asked.answer):
            self._end(asked)

    def _end(self, asked: _Asked) -> None:
        self._poll.unregister(asked.connection)
        del self._open[asked.connection.fileno()]
        if is_whole(asked.answer) and b"\r\nconnection: close" not in _head(asked.answer):
            self._idle.append(asked.connection)
        else:
            asked.connection.close()
        self._outcomes.append(_outcome(bytes(asked.answer), time.monotonic() - asked.due))


def is_whole(answer: bytes | bytearray) -> bool:
    """Whether an answer that tells its length has come to its end."""
    ends = answer.find(END_OF_HEAD)
    told = LENGTH.search(_head(answer)) if ends >= 0 else None
    return told is not None and len(answer) >= ends + len(END_OF_HEAD) + int(told[1])


def _head(answer: bytes | bytearray) -> bytes:
    return bytes(answer[: max(0, answer.find(END_OF_HEAD))]).lower()


def _outcome(answer: bytes, seconds: float) -> Outcome:
    head = _head(answer)
    status = int(head[9:12]) if head.startswith(b"http/1.1 ") else FAILED
    return Outcome(status, seconds * 1_000, b"\r\nretry-after: " in head)


def beside(function: Callable[..., T], *arguments: object) -> T:
    """What a function returns, called in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()
