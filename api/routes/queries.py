"""Search and classify, by a photo or by an item."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import QueryForm, item_query, read_query
from api.problems import request_id, responses
from api.schemas import facets_json, image_url, result_json
from search_engine.engine import SearchEngine
from search_engine.records import SearchResult
from search_engine.search.options import Kind, Option, Verb, options_of
from search_engine.search.query_cache import QueryToken

router = APIRouter(prefix="/v1/collections/{c}", tags=["queries"])

_TYPES: Mapping[Kind, dict[str, Any]] = {
    "whole": {"type": "integer"},
    "number": {"type": "number"},
    "text": {"type": "string"},
    "filter": {},
    "box": {"type": "string"},
    "weights": {"type": "string"},
    "fields": {"type": "string"},
}
_SUBJECTS = {
    "item_id": {"type": "string", "description": "An item instead of a photo"},
    "query_token": {
        "type": "string",
        "description": "Of an earlier answer: stands for its photo, and the box of it, as long as "
        "the server remembers them",
    },
}


def option_schema(option: Option) -> dict[str, Any]:
    """An option in OpenAPI."""
    said = f"{option.help[0].upper()}{option.help[1:]}"
    if option.default:
        said += f" (default: {option.default})"
    lowest, highest = ("minimum", "maximum")
    if option.exclusive:
        lowest, highest = ("exclusiveMinimum", "exclusiveMaximum")
    bounds = {lowest: option.low, highest: option.high, "enum": list(option.choices)}
    return {
        **_TYPES[option.kind],
        **{name: value for name, value in bounds.items() if value not in (None, [])},
        "description": said,
        "examples": [option.example],
    }


def _request(verb: Verb) -> dict[str, Any]:
    """The body in OpenAPI: a form with the picture as a file, or JSON."""
    options = {each.name: option_schema(each) for each in options_of(verb)} | _SUBJECTS
    form = {"image": {"type": "string", "format": "binary"}, **options}
    as_json = {"image_base64": {"type": "string", "format": "byte"}, **options}
    content = {
        kind: {"schema": {"type": "object", "properties": properties}}
        for kind, properties in (("multipart/form-data", form), ("application/json", as_json))
    }
    return {"requestBody": {"required": True, "content": content}}


_PROBLEMS = responses(400, 404, 413, 415, 422, 503)


@router.post(
    "/search",
    summary="What looks like this",
    responses=_PROBLEMS,
    openapi_extra=_request("search"),
    dependencies=NO_PARAMETERS,
)
async def search(request: Request, collection: CollectionDep, engine: EngineDep) -> dict[str, Any]:
    """Neighbors of a photo or of an item, best first.

    The `query_token` of the answer stands for the photo in further questions, which then need no
    upload and no encoding.
    """
    form = await read_query(request, "search")
    body = await run_in_threadpool(_answer, engine, collection, form, _search)
    return {**body, "request_id": request_id(request)}


@router.post(
    "/classify",
    summary="What class is this",
    responses=_PROBLEMS,
    openapi_extra=_request("classify"),
    dependencies=NO_PARAMETERS,
)
async def classify(
    request: Request, collection: CollectionDep, engine: EngineDep
) -> dict[str, Any]:
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
    return {**body, "request_id": request_id(request)}


@router.get(
    "/similar/{item_id:id}",
    summary="What looks like an item",
    responses=responses(404, 422, 503),
)
def similar(
    request: Request, collection: CollectionDep, item_id: str, engine: EngineDep
) -> dict[str, Any]:
    """From its stored embedding; the item itself is left out."""
    body = _answer(engine, collection, item_query(request, item_id), _search)
    return {**body, "request_id": request_id(request)}


def _answer(
    engine: SearchEngine,
    collection: str,
    form: QueryForm,
    find: Callable[[SearchEngine, str, QueryForm], SearchResult],
) -> dict[str, Any]:
    """What was found, and the facets if any were asked for: first, as a wrong name costs least."""
    facets = {}
    if form.facets:
        facets = engine.facets(
            form.facets, filter=form.options.get("filter"), collection=collection
        )
    result = find(engine, collection, form)
    body = {**result_json(result), "query_token": result.query_token}
    for neighbor in body["neighbors"]:
        neighbor["image_url"] = image_url(collection, neighbor["item_id"])
    return {**body, "facets": facets_json(facets)} if facets else body


def _search(engine: SearchEngine, collection: str, form: QueryForm) -> SearchResult:
    picture = _picture(form)
    if picture is not None:
        return engine.search(picture, collection=collection, **_arguments(form))
    return engine.similar(form.item_id or "", collection=collection, **_arguments(form))


def _classify(engine: SearchEngine, collection: str, form: QueryForm) -> SearchResult:
    return engine.classify(
        _picture(form), item_id=form.item_id, collection=collection, **_arguments(form)
    )


def _arguments(form: QueryForm) -> Any:
    """The options as keyword arguments, whose names and types the reader of forms saw to."""
    return form.options


def _picture(form: QueryForm) -> bytes | QueryToken | None:
    return form.image if form.query_token is None else QueryToken(form.query_token)
