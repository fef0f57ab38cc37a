"""Jobs: work that takes longer than a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any
from uuid import uuid4

from api.client.calls import IDEMPOTENCY_KEY, Call, Pages, Pause, in_bytes, in_json, paged
from api.client.core import FINAL_STATES, Addresses, path
from api.client.methods import iteration, operation, procedure
from api.schemas.jobs import Job, JobPage

LEAST_WAIT_S, LONGEST_WAIT_S = 0.2, 2.0


class JobOperations(Addresses):
    """Operations on jobs."""

    @operation
    def create_job(
        self,
        /,
        kind: str,
        *,
        idempotency_key: str | None = None,
        collection: str | None = None,
        **parameters: Any,
    ) -> Call[Job]:
        """Have the server do something; the job is queued when this returns.

        Args:
            kind: `index`, `tune`, `switch`, `calibrate`, `evaluate`, `duplicates`, `cluster`,
                `mislabelled`, `outliers`, `map`, `rerank`, `snapshot` or `export`.
            idempotency_key: The same for the same job; made here if none is given.
            collection: Another one than the client's.
            parameters: Those of the kind.
        """
        body = {"kind": kind, **parameters}
        headers = {IDEMPOTENCY_KEY: idempotency_key or uuid4().hex}
        return Call("POST", self.at(collection, "jobs"), in_json, json=body, headers=headers)

    @operation
    def list_jobs(
        self,
        *,
        collection: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Call[JobPage]:
        """A page of jobs of all collections or of one, the newest first."""
        filters = {"collection": collection, "kind": kind, "state": state}
        query = {**filters, "limit": limit, "cursor": cursor}
        return Call("GET", path("jobs"), in_json, query=query)

    @iteration
    def jobs(
        self,
        *,
        collection: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> Pages[Job]:
        """All of these jobs; `limit` is how many come at once."""
        query = {"collection": collection, "kind": kind, "state": state, "limit": limit}
        return paged(Call("GET", path("jobs"), in_json, query=query), "jobs")

    @operation
    def get_job(self, job_id: str) -> Call[Job]:
        """How far a job is, and what came of it."""
        return Call("GET", path("jobs", job_id), in_json)

    @operation
    def cancel_job(self, job_id: str) -> Call[Job]:
        """Stop a job; what it has committed stays."""
        return Call("DELETE", path("jobs", job_id), in_json)

    @operation
    def get_job_rejects(self, job_id: str) -> Call[bytes]:
        """What a job refused, as JSON lines."""
        return Call("GET", path("jobs", job_id, "rejects"), in_bytes)

    @operation
    def get_job_file(self, job_id: str, name: str) -> Call[bytes]:
        """A file that a job made."""
        return Call("GET", path("jobs", job_id, "files", name), in_bytes)

    @procedure
    def wait(
        self,
        job_id: str,
        on_progress: Callable[[Job], None] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Generator[Call[Job] | Pause, Job, Job]:
        """Wait until a job has ended, well or not: its `state` tells.

        Args:
            job_id: The job.
            on_progress: Is called with the job whenever something of it has changed.
            timeout_s: Give up after this; the job goes on.

        Raises:
            TimeoutError: It has not ended in time.
        """
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        known, pause_s = None, LEAST_WAIT_S
        while True:
            job = yield JobOperations.get_job.make(self, job_id)
            if job != known and on_progress is not None:
                on_progress(job)
            if job["state"] in FINAL_STATES:
                return job
            if give_up is not None and time.monotonic() > give_up:
                raise TimeoutError(f"job {job_id} is {job['state']} after {timeout_s:g} s")
            pause_s = LEAST_WAIT_S if job != known else min(LONGEST_WAIT_S, pause_s * 1.5)
            known = job
            yield Pause(pause_s)
