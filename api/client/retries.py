"""When a request is repeated, and after which while."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias, TypeVar

import httpx2

from api.client.calls import Call, Pause
from api.client.errors import error_of, no_answer

T = TypeVar("T")

REPEATED = frozenset((429, 502, 503, 504))
STILL_AT_WORK = (409, "idempotency_key_in_use")
"""Of a request that was sent before, whose answer did not arrive."""

Outcome: TypeAlias = "httpx2.Response | httpx2.TransportError"


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is repeated that got no answer, or 429, 502, 503 or 504.

    The wait doubles from `first_s` to `longest_s`, and is a random part of that, so that clients
    that failed together do not come back together; `Retry-After` is honoured up to `patience_s`.
    What may not be done twice is never repeated.
    """

    times: int = 4
    first_s: float = 0.25
    longest_s: float = 8.0
    patience_s: float = 60.0

    def wait_s(self, attempt: int, outcome: Outcome) -> float:
        """Seconds before the next attempt; the first one has the number 0."""
        backed_off = min(self.longest_s, self.first_s * 2**attempt)
        jittered = backed_off * random.uniform(0.5, 1.0)
        return float(max(jittered, _retry_after_s(outcome)))

    def again(self, call: Call[T], attempt: int, outcome: Outcome) -> bool:
        """Whether a call is sent again after this."""
        if attempt >= self.times or not call.may_be_repeated:
            return False
        if isinstance(outcome, httpx2.TransportError):
            return not isinstance(outcome, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol)
        if outcome.status_code == STILL_AT_WORK[0]:
            return error_of(outcome).code == STILL_AT_WORK[1]
        return outcome.status_code in REPEATED and _retry_after_s(outcome) <= self.patience_s


def attempts(call: Call[T], retries: Retries) -> Generator[Call[T] | Pause, Outcome, T]:
    """Send a call until it is answered, or not to be repeated; then read the answer.

    Raises:
        ApiError: The answer is a problem, or there is none.
    """
    for attempt in count():
        outcome = yield call
        if not retries.again(call, attempt, outcome):
            return _read(call, outcome)
        yield Pause(retries.wait_s(attempt, outcome))
    raise AssertionError("an endless loop ended")


def _read(call: Call[T], outcome: Outcome) -> T:
    if isinstance(outcome, httpx2.TransportError):
        raise no_answer(outcome) from outcome
    if not outcome.is_success:
        raise error_of(outcome)
    return call.read(outcome)


def _retry_after_s(outcome: Outcome) -> float:
    if isinstance(outcome, httpx2.TransportError):
        return 0.0
    text = outcome.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
