"""Search and classify, by a photo or by an item."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from api.bodies import question_body
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import QueryForm, item_query, read_query
from api.heads import add_header, server_timing
from api.parameters import of_options
from api.problems import request_id, responses
from api.schemas.items import facets_json, image_url
from api.schemas.results import ClassifyAnswer, SearchAnswer, classify_json, search_json
from search_engine.engine import SearchEngine
from search_engine.records import SearchResult
from search_engine.search.options import options_of
from search_engine.search.query_cache import QueryToken

router = APIRouter(prefix="/v1/collections/{c}", tags=["queries"])

Answer = TypeVar("Answer", SearchAnswer, ClassifyAnswer)

SIMILAR = of_options(*(each for each in options_of("search") if not each.photo_only))
_PROBLEMS = responses(400, 404, 413, 415, 422, 503)


@router.post(
    "/search",
    operation_id="search",
    summary="What looks like this",
    responses=_PROBLEMS,
    openapi_extra=question_body("search"),
    dependencies=NO_PARAMETERS,
)
async def search(request: Request, collection: CollectionDep, engine: EngineDep) -> SearchAnswer:
    """Neighbors of a photo or of an item, best first.

    The `query_token` of the answer stands for the photo in further questions, which then need no
    upload and no encoding.
    """
    form = await read_query(request, "search")
    body = await run_in_threadpool(_answer, engine, collection, form, _search)
    return _told(request, body)


@router.post(
    "/classify",
    operation_id="classify",
    summary="What class is this",
    responses=_PROBLEMS,
    openapi_extra=question_body("classify"),
    dependencies=NO_PARAMETERS,
)
async def classify(
    request: Request, collection: CollectionDep, engine: EngineDep
) -> ClassifyAnswer:
    """As search, with a class by the vote of the neighbors or by a trained classifier.

    Where `calibrated`, `confidence` is the probability of being right; else it is the share of the
    votes, and `uncalibrated_because` says why. `k`, `group_by` and `min_score` say what is shown
    and leave the vote as it is; `filter`, `rerank` and `vote_k` make it another one. `levels` are
    the path of the winner with a confidence each. Where pictures have several values, `values` are
    the answer and `chances` the probability of each. With a trained classifier (`with`), `votes`
    are the most probable classes. `warnings` are sentences behind a code: `vote_not_calibrated`,
    `distance_unknown`, `no_labels`, and `calibration_outdated` or `classifier_outdated` where the
    collection changed since.
    """
    form = await read_query(request, "classify")
    body = await run_in_threadpool(_answer, engine, collection, form, _classify)
    return _told(request, body)


@router.get(
    "/similar/{item_id:id}",
    operation_id="similar",
    summary="What looks like an item",
    responses=responses(404, 422, 503),
    openapi_extra=SIMILAR.openapi,
)
def similar(
    request: Request, collection: CollectionDep, item_id: str, engine: EngineDep
) -> SearchAnswer:
    """From its stored embedding; the item itself is left out."""
    body = _answer(engine, collection, item_query(request, item_id), _search)
    return _told(request, body)


def _answer(
    engine: SearchEngine,
    collection: str,
    form: QueryForm,
    find: Callable[[SearchEngine, str, QueryForm], tuple[SearchResult, Answer]],
) -> Answer:
    """What was found, and the facets if any were asked for: first, as a wrong name costs least."""
    facets = {}
    if form.facets:
        facets = engine.facets(
            form.facets, filter=form.options.get("filter"), collection=collection
        )
    result, body = find(engine, collection, form)
    body["query_token"] = result.query_token
    for neighbor in body["neighbors"]:
        neighbor["image_url"] = image_url(collection, neighbor["item_id"])
    if facets:
        body["facets"] = facets_json(facets)
    return body


def _told(request: Request, body: Answer) -> Answer:
    """The answer with the id of its request; its times stand in a header as well."""
    body["request_id"] = request_id(request)
    add_header(request, "Server-Timing", server_timing(body["timings_ms"]))
    return body


def _search(
    engine: SearchEngine, collection: str, form: QueryForm
) -> tuple[SearchResult, SearchAnswer]:
    picture = _picture(form)
    if picture is not None:
        result = engine.search(picture, collection=collection, **_arguments(form))
    else:
        result = engine.similar(form.item_id or "", collection=collection, **_arguments(form))
    return result, search_json(result)


def _classify(
    engine: SearchEngine, collection: str, form: QueryForm
) -> tuple[SearchResult, ClassifyAnswer]:
    result = engine.classify(
        _picture(form), item_id=form.item_id, collection=collection, **_arguments(form)
    )
    return result, classify_json(result)


def _arguments(form: QueryForm) -> Any:
    """The options as keyword arguments, whose names and types the reader of forms saw to."""
    return form.options


def _picture(form: QueryForm) -> bytes | QueryToken | None:
    return form.image if form.query_token is None else QueryToken(form.query_token)
