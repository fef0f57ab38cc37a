"""How jobs change; each function is part of the transaction of a writer, and takes no sequence
number, as nothing that is searched changes."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from search_engine.catalog.job_rows import UNFINISHED, Job, Origin, State, job_in
from search_engine.catalog.tables import jobs
from search_engine.catalog.writer import CatalogWriter
from search_engine.errors import JobFinishedError

RANDOM_BITS = 80


def add_job(
    writer: CatalogWriter, collection: str, kind: str, params: Mapping[str, Any], origin: Origin
) -> Job:
    """Add a job that waits, with an id that is greater than all before."""
    now = time.time()
    row: dict[str, Any] = {
        "id": _next_id(writer, now),
        "collection": collection,
        "kind": kind,
        "params": dict(params),
        "origin": origin,
        "state": "queued",
        "counts": {},
        "reasons": {},
        "created": now,
        "updated": now,
        "version": 1,
    }
    writer.connection.execute(insert(jobs).values(row))
    return job_in(writer.connection, row["id"])


def count_queued(writer: CatalogWriter) -> int:
    """How many jobs wait."""
    waiting = select(func.count()).where(jobs.c.state == "queued")
    return int(writer.connection.execute(waiting).scalar_one())


def change_job(
    writer: CatalogWriter, job_id: str, *, only: Sequence[State] = UNFINISHED, **values: Any
) -> bool:
    """Change columns of a job, if its state is one of `only`; says whether it was."""
    this = (jobs.c.id == job_id) & jobs.c.state.in_(only)
    changed = writer.connection.execute(
        update(jobs).where(this).values(**values, updated=time.time(), version=jobs.c.version + 1)
    )
    return changed.rowcount > 0


def start_job(writer: CatalogWriter, job: Job) -> bool:
    """Let a waiting job be at work, now or once more; says whether it still waited.

    In PostgreSQL one that another transaction is about to start is passed over without waiting.
    """
    waits = select(jobs.c.id).where(jobs.c.id == job.id, jobs.c.state == "queued")
    if writer.connection.execute(waits.with_for_update(skip_locked=True)).first() is None:
        return False
    return change_job(
        writer,
        job.id,
        only=("queued",),
        state="running",
        started=job.started or time.time(),
        attempts=job.attempts + 1,
    )


def end_job(
    writer: CatalogWriter,
    job_id: str,
    state: State,
    *,
    only: Sequence[State] = UNFINISHED,
    **values: Any,
) -> bool:
    """Let a job be finished; one that is already stays as it is."""
    return change_job(writer, job_id, only=only, state=state, finished=time.time(), **values)


def cancel_job(writer: CatalogWriter, job_id: str) -> Job:
    """Ask a job to stop; one that still waits is cancelled at once.

    Raises:
        JobNotFoundError: There is none of this id.
        JobFinishedError: It has ended already.
    """
    found = job_in(writer.connection, job_id)
    if found.is_finished:
        raise JobFinishedError(f"the job has ended already: it is {found.state}")
    if found.state == "queued":
        end_job(writer, job_id, "cancelled", cancel_requested=True)
    elif not found.cancel_requested:
        change_job(writer, job_id, cancel_requested=True)
    return job_in(writer.connection, job_id)


def cancel_jobs_of(writer: CatalogWriter, collection: str) -> None:
    """Cancel the jobs that wait for a collection, as it is about to go."""
    waiting = select(jobs.c.id).where(jobs.c.collection == collection, jobs.c.state == "queued")
    for job_id in writer.connection.execute(waiting).scalars().all():
        error = {"code": "collection_not_found", "message": "the collection was deleted"}
        end_job(writer, job_id, "cancelled", error=error)


def remove_jobs(writer: CatalogWriter, ids: Sequence[str]) -> None:
    """Delete rows of jobs."""
    writer.connection.execute(delete(jobs).where(jobs.c.id.in_(ids)))


def _next_id(writer: CatalogWriter, now: float) -> str:
    """Milliseconds, then random bits; above the last one, whatever the clock says."""
    drawn = (round(now * 1_000) << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
    last = writer.connection.execute(select(func.max(jobs.c.id))).scalar()
    return f"{max(drawn, int(last or '0', 16) + 1):032x}"
