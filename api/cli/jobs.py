"""The verbs `eyedex jobs ...`: the long runs of a data directory, whoever started them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import Exit, exit_code
from api.cli.options import DataOption, JsonOption, settings_from
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress
from api.cli.terminal.wording import counted, duration, rejected
from search_engine.errors import ParameterError

if TYPE_CHECKING:
    from api.schemas.jobs import Job as JobAnswer
    from search_engine.catalog.job_rows import Job
    from search_engine.catalog.store import Catalog

LOOK_S = 0.5
SHOWN = 20

IdArgument = Annotated[str, typer.Argument(help="Of `eyedex jobs`.", metavar="ID")]

jobs = typer.Typer(
    help="List, follow and cancel long runs.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@jobs.callback()
def list_by_default(
    context: typer.Context, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """List, follow and cancel long runs."""
    if context.invoked_subcommand is None:
        list_jobs(data, as_json=as_json)
    elif data is not None or as_json:
        verb = context.invoked_subcommand
        raise ParameterError(
            f"options of a verb stand behind it: eyedex jobs {verb} ...",
            where="--data" if data is not None else "--json",
        )


@jobs.command("list")
def list_jobs(
    data: DataOption = None,
    collection: Annotated[
        str | None, typer.Option("--collection", help="Only of this one.", metavar="NAME")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="At most so many.", metavar="N")
    ] = SHOWN,
    as_json: JsonOption = False,
) -> None:
    """The newest jobs, those that wait and those that ended too."""
    from indexer.jobs.queue import listed
    from search_engine.catalog.job_rows import JobQuery

    with _opened(data) as catalog:
        found = listed(catalog, JobQuery(collection=collection, limit=limit))
        answers = [_answer(catalog, job) for job in found]
    if as_json:
        print_json({"jobs": answers})
        return
    print_table(
        ("id", "kind", "collection", "state", "progress"),
        [(one["id"], one["kind"], one["collection"], one["state"], _far(one)) for one in answers],
        whole="id",
    )


@jobs.command("show")
def show_job(job_id: IdArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """One job: what was asked for, how far it is, what came of it."""
    from indexer.jobs.queue import find

    with _opened(data) as catalog:
        answer = _answer(catalog, find(catalog, job_id))
    if as_json:
        print_json(answer)
    else:
        _print(answer)


@jobs.command("follow")
def follow_job(job_id: IdArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show how a job goes until it has ended; Ctrl-C ends the showing only."""
    from indexer.jobs.queue import find

    with _opened(data) as catalog:
        job = find(catalog, job_id)
        while not job.is_finished:
            with progress(job.stage or job.state, job.total or 1) as advance:
                job = _follow_stage(catalog, job, advance)
        answer = _answer(catalog, job)
    if as_json:
        print_json(answer)
    else:
        _print(answer)
    code = _exit(answer)
    if code:
        raise typer.Exit(code)


@jobs.command("cancel")
def cancel_job(job_id: IdArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Let a job stop; what it committed stays."""
    from indexer.jobs.queue import cancel

    with _opened(data) as catalog:
        answer = _answer(catalog, cancel(catalog, job_id))
    if as_json:
        print_json(answer)
    elif answer["state"] == "cancelled":
        print("cancelled")
    else:
        print("told to stop; it does within two seconds")


@contextmanager
def _opened(data: Any) -> "Iterator[Catalog]":
    """The catalog of a data directory that is there: to ask creates nothing."""
    from search_engine.catalog.store import Catalog

    settings = settings_from(data)
    with Catalog(
        settings.paths,
        settings.lock_wait_s,
        create=False,
        read_only=settings.read_only,
    ) as catalog:
        yield catalog


def _answer(catalog: "Catalog", job: "Job") -> "JobAnswer":
    from api.schemas.jobs import job_json
    from indexer.jobs.queue import files_of

    return job_json(job, files_of(catalog.paths, job.id), time.time())


def _follow_stage(catalog: "Catalog", job: "Job", advance: Any) -> "Job":
    """Show a stage of a job until it ends; gives the job as it is then."""
    from indexer.jobs.queue import find

    advance(job.done)
    stage, shown = (job.state, job.stage, job.total), job.done
    while (job.state, job.stage, job.total) == stage:
        time.sleep(LOOK_S)
        job = find(catalog, job.id)
        if (job.state, job.stage, job.total) == stage:
            advance(job.done - shown)
            shown = job.done
    return job


def _far(answer: "JobAnswer") -> str:
    """How far a job is, in a few words."""
    error = answer["error"]
    if error is not None:
        return error["code"]
    if answer["state"] != "running" or answer["stage"] is None:
        return ""
    left = answer["seconds_left"]
    soon = f", {duration(left)} left" if left is not None else ""
    total = "" if answer["total"] is None else f" of {answer['total']:,}"
    return f"{answer['stage']}: {answer['done']:,}{total}{soon}"


def _print(answer: "JobAnswer") -> None:
    """A job for people: a line for each thing to know."""
    print(f"{answer['kind']} of {answer['collection']}: {answer['state']}")
    if _far(answer) and answer["error"] is None:
        print(_far(answer))
    if answer["counts"]:
        print(", ".join(f"{count:,} {name}" for name, count in answer["counts"].items()))
    if answer["reasons"]:
        print(rejected(sum(answer["reasons"].values()), answer["reasons"]))
    error = answer["error"]
    if error is not None:
        fix = f"; {error['fix']}" if "fix" in error else ""
        print(f"{error['code']}: {error['message']}{fix}")
    if answer["files"]:
        names = ", ".join(one["name"] for one in answer["files"])
        print(f"{counted(len(answer['files']), 'file')}: {names}")


def _exit(answer: "JobAnswer") -> int:
    """The exit code of a verb that would have ended so."""
    from search_engine import errors

    if answer["state"] == "done":
        return Exit.SOME_REJECTED if answer["reasons"] else Exit.OK
    if answer["state"] != "failed" or answer["error"] is None:
        return Exit.INTERRUPTED
    for kind in vars(errors).values():
        if isinstance(kind, type) and getattr(kind, "code", None) == answer["error"]["code"]:
            return exit_code(kind(""))
    return Exit.BUG
