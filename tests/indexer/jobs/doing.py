"""Jobs done in the process of a test, by what a worker does."""

from pathlib import Path
from typing import Any

from indexer.jobs.queue import find, submit
from indexer.jobs.work import run_job
from search_engine.catalog.job_rows import Job
from search_engine.catalog.job_writer import start_job
from search_engine.config import Settings
from tests.small_catalog import open_catalog


def do(data: Path, kind: str, collection: str = "default", **params: Any) -> Job:
    """Ask for a job and do it; gives it as it ended."""
    settings = Settings(data=data, workers=1, sources=params.pop("sources", ""))
    with open_catalog(data) as catalog:
        job = submit(catalog, collection, kind, params)
        with catalog.write() as writer:
            start_job(writer, job)
        run_job(settings, job.id)
        return find(catalog, job.id)
