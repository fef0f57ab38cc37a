"""Search and classify, by a photo or by an item."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from api.dependencies import CollectionDep, EngineDep
from api.forms import QueryForm, query_form, query_parameters, read_query
from api.problems import request_id, responses
from api.schemas import image_url, result_json
from search_engine.engine import SearchEngine
from search_engine.records import SearchResult

router = APIRouter(prefix="/v1/collections/{c}", tags=["queries"])

_PROPERTIES = {
    "k": {"type": "integer", "minimum": 1, "maximum": 200, "default": 10},
    "filter": {"description": 'Conditions, such as {"field": "price", "lt": 30}'},
    "box": {"type": "string", "description": "x,y,w,h as fractions of the upright picture"},
    "group_by": {"type": "string"},
    "min_score": {"type": "number", "minimum": -1, "maximum": 1},
    "target": {"type": "string", "default": "label"},
    "item_id": {"type": "string"},
}
_REQUEST = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        **_PROPERTIES,
                    },
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image_base64": {"type": "string", "format": "byte"},
                        **_PROPERTIES,
                    },
                }
            },
        },
    }
}
_PROBLEMS = responses(400, 404, 413, 415, 422, 503)


@router.post("/search", summary="What looks like this", responses=_PROBLEMS, openapi_extra=_REQUEST)
async def search(request: Request, collection: CollectionDep, engine: EngineDep) -> dict[str, Any]:
    """Neighbors of a photo or of an item, best first."""
    form = await read_query(request)
    result = await run_in_threadpool(_search, engine, collection, form)
    return _render(request, collection, result)


@router.post("/classify", summary="What class is this", responses=_PROBLEMS, openapi_extra=_REQUEST)
async def classify(
    request: Request, collection: CollectionDep, engine: EngineDep
) -> dict[str, Any]:
    """As search, with a class by the vote of the neighbors."""
    form = await read_query(request)
    result = await run_in_threadpool(_classify, engine, collection, form)
    return _render(request, collection, result)


@router.get(
    "/items/{item_id:path}/similar",
    summary="What looks like an item",
    responses=responses(404, 422, 503),
)
def similar(
    request: Request, collection: CollectionDep, item_id: str, engine: EngineDep
) -> dict[str, Any]:
    """From its stored embedding; the item itself is left out."""
    values = query_parameters(request, ("k", "filter", "group_by", "min_score"))
    form = replace(query_form(values, None), item_id=item_id)
    return _render(request, collection, _search(engine, collection, form))


def _search(engine: SearchEngine, collection: str, form: QueryForm) -> SearchResult:
    options: dict[str, Any] = {
        "k": form.k,
        "filter": form.filter,
        "group_by": form.group_by,
        "min_score": form.min_score,
        "collection": collection,
    }
    if form.image is not None:
        return engine.search(form.image, box=form.box, **options)
    return engine.similar(form.item_id or "", **options)


def _classify(engine: SearchEngine, collection: str, form: QueryForm) -> SearchResult:
    options: dict[str, Any] = {"box": form.box} if form.image is not None else {}
    return engine.classify(
        form.image,
        item_id=form.item_id,
        target=form.target,
        k=form.k,
        filter=form.filter,
        group_by=form.group_by,
        min_score=form.min_score,
        collection=collection,
        **options,
    )


def _render(request: Request, collection: str, result: SearchResult) -> dict[str, Any]:
    body = result_json(result)
    for neighbor in body["neighbors"]:
        neighbor["image_url"] = image_url(collection, neighbor["item_id"])
    return {**body, "request_id": request_id(request)}
