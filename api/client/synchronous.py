"""The client that waits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2

from api.client.calls import Call, Pages, Pause, Steps, Together
from api.client.core import (
    DEFAULT_URL,
    FINAL_STATES,
    TIMEOUT_S,
    headers_of,
    path,
    request_arguments,
)
from api.client.errors import error_of, no_answer
from api.client.events import NOTHING_MORE, Event, EventReader
from api.client.operations import Operations
from api.client.retries import Outcome, Retries, attempts

T = TypeVar("T")

CHUNK_BYTES = 2**20


class Client(Operations):
    """The HTTP API of a server; connections are kept until `close`, threads may share it.

    Args:
        url: Where the server is.
        collection: The one that methods are about unless they name another.
        key: Of `eyedex keys create`, where the server asks for one.
        retries: How requests are repeated that may be.
        timeout_s: How long an answer may take.
        http: Sends the requests instead of a client of its own, and is left open.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        collection: str = "default",
        key: str | None = None,
        retries: Retries | None = None,
        timeout_s: float = TIMEOUT_S,
        http: httpx2.Client | None = None,
    ) -> None:
        self.collection = collection
        self._retries = Retries() if retries is None else retries
        self._is_own = http is None
        self._http = (
            httpx2.Client(base_url=url, timeout=timeout_s, headers=headers_of(key))
            if http is None
            else http
        )

    def close(self) -> None:
        """Close the connections."""
        if self._is_own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, call: Call[T]) -> T:
        """Send a call and read its answer.

        Raises:
            ApiError: The answer is a problem, or there is none.
        """
        return self._run(attempts(call, self._retries), self._exchange)

    def follow(self, steps: Steps[T]) -> T:
        """Take steps to their end."""
        return self._run(steps, self.send)

    def walk(self, pages: Pages[T]) -> Iterator[T]:
        """What is on pages, one page after the other."""
        answer = None
        while True:
            try:
                call = pages.turns.send(answer)
            except StopIteration:
                return
            answer = self.send(call)
            yield from pages.of(answer)

    def flow(self, together: Together[Iterable[T]]) -> Iterator[T]:
        """What is in the answers of calls that are sent side by side, in their order."""
        for answer in self._side_by_side(together):
            yield from answer

    def events(self, job_id: str, last_id: str = "") -> Iterator[Event]:
        """What happens to a job, until it has ended; a broken stream is resumed where it broke.

        Args:
            job_id: The job.
            last_id: `id` of the last event that is known already.
        """
        reader, failures = EventReader(last_id), 0
        while True:
            try:
                for event in self._listen(job_id, reader):
                    failures = 0
                    yield event
                    if event["data"].get("state") in FINAL_STATES:
                        return
            except httpx2.TransportError as error:
                if failures >= self._retries.times:
                    raise no_answer(error) from error
            if reader.ended:
                return
            failures += 1
            time.sleep(reader.retry_s)

    def _listen(self, job_id: str, reader: EventReader) -> Iterator[Event]:
        headers = {"Last-Event-ID": reader.last_id} if reader.last_id else {}
        address = path("jobs", job_id, "events")
        with self._http.stream("GET", address, headers=headers) as response:
            if not response.is_success:
                response.read()
                raise error_of(response)
            reader.ended = response.status_code == NOTHING_MORE
            for line in response.iter_lines():
                event = reader.feed(line)
                if event is not None:
                    yield event

    def _run(self, steps: Generator[Any, Any, T], do: Callable[[Call[Any]], Any]) -> T:
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = self._take(step, do)

    def _take(self, step: Any, do: Callable[[Call[Any]], Any]) -> Any:
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        if isinstance(step, Together):
            return list(self._side_by_side(step))
        return do(step)

    def _side_by_side(self, together: Together[T]) -> Iterator[T]:
        calls = iter(together.calls)
        with ThreadPoolExecutor(together.at_once) as threads:
            waiting: deque[Future[T]] = deque(
                threads.submit(self.send, each) for each in islice(calls, together.at_once)
            )
            try:
                while waiting:
                    answer = waiting.popleft().result()
                    waiting.extend(threads.submit(self.send, each) for each in islice(calls, 1))
                    yield answer
            finally:
                for each in waiting:
                    each.cancel()

    def _exchange(self, call: Call[Any]) -> Outcome:
        content = _chunks(call.content) if isinstance(call.content, Path) else call.content
        try:
            request = self._http.build_request(**request_arguments(call), content=content)
            return self._http.send(request)
        except httpx2.TransportError as error:
            return error


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            yield chunk
