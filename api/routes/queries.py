"""Search and classify, by a photo or by an item."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import QueryForm, item_query, read_query
from api.problems import request_id, responses
from api.schemas import facets_json, image_url, result_json
from search_engine.engine import SearchEngine
from search_engine.records import SearchResult
from search_engine.search.options import Verb, names_of
from search_engine.search.query_cache import QueryToken
from search_engine.search.rerank.registry import METHODS

DEFAULT_NEIGHBORS = 10

router = APIRouter(prefix="/v1/collections/{c}", tags=["queries"])

_PROPERTIES = {
    "k": {
        "type": "integer",
        "minimum": 1,
        "maximum": 200,
        "description": "Neighbors that are shown: 10 by default, and for a class those that vote",
    },
    "filter": {
        "description": "Conditions: a line such as `price < 30 and label under Home`, or JSON such "
        'as {"field": "price", "lt": 30}'
    },
    "box": {"type": "string", "description": "x,y,w,h as fractions of the upright picture"},
    "group_by": {"type": "string"},
    "min_score": {"type": "number", "minimum": -1, "maximum": 1},
    "target": {
        "type": "string",
        "default": "label",
        "description": "What to classify by: label, product_id or an attribute",
    },
    "vote_k": {
        "type": "integer",
        "minimum": 1,
        "maximum": 200,
        "description": "Classify only: how many neighbors vote, instead of as calibrated",
    },
    "accept_accuracy": {
        "type": "number",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "description": "Classify only: abstain unless so many of such answers are right, 0.95 say. "
        "Of a label path, the deepest level that is so sure is the answer",
    },
    "with": {
        "type": "string",
        "description": "Classify only: a trained classifier that answers instead of the vote; "
        "`GET .../classifiers` lists them. The neighbors are evidence only then",
    },
    "weights": {
        "type": "string",
        "description": "Search only: how much parts of the embedding count, as color=2,shape=1; "
        "where the collection's encoder has parts",
    },
    "rerank": {
        "type": "string",
        "enum": list(METHODS),
        "description": "Put what is found in a better order. Scores stay cosines, so they need not "
        "fall; the answer names the method. A class is then not calibrated",
    },
    "item_id": {"type": "string"},
    "query_token": {
        "type": "string",
        "description": "Of an earlier answer: stands for its photo, and the box of it, as long as "
        "the server remembers them",
    },
    "facets": {
        "type": "string",
        "description": "Fields, separated by commas: how many of the items that fulfil the filter "
        "have which value",
    },
}


def _request(verb: Verb) -> dict[str, Any]:
    """The body in OpenAPI: a form with the picture as a file, or JSON."""
    options = {name: _PROPERTIES[name] for name in (*names_of(verb), "item_id", "query_token")}
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
        facets = engine.facets(form.facets, filter=form.filter, collection=collection)
    result = find(engine, collection, form)
    body = {**result_json(result), "query_token": result.query_token}
    for neighbor in body["neighbors"]:
        neighbor["image_url"] = image_url(collection, neighbor["item_id"])
    return {**body, "facets": facets_json(facets)} if facets else body


def _search(engine: SearchEngine, collection: str, form: QueryForm) -> SearchResult:
    options: dict[str, Any] = {
        "k": DEFAULT_NEIGHBORS if form.k is None else form.k,
        "filter": form.filter,
        "group_by": form.group_by,
        "min_score": form.min_score,
        "weights": form.weights,
        "rerank": form.rerank,
        "collection": collection,
    }
    picture = _picture(form)
    if picture is not None:
        return engine.search(picture, box=form.box, **options)
    return engine.similar(form.item_id or "", **options)


def _classify(engine: SearchEngine, collection: str, form: QueryForm) -> SearchResult:
    picture = _picture(form)
    options: dict[str, Any] = {"box": form.box} if picture is not None else {}
    if form.vote_k is not None:
        options["vote_k"] = form.vote_k
    return engine.classify(
        picture,
        item_id=form.item_id,
        target=form.target,
        k=form.k,
        accept_accuracy=form.accept_accuracy,
        classifier=form.classifier,
        filter=form.filter,
        group_by=form.group_by,
        min_score=form.min_score,
        rerank=form.rerank,
        collection=collection,
        **options,
    )


def _picture(form: QueryForm) -> bytes | QueryToken | None:
    return form.image if form.query_token is None else QueryToken(form.query_token)
