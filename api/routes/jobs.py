"""Jobs: ask for one, list, look, follow, cancel; the files that they made."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, StreamingResponse

from api.bodies import REF_TEMPLATE, union_body
from api.cursors import page_of
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import JSON, read_body
from api.idempotency import PARAMETER, Answer, answer_once
from api.job_events import JobWatch
from api.parameters import CURSOR, Parameters, text, whole
from api.problems import responses
from api.request_names import job_as_requested
from api.schemas.jobs import Job as JobAnswer
from api.schemas.jobs import JobPage, job_json
from api.security.access import ADMIN_JOBS, GrantDep, require
from indexer.jobs import queue
from indexer.jobs.parameters import FIELD_NAMES, KIND_NAMES, IndexJob, read_job, request_schema
from indexer.jobs.sources import check_source
from search_engine.access import Grant
from search_engine.catalog.job_rows import STATES, Job, JobQuery
from search_engine.cursors import read_cursor
from search_engine.engine import SearchEngine
from search_engine.errors import JobNotFoundError, ParameterError
from search_engine.plain_numbers import parse_whole

router = APIRouter(prefix="/v1", tags=["jobs"])

PAGE_JOBS, MAX_PAGE_JOBS = 50, 200
LIST_JOBS = Parameters(
    text("collection", "only jobs of this collection", "default"),
    text("kind", f"only jobs of this kind: {', '.join(KIND_NAMES)}", "index"),
    text("state", f"only jobs of this state: {', '.join(STATES)}", "running"),
    whole("limit", "jobs to a page", PAGE_JOBS, 1, MAX_PAGE_JOBS),
    CURSOR,
)
LINES = "application/x-ndjson"
EVENTS = "text/event-stream"


@router.post(
    "/collections/{c}/jobs",
    status_code=202,
    operation_id="createJob",
    summary="Ask for a job",
    response_model=JobAnswer,
    responses=responses(400, 403, 404, 409, 415, 422, 503, 507),
    dependencies=NO_PARAMETERS,
    openapi_extra={
        **union_body(
            "JobRequest", request_schema(REF_TEMPLATE), "What is to be done, by its kind."
        ),
        "parameters": [PARAMETER],
    },
)
async def create_job(
    request: Request, collection: CollectionDep, engine: EngineDep, grant: GrantDep
) -> Response:
    """It is done beside the server, after others of its collection; `Location` is where it is."""

    async def do() -> Answer:
        given = await read_body(request, FIELD_NAMES, kinds=(JSON,))
        made = await run_in_threadpool(_submit, engine, collection, given.values, grant)
        request.app.state.supervisor.wake()
        return 202, _answer(engine, made)

    return await answer_once(request, engine, do, lambda job: {"Location": f"/v1/jobs/{job['id']}"})


@router.get(
    "/jobs", operation_id="listJobs", summary="Jobs, newest first", responses=responses(422),
    openapi_extra=LIST_JOBS.openapi,
)  # fmt: skip
def list_jobs(request: Request, engine: EngineDep, grant: GrantDep) -> JobPage:
    """Those that wait, those at work, and those that ended within a month."""
    asked = LIST_JOBS.read(request)
    for name, known in (("kind", KIND_NAMES), ("state", STATES)):
        if asked[name] not in (None, *known):
            raise ParameterError("unknown", where=name, fix=f"one of {', '.join(known)}")
    limit, cursor = asked.pop("limit"), asked.pop("cursor")
    before = None if cursor is None else read_cursor(cursor, asked, (str,))[0]
    query = JobQuery(
        collection=asked["collection"],
        collections=grant.collections,
        kind=asked["kind"],
        states=None if asked["state"] is None else (asked["state"],),
        before=before,
        limit=limit + 1,
    )
    found = queue.listed(engine.catalog, query)
    shown, next_cursor = page_of(found, limit, lambda job: (job.id,), asked)
    return {"jobs": [_answer(engine, job) for job in shown], "next_cursor": next_cursor}


@router.get(
    "/jobs/{job_id}",
    operation_id="getJob",
    summary="One job",
    responses=responses(404, 422),
    dependencies=NO_PARAMETERS,
)
def get_job(job_id: str, engine: EngineDep, grant: GrantDep) -> JobAnswer:
    """How far it is, or what came of it."""
    return _answer(engine, _job(engine, job_id, grant))


@router.delete(
    "/jobs/{job_id}",
    status_code=202,
    operation_id="cancelJob",
    summary="Cancel a job",
    responses=responses(404, 409, 422, 503),
    dependencies=NO_PARAMETERS,
)
def cancel_job(request: Request, job_id: str, engine: EngineDep, grant: GrantDep) -> JobAnswer:
    """One at work stops within two seconds; what it committed stays."""
    _check_kind(_job(engine, job_id, grant).kind, grant)
    job = queue.cancel(engine.catalog, job_id)
    request.app.state.supervisor.wake()
    return _answer(engine, job)


@router.get(
    "/jobs/{job_id}/events",
    operation_id="watchJob",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: `progress` with the job, whenever something "
            "changed, and one named by its state when it has ended, which is the last. Their ids "
            "are versions of the job: `Last-Event-ID` goes on behind one.",
            "content": {EVENTS: {"schema": {"type": "string"}}},
        },
        204: {"description": "Nothing more will happen: the client has the last event"},
        **responses(404, 422),
    },
    dependencies=NO_PARAMETERS,
    openapi_extra={
        "parameters": [
            {
                "name": "Last-Event-ID",
                "in": "header",
                "required": False,
                "description": "The id of the last event that was received",
                "schema": {"type": "integer", "minimum": 0},
            }
        ]
    },
)
async def watch_job(request: Request, job_id: str, engine: EngineDep, grant: GrantDep) -> Response:
    """What happens to a job, as it happens."""
    known = _last_event(request.headers.get("last-event-id"))
    job = await run_in_threadpool(_job, engine, job_id, grant)
    if job.is_finished and job.version <= known:
        return Response(status_code=204)
    if request.scope.get("head_only"):
        return Response(media_type=EVENTS)
    watch: JobWatch = request.app.state.job_watch
    return StreamingResponse(watch.events(job, known), media_type=EVENTS)


@router.get(
    "/jobs/{job_id}/rejects",
    operation_id="getJobRejects",
    summary="The rows that a job refused",
    response_class=FileResponse,
    responses={
        200: {
            "description": "A line of JSON for each row: `line`, `item_id`, `code`, `reason`",
            "content": {LINES: {"schema": {"type": "string"}}},
        },
        **responses(404, 422),
    },
    dependencies=NO_PARAMETERS,
)
def get_job_rejects(job_id: str, engine: EngineDep, grant: GrantDep) -> FileResponse:
    """Of an `index` or `evaluate` job that has ended."""
    return FileResponse(_file(engine, job_id, queue.REJECTS, grant), media_type=LINES)


@router.get(
    "/jobs/{job_id}/files/{file_name}",
    operation_id="getJobFile",
    summary="A file that a job made",
    response_class=FileResponse,
    responses={
        200: {
            "description": "The file",
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        },
        **responses(404, 422),
    },
    dependencies=NO_PARAMETERS,
)
def get_job_file(job_id: str, file_name: str, engine: EngineDep, grant: GrantDep) -> FileResponse:
    """Such as the snapshot; `files` of the job names them."""
    path = _file(engine, job_id, file_name, grant)
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


def _submit(engine: SearchEngine, collection: str, given: Mapping[str, Any], grant: Grant) -> Job:
    """Check what is asked for, and let it wait."""
    asked = read_job(given)
    _check_kind(asked.kind, grant)
    if not isinstance(asked, IndexJob):
        engine.catalog.collection(collection)
    check_source(engine.settings, collection, getattr(asked, "source", None))
    params = asked.model_dump(mode="json", exclude={"kind"}, exclude_defaults=True)
    return queue.submit(engine.catalog, collection, asked.kind, params)


def _answer(engine: SearchEngine, job: Job) -> JobAnswer:
    files = queue.files_of(engine.catalog.paths, job.id)
    return job_as_requested(job_json(job, files, time.time()))


def _job(engine: SearchEngine, job_id: str, grant: Grant) -> Job:
    """A job, as far as the request may know of its collection."""
    job = queue.find(engine.catalog, job_id)
    if not grant.covers(job.collection):
        raise JobNotFoundError("there is no job of this id")
    return job


def _check_kind(kind: str, grant: Grant) -> None:
    """Refuse kinds that need more than the route.

    Raises:
        HTTPException: 403.
    """
    if kind in ADMIN_JOBS:
        require(grant, "admin")


def _file(engine: SearchEngine, job_id: str, name: str, grant: Grant) -> Path:
    """A file of a job; a snapshot holds more than who may read one collection may see."""
    job = _job(engine, job_id, grant)
    _check_kind(job.kind, grant)
    return queue.file_of(engine.catalog.paths, job.id, name)


def _last_event(given: str | None) -> int:
    """The version that the client has; 0 for none.

    Raises:
        ParameterError: It is no id of an event.
    """
    if not given:
        return 0  # browsers send an empty one where no event has come yet
    number = parse_whole(given)
    if number is None or number < 0:
        raise ParameterError("not the id of an event", where="Last-Event-ID")
    return number
