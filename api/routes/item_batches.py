"""Batches of operations on items."""

from collections.abc import Sequence

from fastapi import APIRouter, BackgroundTasks, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.bodies import json_body
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms.operations import GivenOperation, read_operations
from api.idempotency import PARAMETER, Answer, answer_once
from api.problems import Problem, problem_of, request_id, responses
from api.schemas.batches import ItemChange, ItemChanges, ItemOperations
from api.schemas.items import item_answer
from api.security.audit import note_of
from search_engine.collections.operations import Done
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError

router = APIRouter(prefix="/v1/collections/{c}", tags=["items"])

_REQUEST = {**json_body(ItemOperations), "parameters": [PARAMETER]}


@router.post(
    "/items:batch",
    operation_id="batchItems",
    summary="Put, patch and delete many items",
    response_model=ItemChanges,
    responses=responses(400, 403, 404, 409, 413, 415, 422, 503, 507),
    dependencies=NO_PARAMETERS,
    openapi_extra=_REQUEST,
)
async def batch_items(
    request: Request, collection: CollectionDep, engine: EngineDep, later: BackgroundTasks
) -> Response:
    """Executes up to 100 operations in order; each result is what the operation would have alone.

    An operation that fails does not affect the others. The rest are committed in one transaction
    and visible to the next search. Pictures are encoded together, faster than one by one.
    """

    async def do() -> Answer:
        given = await read_operations(request)
        note_of(request).items = len(given)
        results = await run_in_threadpool(_apply, request, engine, collection, given)
        later.add_task(engine.fold_changes, collection)
        return 200, {"results": results, "request_id": request_id(request)}

    return await answer_once(request, engine, do)


def _apply(
    request: Request, engine: SearchEngine, collection: str, given: Sequence[GivenOperation]
) -> list[ItemChange]:
    meant = [each.meant for each in given if not isinstance(each.meant, Exception)]
    done = iter(engine.change(meant, collection=collection))
    return [
        _change(
            request,
            collection,
            each,
            each.meant if isinstance(each.meant, Exception) else next(done),
        )
        for each in given
    ]


def _change(
    request: Request,
    collection: str,
    given: GivenOperation,
    outcome: Done | EyedexError | Problem,
) -> ItemChange:
    if isinstance(outcome, Exception):
        problem = problem_of(outcome, request_id(request))
        return {
            "item_id": given.item_id,
            "op": given.op,
            "status": problem["status"],
            "problem": problem,
        }
    if outcome.item is None:
        return {"item_id": given.item_id, "op": given.op, "status": 204}
    return {
        "item_id": outcome.item.item_id,
        "op": given.op,
        "status": 201 if outcome.is_new else 200,
        "item": item_answer(collection, outcome.item),
    }
