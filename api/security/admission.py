"""Turns for questions: a bounded number at once, and nobody is let in to wait too long.

Without, a server that is asked more than it can answer answers everybody late. By Little's law a
question waits as long as those before it take together, which is known from how fast answers left
lately; where that is too long, a refusal at once is of more use, and leaves the others their time.
So it is decided by the head of a request: whoever reads a body first has spent on those it refuses
what those it answers wait for.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, NoReturn

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from api.problems import Problem

ALWAYS = 4
"""So many come in however long each takes: enough to keep the cores busy."""
AT_ONCE = min(12, max(ALWAYS, 3 * len(os.sched_getaffinity(0))))
"""Questions in threads, three a core: enough to share batches of the network. More would only wait
for the interpreter, and the event loop with them, which has to refuse the others."""
LONGEST_WAIT_S = 0.8
"""So long a standing crowd of 32 may wait, which asks again only when it is answered."""
FLOODED_WAIT_S = 0.25
"""So long while more comes than can be answered: who is answered then need not wait for a backlog,
and there is always another to answer."""
TOO_LATE = 2.0
"""Who was let in before the flood, and waits so many times longer, is refused at last."""
FLOOD_S, FLOOD_SHARE = 1.0, 0.2
"""A flood is over when so long at most this share of those who came was refused."""
UNMEASURED_S = 0.01
"""Time of a question until it was measured; a guess that allows for a burst."""
SMOOTHING = 0.1
"""Weight of the newest measurement."""
BODY_S = 0.5
"""Who sends a body for longer counts again when it is there: slow senders keep nobody out."""


class Patience:
    """How long a question may have to wait, by what becomes of those that come.

    A standing crowd is one thing and a flood another: where a question had to be refused, waiting
    is of no use to those behind it either, so the limit is short until nearly all are let in again.
    """

    def __init__(self, usual_s: float, flooded_s: float = FLOODED_WAIT_S) -> None:
        self._usual_s = usual_s
        self._flooded_s = min(usual_s, flooded_s)
        self.flooded = False
        """Whether more comes than can be answered."""
        self._since = 0.0
        self._came = self._refused = 0

    @property
    def limit_s(self) -> float:
        """How long one may have to wait now."""
        return self._flooded_s if self.flooded else self._usual_s

    def is_too_long(self, waited_s: float) -> bool:
        """Whether a question that was let in is refused, as a flood came behind it."""
        return self.flooded and waited_s > TOO_LATE * self.limit_s

    def note(self, refused: bool) -> None:
        """Take into account that a question came, and what became of it."""
        now = time.monotonic()
        lasted_s = now - self._since
        if self.flooded and lasted_s > FLOOD_S:
            many = self._refused > FLOOD_SHARE * self._came
            self._begin(now, many and lasted_s < 2 * FLOOD_S)
        if refused and not self.flooded:
            self._begin(now, True)
        self._came += 1
        self._refused += refused

    def _begin(self, now: float, flooded: bool) -> None:
        """Count anew."""
        self._since, self.flooded = now, flooded
        self._came = self._refused = 0


class Place:
    """Of one question that was let in: first its body is on its way, then it has a turn."""

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self.since = time.monotonic()
        self.counts = True

    @asynccontextmanager
    async def turn(self, request: Request, questions: int = 1) -> AsyncIterator[None]:
        """Wait for a turn, and keep it for the block, which answers so many questions.

        Raises:
            Problem: 503 `overloaded`; only where the body took its time, or a flood came after it.
            ClientDisconnect: Nobody waits for the answer any more.
        """
        if not self.counts:
            self._admission.check()
        self.counts = False
        async with self._admission.turn(questions):
            has_left = await request.is_disconnected()
            if has_left:
                raise ClientDisconnect
            yield


class Admission:
    """Lets questions in. Belongs to one event loop.

    Args:
        at_once: How many are answered at a time.
        longest_wait_s: How long one may have to wait for its answer, by what is known; less in a
            flood.
    """

    def __init__(self, at_once: int = AT_ONCE, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._least = min(at_once, ALWAYS)
        self._patience = Patience(longest_wait_s)
        self._inside = 0
        self._coming: deque[Place] = deque()
        self._seconds_each = UNMEASURED_S
        self._last_left: float | None = None
        self.refused = 0
        """How many were not let in."""

    @property
    def wait_s(self) -> float:
        """How long the answer to a question that comes now would take; requests with many share
        the processor with it, so each counts as one."""
        return self._before() * self._seconds_each

    @property
    def inside(self) -> int:
        """How many questions are at work or wait for a turn."""
        return self._inside

    def check(self) -> None:
        """Let a question in, or refuse it; the first few always come in.

        Raises:
            Problem: 503 `overloaded`.
        """
        is_late = self._before() >= self._least and self.wait_s > self._patience.limit_s
        self._patience.note(is_late)
        if is_late:
            self._refuse()

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Let in a question whose body is still to be read, for the block.

        Raises:
            Problem: As `check`.
        """
        self.check()
        place = Place(self)
        self._coming.append(place)
        try:
            yield place
        finally:
            place.counts = False

    @asynccontextmanager
    async def turn(self, questions: int = 1) -> AsyncIterator[None]:
        """Wait for a turn and keep it for the block, which answers so many questions.

        Raises:
            Problem: 503 `overloaded`; a flood came meanwhile, and it had waited for too long.
        """
        self._inside += 1
        came, waits, is_late = time.monotonic(), self._turns.locked(), False
        try:
            async with self._turns:
                is_late = waits and self._patience.is_too_long(time.monotonic() - came)
                if is_late:
                    self._refuse()
                yield
        finally:
            self._inside -= 1
            if not is_late:
                self._measure(questions)

    def _refuse(self) -> NoReturn:
        self.refused += 1
        raise Problem(503, "overloaded", "more is asked than can be answered; ask again later")

    def _before(self) -> int:
        """How many questions are inside, or will be as soon as their body is read."""
        given_up = time.monotonic() - BODY_S
        while self._coming and not (self._coming[0].counts and self._coming[0].since > given_up):
            self._coming.popleft().counts = False
        return self._inside + sum(each.counts for each in self._coming)

    def _measure(self, questions: int) -> None:
        """Take the time since the last answer left; only while others wait is it one of work."""
        now = time.monotonic()
        if self._last_left is not None:
            each = (now - self._last_left) / questions
            self._seconds_each += SMOOTHING * (each - self._seconds_each)
        self._last_left = now if self._inside else None


async def place_of(request: Request) -> Place:
    """The place that this question was given when its head had come (`EdgeMiddleware`)."""
    place: Place = request.scope["place"]
    return place


PlaceDep = Annotated[Place, Depends(place_of)]
