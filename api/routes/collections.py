"""Collections: list, make, describe, delete; their labels, facets and trained classifiers."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import JSON, field_names, query_parameters, read_body, text_value
from api.problems import responses
from api.schemas import classifier_json, facets_json, item_answer
from search_engine.catalog.store import Collection
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.filter_text import read_filter
from search_engine.indexes.live import describe_snapshot

router = APIRouter(prefix="/v1/collections", tags=["collections"])


@router.get("", summary="All collections", dependencies=NO_PARAMETERS)
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


@router.delete("/{c}", status_code=204, summary="Delete a collection", responses=responses(404))
def delete_collection(collection: CollectionDep, engine: EngineDep) -> Response:
    """With all its items."""
    engine.delete_collection(collection)
    return Response(status_code=204)


@router.get("/{c}/labels", summary="Labels and how many items have them", responses=responses(404))
def list_labels(collection: CollectionDep, engine: EngineDep) -> dict[str, Any]:
    """By label path, each with its first item as an example."""
    found = engine.catalog.labels(engine.catalog.collection(collection))
    examples = engine.catalog.by_keys([each.first for each in found])
    return {
        "labels": [
            {
                "label": each.label,
                "count": each.count,
                "example": item_answer(collection, examples[each.first]),
            }
            for each in found
            if each.first in examples
        ]
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
