"""Items: list, read, put, change, delete."""

from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import parse_json, read_body
from api.parameters import CURSOR, Parameters, as_sent, text, whole
from api.problems import Problem, responses
from api.schemas.items import Item, ItemPage, item_answer, item_page_json
from search_engine.catalog.descriptions import COLUMNS
from search_engine.catalog.filter_text import read_filter
from search_engine.catalog.listing import ADDED
from search_engine.collections.listing import MAX_PAGE_ITEMS, PAGE_ITEMS, ItemQuestion

router = APIRouter(prefix="/v1/collections/{c}/items", tags=["items"])

LIST_ITEMS = Parameters(
    as_sent("filter", "only items that fulfil it: a line, or JSON"),
    text("q", "only items with this in id, product id, label or a text of attributes, in any case"),
    text(
        "sort",
        "`added` (the default), `changed`, `item_id`, `label`, `product_id` or an attribute, "
        "behind a `-` for the other way round; items without a value come last either way",
        "-price",
    ),
    CURSOR,
    whole("limit", "items to a page", PAGE_ITEMS, 1, MAX_PAGE_ITEMS),
)
MERGE_PATCH = ("application/json", "application/merge-patch+json")
_PUT_FIELDS = (*COLUMNS, "image_base64")

_PUT_REQUEST = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "label": {"type": "string"},
                        "product_id": {"type": "string"},
                        "attributes": {"type": "string", "description": "a JSON object"},
                    },
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["image_base64"],
                    "properties": {
                        "image_base64": {"type": "string", "format": "byte"},
                        "label": {"type": ["string", "null"]},
                        "product_id": {"type": ["string", "null"]},
                        "attributes": {"type": ["object", "null"]},
                    },
                }
            },
        },
    }
}
_PATCH_SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"type": ["string", "null"]},
        "product_id": {"type": ["string", "null"]},
        "attributes": {
            "type": ["object", "null"],
            "description": "Those that are named change, null removes one; null for all of them",
        },
    },
}
_PATCH_REQUEST = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": _PATCH_SCHEMA} for kind in MERGE_PATCH},
    }
}


@router.get(
    "",
    operation_id="listItems",
    summary="Items, page by page",
    responses=responses(404, 422),
    openapi_extra=LIST_ITEMS.openapi,
)
def list_items(request: Request, collection: CollectionDep, engine: EngineDep) -> ItemPage:
    """Those that fulfil `filter` and have `q` in them, in the order of `sort`.

    Pages stay as they are while items come and go: none comes twice, and none that stayed as it was
    is left out. `next_cursor` leads to the next page, null ends it; `total` counts all pages.
    """
    values = LIST_ITEMS.read(request)
    question = ItemQuestion(read_filter(values["filter"]), values["q"], values["sort"] or ADDED)
    page = engine.item_page(question, values["limit"], values["cursor"], collection=collection)
    return item_page_json(collection, page)


@router.get(
    "/{item_id:id}",
    operation_id="getItem",
    summary="One item",
    responses=responses(404, 422),
    dependencies=NO_PARAMETERS,
)
def get_item(collection: CollectionDep, item_id: str, engine: EngineDep) -> Item:
    """Without its embedding."""
    record = engine.catalog.collection(collection)
    return item_answer(collection, engine.catalog.get(record, item_id))


@router.put(
    "/{item_id:id}",
    operation_id="putItem",
    summary="Add or replace an item with its picture",
    responses={201: {"description": "Added"}, **responses(400, 404, 413, 415, 422, 503, 507)},
    dependencies=NO_PARAMETERS,
    openapi_extra=_PUT_REQUEST,
)
async def put_item(
    request: Request,
    collection: CollectionDep,
    item_id: str,
    engine: EngineDep,
    later: BackgroundTasks,
    response: Response,
) -> Item:
    """Durable, and found by the next search, when this answers: 201 for a new item, else 200."""
    body = await read_body(request, _PUT_FIELDS)
    if body.image is None:
        raise Problem(422, "missing_file", "send the picture as image")
    known = {name: body.values.get(name) for name in COLUMNS}
    known["attributes"] = _object(known["attributes"])
    stored = await run_in_threadpool(engine.put, item_id, body.image, known, collection=collection)
    later.add_task(engine.fold_changes, collection)
    response.status_code = 201 if stored.is_new else 200
    return item_answer(collection, stored.item)


@router.patch(
    "/{item_id:id}",
    operation_id="patchItem",
    summary="Change what is known about an item",
    responses=responses(400, 404, 413, 415, 422, 503, 507),
    dependencies=NO_PARAMETERS,
    openapi_extra=_PATCH_REQUEST,
)
async def patch_item(
    request: Request, collection: CollectionDep, item_id: str, engine: EngineDep
) -> Item:
    """A JSON merge patch (RFC 7396): what is named changes, null clears it, all else stays."""
    body = await read_body(request, COLUMNS, MERGE_PATCH)
    item = await run_in_threadpool(engine.describe, item_id, body.values, collection=collection)
    return item_answer(collection, item)


@router.delete(
    "/{item_id:id}",
    status_code=204,
    operation_id="deleteItem",
    summary="Remove an item",
    responses=responses(404, 422, 503, 507),
    dependencies=NO_PARAMETERS,
)
def delete_item(
    collection: CollectionDep, item_id: str, engine: EngineDep, later: BackgroundTasks
) -> Response:
    """The next search does not find it."""
    engine.remove(item_id, collection=collection)
    later.add_task(engine.fold_changes, collection)
    return Response(status_code=204)


def _object(attributes: Any) -> Any:
    """Attributes of a form are JSON in a text."""
    if isinstance(attributes, str):
        return parse_json(attributes) if attributes else None
    return attributes
