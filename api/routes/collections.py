"""Collections: list, make, describe, delete; their labels, facets and trained classifiers."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.cursors import decode_cursor, encode_cursor
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import JSON, field_names, query_parameters, read_body, text_value, whole_number
from api.problems import Problem, responses
from api.schemas import classifier_json, facets_json, label_json
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filter_text import read_filter
from search_engine.catalog.labels import LabelQuery
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.indexes.live import describe_snapshot
from search_engine.names import check_label, normal

router = APIRouter(prefix="/v1/collections", tags=["collections"])

PAGE_LABELS, MAX_PAGE_LABELS = 100, 1_000


@router.get("", summary="All collections", responses=responses(422), dependencies=NO_PARAMETERS)
def list_collections(engine: EngineDep) -> dict[str, Any]:
    """By name, with size and encoder."""
    return {"collections": [_describe(engine, each) for each in engine.catalog.collections()]}


@router.post(
    "",
    status_code=201,
    summary="Make an empty collection",
    responses=responses(400, 409, 415, 422),
    dependencies=NO_PARAMETERS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}},
                    }
                }
            },
        }
    },
)
async def create_collection(request: Request, engine: EngineDep) -> dict[str, Any]:
    """Named by lower-case letters, digits, - and _."""
    body = await read_body(request, ("name",), kinds=(JSON,))
    name = text_value(body.values, "name")
    if name is None:
        raise ParameterError("missing", where="name")
    made = await run_in_threadpool(engine.create_collection, name)
    return await run_in_threadpool(_describe, engine, made)


@router.get(
    "/{c}", summary="One collection", responses=responses(404, 422), dependencies=NO_PARAMETERS
)
def get_collection(collection: CollectionDep, engine: EngineDep) -> dict[str, Any]:
    """Size, encoder, generation, its kind of index and recall, and changes since."""
    return _describe(engine, engine.catalog.collection(collection))


@router.delete(
    "/{c}",
    status_code=204,
    summary="Delete a collection",
    responses=responses(404, 409, 422, 503, 507),
    openapi_extra={
        "parameters": [
            {
                "name": "confirm",
                "in": "query",
                "description": "The collection's name; needed where it has items",
                "schema": {"type": "string"},
            }
        ]
    },
)
def delete_collection(request: Request, collection: CollectionDep, engine: EngineDep) -> Response:
    """With all its items, if the name is repeated as `confirm`; an empty one needs no word."""
    confirmed = query_parameters(request, ("confirm",)).get("confirm")
    if confirmed not in (None, collection):
        raise ParameterError("not the name of this collection", where="confirm", fix="repeat it")
    items = engine.catalog.count(engine.catalog.collection(collection))
    if items and confirmed is None:
        raise Problem(
            409,
            "not_confirmed",
            f"the collection has {items:,} items; "
            f"add ?confirm={collection} to the address to delete them with it",
        )
    engine.delete_collection(collection)
    return Response(status_code=204)


@router.get(
    "/{c}/labels",
    summary="Labels and how many items have them",
    responses=responses(404, 422),
    openapi_extra={
        "parameters": [
            {
                "name": "under",
                "in": "query",
                "description": "Only this label path and what is below it",
                "schema": {"type": "string"},
            },
            {
                "name": "q",
                "in": "query",
                "description": "Only labels with this text in them, in any case",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_PAGE_LABELS,
                    "default": PAGE_LABELS,
                },
            },
            {"name": "cursor", "in": "query", "schema": {"type": "string"}},
        ]
    },
)
def list_labels(request: Request, collection: CollectionDep, engine: EngineDep) -> dict[str, Any]:
    """By label path, each with its first item as an example.

    `next_cursor` leads to the next page, null ends it.
    """
    values = query_parameters(request, ("under", "q", "limit", "cursor"))
    limit = whole_number(values.get("limit"), "limit", PAGE_LABELS, 1, MAX_PAGE_LABELS)
    cursor = values.get("cursor")
    query = LabelQuery(
        under=check_label(values.get("under")),
        containing=normal(values.get("q", "")) or None,
        after=None if cursor is None else decode_cursor(cursor),
        limit=limit + 1,
    )
    found = engine.catalog.labels(engine.catalog.collection(collection), query)
    return {
        "labels": [label_json(collection, each) for each in found[:limit]],
        "next_cursor": encode_cursor(found[limit - 1].label) if len(found) > limit else None,
    }


@router.get(
    "/{c}/classifiers",
    summary="Trained classifiers",
    responses=responses(404, 422),
    dependencies=NO_PARAMETERS,
)
def list_classifiers(collection: CollectionDep, engine: EngineDep) -> dict[str, Any]:
    """By name and target: what `with` of classify can name.

    `items`, `encoder` and `seq` tell what each learned from, `held_out_accuracy` how many of the
    items it was right about without having seen them; null where none could be held out.
    `outdated` where items changed since.
    """
    return {
        "classifiers": [
            {**classifier_json(each.description), "outdated": each.stale}
            for each in engine.classifiers(collection=collection)
        ]
    }


@router.get(
    "/{c}/facets",
    summary="How many items have which value of some fields",
    responses=responses(404, 422),
    openapi_extra={
        "parameters": [
            {"name": "fields", "in": "query", "required": True, "schema": {"type": "string"}},
            {"name": "filter", "in": "query", "schema": {"type": "string"}},
        ]
    },
)
def list_facets(request: Request, collection: CollectionDep, engine: EngineDep) -> dict[str, Any]:
    """Of the items that fulfil `filter`; `fields` are separated by commas."""
    values = query_parameters(request, ("fields", "filter"))
    names = field_names(values.get("fields"), "fields")
    if not names:
        raise ParameterError("missing", where="fields", fix="give names, separated by commas")
    condition = read_filter(values.get("filter"))
    facets = engine.facets(names, filter=condition, collection=collection)
    warnings = engine.filter_warnings(condition, collection=collection)
    return {"facets": facets_json(facets), "warnings": list(warnings)}


def _describe(engine: SearchEngine, collection: Collection) -> dict[str, Any]:
    live = engine.live(collection.name)
    snapshot, answering = live.snapshot(), live.record
    encoder = None
    if answering.encoder is not None:
        encoder = {
            "name": answering.encoder,
            "fingerprint": answering.fingerprint,
            "dimension": answering.dimension,
        }
    return {
        "name": collection.name,
        "items": engine.catalog.count(collection),
        "unsearchable": len(engine.catalog.unsearchable(answering)),
        "encoder": encoder,
        "fields": engine.catalog.fields(collection),
        **describe_snapshot(snapshot),
    }
