"""The client that awaits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable
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


class AsyncClient(Operations):
    """As `Client`, for asyncio: methods are awaited, iterators are for `async for`."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        collection: str = "default",
        key: str | None = None,
        retries: Retries | None = None,
        timeout_s: float = TIMEOUT_S,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        self.collection = collection
        self._retries = Retries() if retries is None else retries
        self._is_own = http is None
        self._http = (
            httpx2.AsyncClient(base_url=url, timeout=timeout_s, headers=headers_of(key))
            if http is None
            else http
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._is_own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send(self, call: Call[T]) -> T:
        """See `Client.send`."""
        return await self._run(attempts(call, self._retries), self._exchange)

    async def follow(self, steps: Steps[T]) -> T:
        """See `Client.follow`."""
        return await self._run(steps, self.send)

    async def walk(self, pages: Pages[T]) -> AsyncIterator[T]:
        """See `Client.walk`."""
        answer = None
        while True:
            try:
                call = pages.turns.send(answer)
            except StopIteration:
                return
            answer = await self.send(call)
            for each in pages.of(answer):
                yield each

    async def flow(self, together: Together[Iterable[T]]) -> AsyncIterator[T]:
        """See `Client.flow`."""
        async for answer in self._side_by_side(together):
            for each in answer:
                yield each

    async def events(self, job_id: str, last_id: str = "") -> AsyncIterator[Event]:
        """See `Client.events`."""
        reader, failures = EventReader(last_id), 0
        while True:
            try:
                async for event in self._listen(job_id, reader):
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
            await asyncio.sleep(reader.retry_s)

    async def _listen(self, job_id: str, reader: EventReader) -> AsyncIterator[Event]:
        headers = {"Last-Event-ID": reader.last_id} if reader.last_id else {}
        address = path("jobs", job_id, "events")
        async with self._http.stream("GET", address, headers=headers) as response:
            if not response.is_success:
                await response.aread()
                raise error_of(response)
            reader.ended = response.status_code == NOTHING_MORE
            async for line in response.aiter_lines():
                event = reader.feed(line)
                if event is not None:
                    yield event

    async def _run(self, steps: Generator[Any, Any, T], do: Callable[[Call[Any]], Any]) -> T:
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = await self._take(step, do)

    async def _take(self, step: Any, do: Callable[[Call[Any]], Any]) -> Any:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Together):
            return [answer async for answer in self._side_by_side(step)]
        return await do(step)

    async def _side_by_side(self, together: Together[T]) -> AsyncIterator[T]:
        calls = iter(together.calls)
        waiting: deque[asyncio.Task[T]] = deque(
            asyncio.create_task(self.send(each)) for each in islice(calls, together.at_once)
        )
        try:
            while waiting:
                answer = await waiting.popleft()
                waiting.extend(asyncio.create_task(self.send(each)) for each in islice(calls, 1))
                yield answer
        finally:
            for each in waiting:
                each.cancel()

    async def _exchange(self, call: Call[Any]) -> Outcome:
        content = _chunks(call.content) if isinstance(call.content, Path) else call.content
        try:
            request = self._http.build_request(**request_arguments(call), content=content)
            return await self._http.send(request)
        except httpx2.TransportError as error:
            return error


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while chunk := await asyncio.to_thread(opened.read, CHUNK_BYTES):
            yield chunk
