"""Items: list, read, put, change, delete."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.bodies import body as body_of
from api.bodies import json_body, typed_schema
from api.conditions import IF_MATCH, IF_NEW, TAGGED, conditional, expected_by, tag
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep
from api.forms import FORM, JSON, parse_json, read_body
from api.parameters import CURSOR, Parameters, as_sent, include_vectors, text, whole
from api.problems import Problem, responses
from api.request_names import with_requests
from api.schemas.items import (
    Item,
    ItemForm,
    ItemPage,
    ItemPatch,
    ItemRequest,
    add_palette,
    add_vector,
    item_answer,
    item_page_json,
)
from search_engine.catalog.damaged import require_sound
from search_engine.catalog.descriptions import COLUMNS
from search_engine.catalog.filter_text import read_filter
from search_engine.catalog.listing import ADDED
from search_engine.collections.listing import MAX_PAGE_ITEMS, PAGE_ITEMS, ItemQuestion
from search_engine.engine import SearchEngine
from search_engine.records import CatalogItem
from search_engine.search.declared import PALETTE

router = APIRouter(prefix="/v1/collections/{c}/items", tags=["items"])

LIST_ITEMS = Parameters(
    as_sent("filter", "only items that fulfil it: a line, or JSON"),
    text(
        "q",
        "only items with this in id or product id, or with all of its words, as beginnings of such "
        "in label, name or another text, in any case and with any accents",
    ),
    text(
        "sort",
        "`added` (the default), `changed`, `item_id`, `label`, `product_id` or an attribute, "
        "behind a `-` for the other way round; items without a value come last either way",
        "-price",
    ),
    CURSOR,
    whole("limit", "items to a page", PAGE_ITEMS, 1, MAX_PAGE_ITEMS),
    include_vectors(),
)
GET_ITEM = Parameters(include_vectors())
MERGE_PATCH = (JSON, "application/merge-patch+json")
_ITEM_BODY = body_of({FORM: typed_schema(ItemForm), JSON: typed_schema(ItemRequest)})


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
    found = item_page_json(collection, page)
    found["warnings"] = [with_requests(each) for each in found["warnings"]]
    _add_included(found["items"], page.items, engine, collection, values["include"])
    return found


@router.get(
    "/{item_id:id}",
    operation_id="getItem",
    summary="One item",
    responses={200: TAGGED, **responses(404, 422, 503)},
    openapi_extra=GET_ITEM.openapi,
)
def get_item(
    request: Request,
    collection: CollectionDep,
    item_id: str,
    engine: EngineDep,
    response: Response,
) -> Item:
    """What is known of it; with its embedding where `include` asks for it."""
    values = GET_ITEM.read(request)
    item = engine.catalog.get(engine.catalog.collection(collection), item_id)
    require_sound(item)
    tag(response, item)
    found = item_answer(collection, item)
    _add_included([found], [item], engine, collection, values["include"])
    return found


@router.put(
    "/{item_id:id}",
    operation_id="putItem",
    summary="Add or replace an item with its picture",
    responses={
        200: TAGGED,
        201: {**TAGGED, "description": "Added", "model": Item},
        **responses(400, 404, 412, 413, 415, 422, 503, 507),
    },
    dependencies=NO_PARAMETERS,
    openapi_extra=conditional(_ITEM_BODY, IF_MATCH, IF_NEW),
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
    expected = expected_by(request)
    body = await read_body(request, ItemRequest.__annotations__)
    if body.image is None:
        raise Problem(422, "missing_file", "send the picture as image")
    known = {name: body.values.get(name) for name in COLUMNS}
    known["attributes"] = _object(known["attributes"])
    stored = await run_in_threadpool(
        engine.put, item_id, body.image, known, collection=collection, expected=expected
    )
    later.add_task(engine.fold_changes, collection)
    response.status_code = 201 if stored.is_new else 200
    tag(response, stored.item)
    return item_answer(collection, stored.item)


@router.patch(
    "/{item_id:id}",
    operation_id="patchItem",
    summary="Change what is known about an item",
    responses={200: TAGGED, **responses(400, 404, 412, 413, 415, 422, 503, 507)},
    dependencies=NO_PARAMETERS,
    openapi_extra=conditional(json_body(ItemPatch, *MERGE_PATCH), IF_MATCH),
)
async def patch_item(
    request: Request,
    collection: CollectionDep,
    item_id: str,
    engine: EngineDep,
    response: Response,
) -> Item:
    """A JSON merge patch (RFC 7396): what is named changes, null clears it, all else stays."""
    expected = expected_by(request)
    body = await read_body(request, ItemPatch.__annotations__, MERGE_PATCH)
    item = await run_in_threadpool(
        engine.describe, item_id, body.values, collection=collection, expected=expected
    )
    tag(response, item)
    return item_answer(collection, item)


@router.delete(
    "/{item_id:id}",
    status_code=204,
    operation_id="deleteItem",
    summary="Remove an item",
    responses=responses(404, 412, 422, 503, 507),
    dependencies=NO_PARAMETERS,
    openapi_extra=conditional({}, IF_MATCH),
)
def delete_item(
    request: Request,
    collection: CollectionDep,
    item_id: str,
    engine: EngineDep,
    later: BackgroundTasks,
) -> Response:
    """The next search does not find it."""
    engine.remove(item_id, collection=collection, expected=expected_by(request))
    later.add_task(engine.fold_changes, collection)
    return Response(status_code=204)


def _add_included(
    found: Sequence[Item],
    items: Sequence[CatalogItem],
    engine: SearchEngine,
    collection: str,
    include: str | None,
) -> None:
    """Add the embeddings or palettes of items to their answers, if they are asked for."""
    if include is None:
        return
    if include == PALETTE:
        palettes = engine.catalog.palettes([item.key for item in items])
        for answer, item in zip(found, items, strict=True):
            add_palette(answer, palettes.get(item.key))
        return
    record = engine.catalog.collection(collection)
    vectors = engine.catalog.vectors(record, [item.key for item in items])
    for answer, item in zip(found, items, strict=True):
        add_vector(answer, vectors.get(item.key), include)


def _object(attributes: Any) -> Any:
    """Attributes of a form are JSON in a text."""
    if isinstance(attributes, str):
        return parse_json(attributes) if attributes else None
    return attributes
