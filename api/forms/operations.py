"""Read batches of operations on items from JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.base64_pictures import decode_picture
from api.forms.bodies import JSON, json_object, read_body
from api.problems import Problem
from search_engine.catalog.descriptions import COLUMNS
from search_engine.collections.operations import Delete, Operation, Patch, Put
from search_engine.errors import EyedexError, ParameterError
from search_engine.names import MAX_ID_BYTES
from search_engine.search.options import check_names

MAX_OPERATIONS = 100
"""Maximum number of operations in a request."""

Op = Literal["put", "patch", "delete"]
OPS: tuple[Op, ...] = ("put", "patch", "delete")
_FIELDS: Mapping[Op, tuple[str, ...]] = {
    "put": ("op", "item_id", "image_base64", *COLUMNS),
    "patch": ("op", "item_id", *COLUMNS),
    "delete": ("op", "item_id"),
}


@dataclass(frozen=True, slots=True)
class GivenOperation:
    """An operation as it was sent, and its meaning or the error that prevents one."""

    op: Op | None
    item_id: str | None
    meant: Operation | EyedexError | Problem


async def read_operations(request: Request) -> list[GivenOperation]:
    """Return the operations of a body; an invalid one does not affect the others.

    Raises:
        Problem, ParameterError: There are no operations, or too many.
    """
    body = await read_body(request, ("operations",), (JSON,))
    given = body.values.get("operations")
    if not isinstance(given, list) or not given:
        fix = f"send 1 to {MAX_OPERATIONS} objects"
        raise ParameterError("not a list of operations", where="operations", fix=fix)
    if len(given) > MAX_OPERATIONS:
        what = f"send at most {MAX_OPERATIONS} operations at a time"
        raise Problem(422, "too_many_operations", what)
    return await run_in_threadpool(lambda: [_given(each) for each in given])


def _given(value: Any) -> GivenOperation:
    values = value if isinstance(value, dict) else {}
    op, item_id = values.get("op"), values.get("item_id")
    known = cast(Op, op) if op in OPS else None
    try:
        meant: Operation | EyedexError | Problem = _meant(known, json_object(value, "an operation"))
    except (EyedexError, Problem) as error:
        meant = error
    return GivenOperation(known, _told(item_id), meant)


def _told(item_id: Any) -> str | None:
    """Return the id if it can be repeated in an answer, else None."""
    if not isinstance(item_id, str) or len(item_id) > MAX_ID_BYTES:
        return None
    return None if any("\ud800" <= one <= "\udfff" for one in item_id) else item_id


def _meant(op: Op | None, values: Mapping[str, Any]) -> Operation:
    if op is None:
        raise ParameterError("not an operation", where="op", fix=f"known: {', '.join(OPS)}")
    check_names(values, _FIELDS[op])
    item_id = values.get("item_id")
    if not isinstance(item_id, str):
        raise ParameterError("it is missing, or not a text", where="item_id")
    if op == "delete":
        return Delete(item_id)
    if op == "patch":
        return Patch(item_id, {name: values[name] for name in COLUMNS if name in values})
    encoded = values.get("image_base64")
    if encoded is None:
        raise Problem(422, "missing_file", "send the picture as image_base64")
    return Put(item_id, decode_picture(encoded), {name: values.get(name) for name in COLUMNS})
