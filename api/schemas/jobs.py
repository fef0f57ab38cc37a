"""Jobs: what was asked for, how far it is, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NotRequired

from typing_extensions import TypedDict

from api.schemas.shape import shape
from api.schemas.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from search_engine.catalog import job_rows

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


@shape
class JobError(TypedDict):
    """Why a job did not do what it should."""

    code: str
    """What happened, for programs; those of problems, and `interrupted`."""
    message: str
    """What happened, for people."""
    fix: NotRequired[str]
    """What can be done about it."""


@shape
class JobFile(TypedDict):
    """A file that a job made."""

    name: str
    """Its name, such as `snapshot.tar`."""
    size_bytes: int
    """How large it is."""
    url: str
    """Where it is served, on this server."""


@shape
class Job(TypedDict):
    """A long run over a collection."""

    id: str
    """Its id; later jobs have greater ones."""
    collection: str
    """The collection that it is about."""
    kind: str
    """What it does, such as `index`."""
    origin: Literal["http", "cli"]
    """Whether a server runs it, or a command line does."""
    state: JobState
    """`done`, `failed`, `cancelled` and `interrupted` are final. An interrupted job of the command
    line goes on when the command is given again."""
    params: dict[str, Any]
    """What was asked for."""
    stage: str | None
    """What is being done; null before it begins."""
    done: int
    """Steps of the stage that are done."""
    total: int | None
    """Steps that the stage has; null where that is not known."""
    per_second: float | None
    """Steps a second since the stage began; null where nothing is being done."""
    seconds_left: float | None
    """How long the stage will take at this speed; null where that is not known."""
    counts: dict[str, int]
    """What came of it so far by name, such as `added`."""
    reasons: dict[str, int]
    """Refused rows by the code of the reason."""
    result: dict[str, Any] | None
    """What the verb of the command line prints with `--json`; null before the end."""
    error: JobError | None
    """Why it failed; null where it did not."""
    files: list[JobFile]
    """What it made besides."""
    cancel_requested: bool
    """Whether it shall stop."""
    attempts: int
    """How often it was started; more than once where a process died or a server ended."""
    version: int
    """Counts its changes: the id of its events."""
    created_at: str
    """When it was asked for (RFC 3339)."""
    started_at: str | None
    """When it was started first; null while it waits."""
    finished_at: str | None
    """When it ended; null before that."""


@shape
class JobPage(TypedDict):
    """Some jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None
    """Leads to the next page; null where this is the last one."""


def job_json(job: job_rows.Job, files: Sequence[Path], now: float) -> Job:
    """A job as of now, seconds since 1970, with the files that it made."""
    per_second = _rate(job, now)
    left = None if job.total is None else max(0, job.total - job.done)
    return {
        "id": job.id,
        "collection": job.collection,
        "kind": job.kind,
        "origin": job.origin,
        "state": job.state,
        "params": dict(job.params),
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "per_second": None if per_second is None else round(per_second, 3),
        "seconds_left": round(left / per_second, 1) if per_second and left is not None else None,
        "counts": dict(job.counts),
        "reasons": dict(job.reasons),
        "result": None if job.result is None else dict(job.result),
        "error": _error(job),
        "files": [_file(job.id, path) for path in files],
        "cancel_requested": job.cancel_requested,
        "attempts": job.attempts,
        "version": job.version,
        "created_at": rfc3339(job.created),
        "started_at": None if job.started is None else rfc3339(job.started),
        "finished_at": None if job.finished is None else rfc3339(job.finished),
    }


def _rate(job: job_rows.Job, now: float) -> float | None:
    """Steps a second of the stage at work; None where there is none."""
    if job.state != "running" or job.staged is None:
        return None
    return job.done / max(now - job.staged, 1e-3)


def _error(job: job_rows.Job) -> JobError | None:
    """The error without the places on our disk that it names."""
    if not job.error:
        return None
    found: JobError = {"code": str(job.error["code"]), "message": str(job.error["message"])}
    if "fix" in job.error:
        found["fix"] = str(job.error["fix"])
    return found


def _file(job_id: str, path: Path) -> JobFile:
    return {
        "name": path.name,
        "size_bytes": path.stat().st_size,
        "url": f"/v1/jobs/{job_id}/files/{path.name}",
    }
