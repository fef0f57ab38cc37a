"""Commands and flags that messages name, as requests have them.

Below the edges messages advise what is typed: `eyedex calibrate`, `--type`. Whoever asks over HTTP
has jobs and their fields instead. What only commands do stays, with where they are typed.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import get_args, get_type_hints

from api.schemas.jobs import Job, JobError
from indexer import declared
from indexer.jobs.parameters import FIELD_NAMES, KIND_NAMES

_GROUPS = (
    declared.Indexing, declared.Tuning, declared.Switching, declared.Calibrating,
    declared.Evaluating, declared.Clustering,
)  # fmt: skip
_ROUTES: Mapping[str, str] = MappingProxyType(
    {"jobs": "`GET /v1/jobs`", "encoders": "`GET /v1/encoders`", "search --item": "`item_id`"}
)
"""What does the same as a command; options that only change what is printed are left out."""
_COMMAND = re.compile(r"`eyedex ([^`]+)`")
_SPAN_OR_FLAG = re.compile(r"`[^`]*`|(?<![\w-])--[a-z][a-z-]*[a-z]")


def _fields_of_flags() -> dict[str, str]:
    """The fields of jobs by the flags of their verbs."""
    found = {f"--{name.replace('_', '-')}": name for name in FIELD_NAMES}
    for group in _GROUPS:
        hints = get_type_hints(group, include_extras=True)
        for each in fields(group):
            said = get_args(hints[each.name])[1]
            if said.flag:
                found[said.flag] = each.name
    return found


_FIELDS = MappingProxyType(_fields_of_flags())


def as_requested(advice: str) -> str:
    """Advice in which jobs, routes and fields stand for commands and flags."""
    told = _SPAN_OR_FLAG.sub(lambda found: _field(found[0]) or found[0], with_requests(advice))
    is_typed = any(found[0].startswith("--") for found in _SPAN_OR_FLAG.finditer(told))
    return f"{told} (with `eyedex` on the server)" if is_typed else told


def with_requests(text: str) -> str:
    """A text in which jobs and routes stand for commands.

    It may hold what a client sent, so that flags stay.
    """
    return _COMMAND.sub(lambda found: _request_for(found[1]), text)


def job_as_requested(job: Job) -> Job:
    """A job whose error is told in these words."""
    error = job["error"]
    if error is None:
        return job
    told: JobError = {**error, "message": with_requests(error["message"])}
    if "fix" in error:
        told["fix"] = as_requested(error["fix"])
    return {**job, "error": told}


def _request_for(command: str) -> str:
    """What does over HTTP what a command does."""
    try:
        verb, *rest = shlex.split(command)
    except ValueError:  # a target with odd signs in its name
        return f"`eyedex {command}`"
    if verb == "rerank":
        rest = [each for each in rest if each != "learn"]
    if verb == "encoders" and rest == ["--all"]:
        rest = []
    route = _ROUTES.get(shlex.join([verb, *rest]))
    told = _told(verb, rest) if verb in KIND_NAMES else None
    if route is not None or told is None:
        return route or f"`eyedex {command}` on the server"
    return f"a job of the kind `{verb}`" + (f" with {' and '.join(told)}" if told else "")


def _told(verb: str, rest: list[str]) -> list[str] | None:
    """What a job is told for the arguments of its verb; None where it cannot be told all."""
    told: list[str] = []
    for each in rest:
        if each.startswith("--"):
            told.append(_field(each) or each)
        elif told:
            told[-1] += f" {each}"
        elif verb == "switch":
            told.append("`encoder`")
    told = [each for each in told if not each.startswith("--collection ")]
    return None if any(each.startswith("-") for each in told) else told


def _field(flag: str) -> str | None:
    name = _FIELDS.get(flag)
    return None if name is None else f"`{name}`"
