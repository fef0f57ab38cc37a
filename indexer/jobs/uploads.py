"""Uploads that jobs name: kept from expiring while a job waits or reads."""

from collections.abc import Iterable
from contextlib import suppress

from indexer.staging import Staging
from search_engine.catalog.job_rows import Job
from search_engine.config import Settings
from search_engine.errors import EyedexError
from search_engine.storage.paths import DataPaths


def staging_of(settings: Settings) -> Staging:
    """The uploads of a data directory."""
    return Staging(DataPaths(settings.data), settings)


def keep_uploads(settings: Settings, jobs: Iterable[Job]) -> None:
    """Let the uploads of jobs expire later; one that is gone is for its job to say."""
    staging = staging_of(settings)
    for job in jobs:
        source = job.params.get("source")
        if isinstance(source, dict) and isinstance(upload := source.get("upload"), str):
            with suppress(EyedexError):
                staging.keep(job.collection, upload)
