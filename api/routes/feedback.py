"""Feedback: what people did with what searches showed them."""

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.bodies import json_body
from api.cursors import page_of
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import JSON, read_body
from api.idempotency import PARAMETER, Answer, answer_once
from api.parameters import CURSOR, Parameters, text, whole
from api.problems import problem_of, request_id, responses
from api.schemas.feedback import (
    FeedbackAdded,
    FeedbackDeleted,
    FeedbackEvents,
    FeedbackPage,
    event_json,
)
from search_engine.cursors import read_cursor
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, ParameterError
from search_engine.feedback.events import MAX_EVENTS, Event, event_of

router = APIRouter(prefix="/v1/collections/{c}/feedback", tags=["feedback"])

PAGE_EVENTS, MAX_PAGE_EVENTS = 100, 1_000
_SESSION = text("session", "only events of this session")
LIST = Parameters(
    _SESSION, CURSOR, whole("limit", "events to a page", PAGE_EVENTS, 1, MAX_PAGE_EVENTS)
)
DELETE = Parameters(
    _SESSION,
    text("confirm", "the name of the collection, to delete the events of all sessions"),
)
_REQUEST = {**json_body(FeedbackEvents), "parameters": [PARAMETER]}


@router.post(
    "",
    operation_id="addFeedback",
    summary="Store what people did with results",
    response_model=FeedbackAdded,
    responses=responses(400, 403, 404, 409, 413, 415, 422, 503, 507),
    dependencies=NO_PARAMETERS,
    openapi_extra=_REQUEST,
)
async def add_feedback(request: Request, collection: CollectionDep, engine: EngineDep) -> Response:
    """Up to 1,000 events, for `eyedex rerank learn`; one that cannot be stored harms no other.

    No photo and no address is stored. Events are removed after `EYEDEX_FEEDBACK_DAYS`.
    """

    async def do() -> Answer:
        body = await read_body(request, ("events",), (JSON,))
        given = _listed(body.values.get("events"))
        return 200, await run_in_threadpool(_add, request, engine, collection, given)

    return await answer_once(request, engine, do)


@router.get(
    "",
    operation_id="listFeedback",
    summary="Stored events, page by page",
    responses=responses(404, 422),
    openapi_extra=LIST.openapi,
)
def list_feedback(request: Request, collection: CollectionDep, engine: EngineDep) -> FeedbackPage:
    """In the order in which they were stored. Needs a key that may write."""
    values = LIST.read(request)
    session, limit = values["session"], values["limit"]
    question = {"feedback of": collection, "session": session}
    after = 0
    if values["cursor"] is not None:
        (after,) = read_cursor(values["cursor"], question, (int,))
    found = engine.feedback.page(after, limit + 1, session, collection=collection)
    shown, next_cursor = page_of(found, limit, lambda each: (each.number,), question)
    return {
        "events": [event_json(each) for each in shown],
        "total": engine.feedback.count(session, collection=collection),
        "next_cursor": next_cursor,
    }


@router.delete(
    "",
    operation_id="deleteFeedback",
    summary="Delete stored events",
    responses=responses(403, 404, 422, 503, 507),
    openapi_extra=DELETE.openapi,
)
def delete_feedback(
    request: Request, collection: CollectionDep, engine: EngineDep
) -> FeedbackDeleted:
    """Those of a session, or all. What was learned from them stays."""
    values = DELETE.read(request)
    if values["session"] is None and values["confirm"] != collection:
        raise ParameterError(
            "this would delete all feedback of the collection",
            where="confirm",
            fix="name a session, or repeat the name of the collection",
        )
    return {"deleted": engine.feedback.delete(values["session"], collection=collection)}


def _listed(given: Any) -> list[Any]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_EVENTS:
        raise ParameterError(
            "not a list of events", where="events", fix=f"send 1 to {MAX_EVENTS:,} objects"
        )
    return given


def _add(
    request: Request, engine: SearchEngine, collection: str, given: list[Any]
) -> FeedbackAdded:
    refused: dict[int, EyedexError] = {}
    events: dict[int, Event] = {}
    for place, each in enumerate(given):
        try:
            events[place] = event_of(each, time.time())
        except EyedexError as error:
            refused[place] = error
    places = list(events)
    added = engine.feedback.add(list(events.values()), collection=collection)
    refused.update((places[place], error) for place, error in added.refused.items())
    named = request_id(request)
    return {
        "stored": added.stored,
        "known": added.known,
        "refused": [
            {"index": place, "problem": problem_of(refused[place], named)}
            for place in sorted(refused)
        ],
        "request_id": named,
    }
