"""Turns for questions: a bounded number at once, and nobody is let in to wait too long.

Without, a server that is asked more than it can answer answers everybody late. By Little's law a
question waits as long as those before it take together, which is known from how fast answers left
lately; where that is too long, a refusal at once is of more use, and leaves the others their time.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from api.problems import Problem

AT_ONCE = 32
"""Questions in threads; requests of other kinds share the pool of 40 with them."""
LONGEST_WAIT_S = 1.0
UNMEASURED_S = 0.01
"""Time of a question until it was measured; a guess that allows for a burst of a hundred."""
SMOOTHING = 0.1
"""Weight of the newest measurement."""


class Admission:
    """Lets questions in. Belongs to one event loop.

    Args:
        at_once: How many are answered at a time.
        longest_wait_s: How long one may have to wait for its answer, by what is known.
    """

    def __init__(self, at_once: int = AT_ONCE, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._at_once = at_once
        self._longest_wait_s = longest_wait_s
        self._inside = 0
        self._seconds_each = UNMEASURED_S
        self._last_left: float | None = None
        self.refused = 0
        """How many were not let in."""

    @property
    def wait_s(self) -> float:
        """How long the answer to a question that comes now would take; requests with many share
        the processor with it, so each counts as one."""
        return self._inside * self._seconds_each

    def check(self) -> None:
        """Let a question in, or refuse it; as many as are answered at once always come in.

        Raises:
            Problem: 503 `overloaded`.
        """
        if self._inside >= self._at_once and self.wait_s > self._longest_wait_s:
            self.refused += 1
            raise Problem(503, "overloaded", "more is asked than can be answered; ask again later")

    @asynccontextmanager
    async def turn(self, questions: int = 1) -> AsyncIterator[None]:
        """Wait for a turn, and keep it for the block, which answers so many questions.

        Raises:
            Problem: As `check`.
        """
        self.check()
        self._inside += 1
        try:
            async with self._turns:
                yield
        finally:
            self._inside -= 1
            self._measure(questions)

    def _measure(self, questions: int) -> None:
        """Take the time since the last answer left; only while others wait is it one of work."""
        now = time.monotonic()
        if self._last_left is not None:
            each = (now - self._last_left) / questions
            self._seconds_each += SMOOTHING * (each - self._seconds_each)
        self._last_left = now if self._inside else None


async def admission_of(request: Request) -> Admission:
    """The turns of this server; refuses at once, before a body is read, where there are none.

    Raises:
        Problem: 503 `overloaded`.
    """
    admission: Admission = request.app.state.admission
    admission.check()
    return admission


AdmissionDep = Annotated[Admission, Depends(admission_of)]
