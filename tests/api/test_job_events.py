"""Following jobs: one look at the table for all clients, and no thread for any of them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

from api.job_events import JobWatch
from indexer.jobs.queue import submit
from search_engine.catalog.job_writer import change_job, end_job
from tests.small_catalog import open_catalog

CLIENTS = 64


async def following(events: AsyncIterator[bytes]) -> tuple[str, int]:
    """The next event of one client: its name, and how much is done."""
    async for event in events:
        lines = dict(line.split(": ", 1) for line in event.decode().splitlines() if ": " in line)
        if "data" in lines:
            return lines["event"], json.loads(lines["data"])["done"]
    raise AssertionError("the events have ended")


def test_many_clients_follow_each_change_without_threads(tmp_path: Path) -> None:
    with open_catalog(tmp_path / "data") as catalog:
        job = submit(catalog, "followed", "index", {}, "cli")

        async def follow() -> None:
            watch = JobWatch(catalog, lambda: False)
            clients = [watch.events(job, job.version - 1) for _ in range(CLIENTS)]

            async def next_of_all() -> set[tuple[str, int]]:
                return set(await asyncio.gather(*map(following, clients)))

            assert await next_of_all() == {("progress", 0)}
            with catalog.write() as writer:
                change_job(writer, job.id, stage="a", done=1, total=2)
            assert await next_of_all() == {("progress", 1)}
            assert threading.active_count() <= before + 1  # the one that looks
            with catalog.write() as writer:
                end_job(writer, job.id, "done")
            assert await next_of_all() == {("done", 1)}
            await watch.close()

        before = threading.active_count()
        asyncio.run(follow())
