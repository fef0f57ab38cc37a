"""How jobs go, as server-sent events: one look at the table a moment, however many clients wait."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

from fastapi.concurrency import run_in_threadpool

from api.request_names import job_as_requested
from api.schemas.jobs import job_json
from indexer.jobs.queue import files_of, told
from search_engine.catalog.job_rows import Job, jobs_by_id
from search_engine.catalog.store import Catalog
from search_engine.errors import EyedexError

log = logging.getLogger(__name__)

LOOK_S = 0.5
KEEP_ALIVE_S = 15.0
RETRY_MS = 2_000
"""So long a client shall wait before it connects again."""


class JobWatch:
    """Follows jobs for any number of clients of one server.

    `is_stopping` says that the server waits for its connections to end.
    """

    def __init__(self, catalog: Catalog, is_stopping: Callable[[], bool]) -> None:
        self._catalog = catalog
        self._is_stopping = is_stopping
        self._watched: Counter[str] = Counter()
        self._found: dict[str, Job] = {}
        self._looks = 0
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def events(self, job: Job, known: int) -> AsyncIterator[bytes]:
        """The events of a job, the first as it is now, the last when it has ended.

        Args:
            job: As it was found.
            known: The version that the client has; nothing older is told, nor itself.
        """
        yield f"retry: {RETRY_MS}\n\n".encode()
        self._watched[job.id] += 1
        try:
            self._found.setdefault(job.id, job)
            self._follow()
            while True:
                if job.version > known:
                    yield self._event(job)
                    known = job.version
                if job.is_finished:
                    return
                following = await self._next(job.id, known)
                if following is None:
                    if self._closed or job.id not in self._found:
                        return
                    yield b": nothing new\n\n"
                else:
                    job = following
        finally:
            self._watched[job.id] -= 1
            if not self._watched[job.id]:
                del self._watched[job.id]
                self._found.pop(job.id, None)

    async def close(self) -> None:
        """Let all clients go; they may connect to the next server."""
        if self._task is not None:
            self._task.cancel()
        await self._let_go()

    async def _let_go(self) -> None:
        self._closed = True
        async with self._changed:
            self._changed.notify_all()

    async def _next(self, job_id: str, known: int) -> Job | None:
        """The job when it has changed; None after a while, or where nothing more will come."""

        def has_changed() -> bool:
            job = self._found.get(job_id)
            return self._closed or job is None or job.version > known

        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(has_changed), KEEP_ALIVE_S)
            except TimeoutError:
                return None
        return None if self._closed else self._found.get(job_id)

    def _follow(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """Read the watched jobs again and again, as long as somebody watches."""
        while self._watched:
            await asyncio.sleep(LOOK_S)
            watched = list(self._watched)
            if self._is_stopping():
                await self._let_go()
                return
            try:
                found = await run_in_threadpool(self._read, watched)
            except EyedexError as error:
                log.warning("jobs cannot be followed: %s", error)
                continue
            async with self._changed:
                for job_id in watched:
                    if job_id in found:
                        self._found[job_id] = found[job_id]
                    else:
                        self._found.pop(job_id, None)
                self._changed.notify_all()

    def _read(self, ids: list[str]) -> dict[str, Job]:
        with self._catalog.read() as connection:
            return {
                job_id: told(self._catalog.paths, job)
                for job_id, job in jobs_by_id(connection, ids).items()
            }

    def _event(self, job: Job) -> bytes:
        name = job.state if job.is_finished else "progress"
        files = files_of(self._catalog.paths, job.id)
        body = json.dumps(job_as_requested(job_json(job, files, time.time())), ensure_ascii=False)
        return f"id: {job.version}\nevent: {name}\ndata: {body}\n\n".encode()
