"""Jobs as others see and ask for them: waiting, listed, cancelled, and those that died told so."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from search_engine.catalog.job_rows import Job, JobQuery, Origin, job_in, jobs_in
from search_engine.catalog.job_writer import (
    add_job,
    cancel_job,
    change_job,
    count_queued,
    end_job,
    remove_jobs,
)
from search_engine.catalog.store import Catalog
from search_engine.errors import JobNotFoundError, TooManyJobsError
from search_engine.storage.locks import is_held
from search_engine.storage.paths import DataPaths

KEPT_JOBS = 1_000
KEPT_S = 30 * 24 * 3600.0
"""Finished jobs are removed when they are older, or more."""
MOST_QUEUED = 1_000
"""So many jobs may wait for the server; runs of the command line wait for nobody."""
MOST_DEATHS = 10
"""So many processes of a job may die in a row without getting further than one before."""
REJECTS = "rejects.jsonl"
DIED = {
    "code": "interrupted",
    "message": "its process was killed",
    "fix": "run the command again: what was committed stays",
}
WAITS = {
    "code": "interrupted",
    "message": "its process was killed",
    "fix": "`eyedex serve` goes on with it",
}
WORN_OUT = {
    "code": "worker_lost",
    "message": f"its process died {MOST_DEATHS} times in a row without getting further",
    "fix": "the log of the server has what it said; most often memory did not suffice, or a file "
    "is damaged in a way that ends the process",
}


def submit(
    catalog: Catalog,
    collection: str,
    kind: str,
    params: Mapping[str, Any],
    origin: Origin = "http",
) -> Job:
    """Add a job that waits for its turn.

    Raises:
        TooManyJobsError: Too many wait already.
        ReadOnlyError, LockHeldError, StorageError: It cannot be written.
    """
    with catalog.write(in_turn=False) as writer:
        if origin == "http" and count_queued(writer) >= MOST_QUEUED:
            raise TooManyJobsError(
                f"{MOST_QUEUED:,} jobs wait already", fix="let some end, or cancel some"
            )
        return add_job(writer, collection, kind, params, origin)


def find(catalog: Catalog, job_id: str) -> Job:
    """The job of an id, as it is.

    Raises:
        JobNotFoundError: There is none.
    """
    with catalog.read() as connection:
        return told(catalog.paths, job_in(connection, job_id))


def listed(catalog: Catalog, query: JobQuery) -> list[Job]:
    """The jobs that a query asks for, newest first, as they are."""
    with catalog.read() as connection:
        return [told(catalog.paths, job) for job in jobs_in(connection, query)]


def told(paths: DataPaths, job: Job) -> Job:
    """The job as it is: one whose process died is not running, whatever its row says.

    Those of a server are as they are said to be while one looks after them.
    """
    looked_after = job.origin == "http" and is_held(paths.supervisor_lock)
    if job.state != "running" or looked_after or is_alive(paths, job):
        return job
    return replace(job, state="interrupted", error=DIED if job.origin == "cli" else WAITS)


def is_alive(paths: DataPaths, job: Job) -> bool:
    """Whether a process runs the job."""
    return is_held(paths.job_lock(job.id))


def cancel(catalog: Catalog, job_id: str) -> Job:
    """Ask a job to stop; one that waits or whose process died is cancelled at once.

    Raises:
        JobNotFoundError: There is none of this id.
        JobFinishedError: It has ended already.
    """
    with catalog.write(in_turn=False) as writer:
        job = cancel_job(writer, job_id)
        if job.state == "running" and not is_alive(catalog.paths, job):
            end_job(writer, job_id, "cancelled")
        return job_in(writer.connection, job_id)


def note_death(catalog: Catalog, job: Job) -> None:
    """Decide what becomes of a job whose process died: again, unless that was tried too often.

    Whoever runs it goes on where the process before stopped.
    """
    reached = dict(job.reached or {})
    stage, left = job.stage or "", (job.total or 0) - job.done
    further = stage not in reached or left < reached[stage]
    deaths = 1 if further else job.deaths + 1
    reached[stage] = min(left, reached.get(stage, left))
    values: dict[str, Any] = {"deaths": deaths, "reached": reached}
    with catalog.write(in_turn=False) as writer:
        if job_in(writer.connection, job.id).cancel_requested:
            end_job(writer, job.id, "cancelled", only=("running",))
        elif job.origin == "cli":
            end_job(writer, job.id, "interrupted", error=DIED)
        elif deaths >= MOST_DEATHS:
            end_job(writer, job.id, "failed", only=("running",), error=WORN_OUT, **values)
        else:
            change_job(writer, job.id, only=("running",), state="queued", **values)


def remove_old(catalog: Catalog, now: float | None = None) -> None:
    """Remove finished jobs that are older than a month or beyond a thousand, with their files."""
    now = time.time() if now is None else now
    with catalog.read() as connection:
        finished = [job for job in jobs_in(connection, JobQuery()) if job.is_finished]
    old = [
        job.id
        for number, job in enumerate(finished)
        if number >= KEPT_JOBS or now - (job.finished or job.updated) > KEPT_S
    ]
    if old:
        with catalog.write(in_turn=False) as writer:
            remove_jobs(writer, old)
    for job_id in old:
        shutil.rmtree(catalog.paths.job_files(job_id), ignore_errors=True)


def files_of(paths: DataPaths, job_id: str) -> Sequence[Path]:
    """The files that a job made, by name."""
    folder = paths.job_files(job_id)
    return sorted(one for one in folder.glob("*") if one.is_file() and one.name[0] != ".")


def file_of(paths: DataPaths, job_id: str, name: str) -> Path:
    """One of the files that a job made.

    Raises:
        JobNotFoundError: It has none of this name.
    """
    for path in files_of(paths, job_id):
        if path.name == name:
            return path
    raise JobNotFoundError("the job has no such file", fix="`files` of the job names them")
