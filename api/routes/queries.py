"""Search and classify: by a photo, an item or an embedding, and by many at once.

Answers become bytes in the thread that found them: to validate one and serialise it on the event
loop takes longer than to make it. Tests hold them against the description of the API.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.bodies import batch_body, question_body
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import QueryForm, item_query, read_batch, read_query
from api.heads import note_timings
from api.parameters import of_options
from api.problems import Problem, problem_of, request_id, responses
from api.request_names import with_requests
from api.schemas.batches import ClassifyBatch, SearchBatch
from api.schemas.items import facets_json, image_url
from api.schemas.results import ClassifyAnswer, SearchAnswer, classify_json, search_json
from api.schemas.server import Problem as ProblemJson
from api.security.admission import PlaceDep
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError
from search_engine.records import FacetCount, SearchResult
from search_engine.search.asked import Asked
from search_engine.search.options import options_of

router = APIRouter(prefix="/v1/collections/{c}", tags=["queries"])

Answer = TypeVar("Answer", SearchAnswer, ClassifyAnswer)

SIMILAR = of_options(*(each for each in options_of("search") if not each.photo_only))
_PROBLEMS = responses(400, 404, 413, 415, 422, 503)


@router.post(
    "/search",
    response_model=SearchAnswer,
    operation_id="search",
    summary="What looks like this",
    responses=_PROBLEMS,
    openapi_extra=question_body("search"),
    dependencies=NO_PARAMETERS,
)
async def search(
    request: Request, collection: CollectionDep, engine: EngineDep, place: PlaceDep
) -> Response:
    """Neighbors of a photo, of an item or of an embedding, best first.

    The `query_token` of the answer stands for the photo in further questions, which then need no
    upload and no encoding.
    """
    form = await read_query(request, "search")
    async with place.turn(request):
        return await run_in_threadpool(_one, request, engine, collection, form, _SEARCH)


@router.post(
    "/classify",
    response_model=ClassifyAnswer,
    operation_id="classify",
    summary="What class is this",
    responses=_PROBLEMS,
    openapi_extra=question_body("classify"),
    dependencies=NO_PARAMETERS,
)
async def classify(
    request: Request, collection: CollectionDep, engine: EngineDep, place: PlaceDep
) -> Response:
    """As search, with a class by the vote of the neighbors or by a trained classifier.

    Where `calibrated`, `confidence` is the probability of being right; else it is the share of the
    votes, and `uncalibrated_because` says why. `k`, `group_by` and `min_score` say what is shown
    and leave the vote as it is; `filter`, `rerank` and `vote_k` make it another one. `levels` are
    the path of the winner with a confidence each. Where pictures have several values, `values` are
    the answer and `chances` the probability of each. With a trained classifier (`with`), `votes`
    are the most probable classes. `warnings` are sentences behind a code: `vote_not_calibrated`,
    `distance_unknown`, `no_labels`, `calibration_outdated` or `classifier_outdated` where the
    collection changed since, and `photos_drifted` where the photos classified lately are farther
    from it than those that the confidence was calibrated on.
    """
    form = await read_query(request, "classify")
    async with place.turn(request):
        return await run_in_threadpool(_one, request, engine, collection, form, _CLASSIFY)


@router.get(
    "/similar/{item_id:id}",
    response_model=SearchAnswer,
    operation_id="similar",
    summary="What looks like an item",
    responses=responses(404, 422, 503),
    openapi_extra=SIMILAR.openapi,
)
def similar(
    request: Request, collection: CollectionDep, item_id: str, engine: EngineDep
) -> Response:
    """From its stored embedding; the item itself is left out."""
    return _one(request, engine, collection, item_query(request, item_id), _SEARCH)


@router.post(
    "/search:batch",
    response_model=SearchBatch,
    operation_id="searchBatch",
    summary="What looks like each of these",
    responses=_PROBLEMS,
    openapi_extra=batch_body("search"),
    dependencies=NO_PARAMETERS,
)
async def search_batch(
    request: Request, collection: CollectionDep, engine: EngineDep, place: PlaceDep
) -> Response:
    """As search, for up to 64 photos, items and embeddings with the same options.

    They are decoded, encoded and searched together, faster than one by one. A query that fails has
    a problem in its place and does not affect the others.
    """
    form = await read_batch(request, "search")
    async with place.turn(request, len(form.asked)):
        return await run_in_threadpool(_each, request, engine, collection, form, _SEARCH)


@router.post(
    "/classify:batch",
    response_model=ClassifyBatch,
    operation_id="classifyBatch",
    summary="What class is each of these",
    responses=_PROBLEMS,
    openapi_extra=batch_body("classify"),
    dependencies=NO_PARAMETERS,
)
async def classify_batch(
    request: Request, collection: CollectionDep, engine: EngineDep, place: PlaceDep
) -> Response:
    """As classify, for up to 64 photos, items and embeddings with the same options."""
    form = await read_batch(request, "classify")
    async with place.turn(request, len(form.asked)):
        return await run_in_threadpool(_each, request, engine, collection, form, _CLASSIFY)


Outcomes = Sequence[SearchResult | EyedexError]


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Answer]):
    """A verb: what asks the engine, and how its results are told."""

    ask: Callable[[SearchEngine, str, Sequence[Asked], Mapping[str, Any]], Outcomes]
    tell: Callable[[SearchResult], Answer]


def _search(
    engine: SearchEngine, collection: str, asked: Sequence[Asked], options: Mapping[str, Any]
) -> Outcomes:
    return engine.search_many(asked, collection=collection, **options)


def _classify(
    engine: SearchEngine, collection: str, asked: Sequence[Asked], options: Mapping[str, Any]
) -> Outcomes:
    return engine.classify_many(asked, collection=collection, **options)


_SEARCH = _Kind(_search, search_json)
_CLASSIFY = _Kind(_classify, classify_json)


def _one(
    request: Request, engine: SearchEngine, collection: str, form: QueryForm, kind: _Kind[Answer]
) -> Response:
    """The answer to the one question."""
    outcome = _outcomes(engine, collection, form, kind)[0]
    if isinstance(outcome, Exception):
        raise outcome
    outcome["request_id"] = request_id(request)
    note_timings(request, outcome["timings_ms"])
    return JSONResponse(outcome)


def _each(
    request: Request, engine: SearchEngine, collection: str, form: QueryForm, kind: _Kind[Answer]
) -> Response:
    """The answer to each question, or what is wrong with it."""
    results: list[Answer | ProblemJson] = [
        problem_of(each, request_id(request)) if isinstance(each, Exception) else each
        for each in _outcomes(engine, collection, form, kind)
    ]
    return JSONResponse({"results": results, "request_id": request_id(request)})


def _outcomes(
    engine: SearchEngine, collection: str, form: QueryForm, kind: _Kind[Answer]
) -> list[Answer | EyedexError | Problem]:
    """What is found for each, and the facets if any were asked for: first, as a wrong name costs
    least."""
    facets = {}
    if form.facets:
        facets = engine.facets(
            form.facets, filter=form.options.get("filter"), collection=collection
        )
    asked = [each for each in form.asked if isinstance(each, Asked)]
    found = iter(kind.ask(engine, collection, asked, form.options))
    outcomes = [next(found) if isinstance(each, Asked) else each for each in form.asked]
    return [
        each if isinstance(each, Exception) else _told(each, collection, facets, kind)
        for each in outcomes
    ]


def _told(
    result: SearchResult,
    collection: str,
    facets: Mapping[str, Sequence[FacetCount]],
    kind: _Kind[Answer],
) -> Answer:
    body = kind.tell(result)
    body["query_token"] = result.query_token
    body["warnings"] = [with_requests(each) for each in body["warnings"]]
    for neighbor in body["neighbors"]:
        neighbor["image_url"] = image_url(collection, neighbor["item_id"])
    if facets:
        body["facets"] = facets_json(facets)
    return body
