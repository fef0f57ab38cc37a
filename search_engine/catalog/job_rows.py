"""Jobs as they are kept: long runs over a collection, waiting, at work and finished."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Row, func, select

from search_engine.catalog.damaged import Damaged
from search_engine.catalog.tables import jobs
from search_engine.errors import JobNotFoundError

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
Origin = Literal["http", "cli"]

STATES: tuple[State, ...] = get_args(State)
UNFINISHED: tuple[State, ...] = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as of its last change; times are seconds since 1970.

    `id` is a text of hexadecimal digits, and later jobs have greater ones. `stage` is what is being
    done, `done` of `total` steps of it since `staged`. `counts` are what came of it so far by name,
    `reasons` the refused rows by code. `result` is what the verb prints as JSON; `error` has
    `code`, `message` and `fix`. `version` counts the changes of the job.

    `deaths` are the processes that died in a row without getting further than one before them, and
    `reached` says how far that was.
    """

    id: str
    collection: str
    kind: str
    origin: Origin
    state: State
    created: float
    updated: float
    version: int
    params: Mapping[str, Any] = field(default_factory=dict)
    stage: str | None = None
    done: int = 0
    total: int | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    started: float | None = None
    staged: float | None = None
    finished: float | None = None
    deaths: int = 0
    reached: Mapping[str, Any] | None = None
    attempts: int = 0
    cancel_requested: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in UNFINISHED


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs are asked for; what is None may be any. `before` is the id that ends a page."""

    collection: str | None = None
    collections: Collection[str] | None = None
    kind: str | None = None
    states: Sequence[State] | None = None
    origin: Origin | None = None
    before: str | None = None
    limit: int | None = None


def jobs_in(connection: Connection, query: JobQuery) -> list[Job]:
    """The jobs that a query asks for, newest first."""
    wanted = {"collection": query.collection, "kind": query.kind, "origin": query.origin}
    statement = select(jobs).order_by(jobs.c.id.desc()).limit(query.limit)
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(jobs.c[name] == value)
    if query.collections is not None:
        statement = statement.where(jobs.c.collection.in_(sorted(query.collections)))
    if query.states is not None:
        statement = statement.where(jobs.c.state.in_(query.states))
    if query.before is not None:
        statement = statement.where(jobs.c.id < query.before)
    return [_job(row) for row in connection.execute(statement)]


def job_in(connection: Connection, job_id: str) -> Job:
    """The job of an id.

    Raises:
        JobNotFoundError: There is none.
    """
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).first()
    if row is None:
        raise JobNotFoundError("there is no job of this id", fix="`eyedex jobs` lists them")
    return _job(row)


def jobs_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Job]:
    """Jobs by id; unknown ones are left out."""
    rows = connection.execute(select(jobs).where(jobs.c.id.in_(ids)))
    return {row.id: _job(row) for row in rows}


def count_by_state(connection: Connection) -> dict[str, int]:
    """How many jobs are in each state, those without any included."""
    counted = connection.execute(
        select(jobs.c.state, func.count().label("number")).group_by(jobs.c.state)
    )
    return dict.fromkeys(STATES, 0) | {row.state: row.number for row in counted}


def _job(row: Row[*tuple[Any, ...]]) -> Job:
    """The job of a row; an object that cannot be read is an empty one."""
    known = {n: {} if isinstance(value, Damaged) else value for n, value in row._mapping.items()}
    return Job(**known)
