"""Items: list, read, put, change, delete; their pictures."""

import base64
import binascii
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.dependencies import CollectionDep, EngineDep
from api.forms import parse_json, query_parameters, read_body, text_value, whole_number
from api.problems import Problem, responses
from api.schemas import item_answer
from indexer.sources import check_attributes, check_item_id
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError, RowError
from search_engine.images import THUMBNAIL_QUALITY

router = APIRouter(prefix="/v1/collections/{c}/items", tags=["items"])

PAGE_ITEMS, MAX_PAGE_ITEMS = 50, 500
PICTURE_SIDE_PX, MAX_PICTURE_SIDE_PX = 1_024, 2_048
_PUT_FIELDS = ("attributes", "label", "product_id", "image_base64")
_PATCH_FIELDS = ("attributes", "label", "product_id")

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
            }
        },
    }
}
_PATCH_REQUEST = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "label": {"type": ["string", "null"]},
                        "product_id": {"type": ["string", "null"]},
                        "attributes": {"type": ["object", "null"]},
                    },
                }
            }
        },
    }
}


@router.get("", summary="Items, page by page", responses=responses(404, 422))
def list_items(request: Request, collection: CollectionDep, engine: EngineDep) -> dict[str, Any]:
    """In a stable order; `next_cursor` leads to the next page, null ends it."""
    values = query_parameters(request, ("cursor", "limit"))
    limit = whole_number(values.get("limit"), "limit", PAGE_ITEMS, 1, MAX_PAGE_ITEMS)
    after = _decode_cursor(values.get("cursor"))
    items = engine.catalog.page(engine.catalog.collection(collection), after, limit)
    return {
        "items": [item_answer(collection, item) for item in items],
        "next_cursor": _encode_cursor(items[-1].key) if len(items) == limit else None,
    }


@router.get(
    "/{item_id:path}/image",
    summary="An item's picture",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "Upright, without metadata"},
        **responses(404, 422, 503),
    },
)
def get_image(
    request: Request, collection: CollectionDep, item_id: str, engine: EngineDep
) -> Response:
    """Encoded anew as JPEG with the long side at most `size` pixels."""
    values = query_parameters(request, ("size",))
    size = whole_number(values.get("size"), "size", PICTURE_SIDE_PX, 16, MAX_PICTURE_SIDE_PX)
    item = engine.catalog.get(engine.catalog.collection(collection), item_id)
    headers = {
        "ETag": f'"{item.content_hash[:32]}-{size}"',
        "Cache-Control": "private, max-age=300",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    jpeg = engine.picture(item, size, THUMBNAIL_QUALITY)
    return Response(jpeg, media_type="image/jpeg", headers=headers)


@router.get("/{item_id:path}", summary="One item", responses=responses(404))
def get_item(collection: CollectionDep, item_id: str, engine: EngineDep) -> dict[str, Any]:
    """Without its embedding."""
    record = engine.catalog.collection(collection)
    return item_answer(collection, engine.catalog.get(record, item_id))


@router.put(
    "/{item_id:path}",
    summary="Add or replace an item with its picture",
    responses=responses(400, 404, 413, 415, 422, 503, 507),
    openapi_extra=_PUT_REQUEST,
)
async def put_item(
    request: Request,
    collection: CollectionDep,
    item_id: str,
    engine: EngineDep,
    later: BackgroundTasks,
) -> dict[str, Any]:
    """Durable, and found by the next search, when this answers."""
    body = await read_body(request, _PUT_FIELDS)
    if body.image is None:
        raise Problem(422, "missing_file", "send the picture as image")
    item = await run_in_threadpool(
        engine.upsert,
        _checked_id(item_id),
        body.image,
        label=_label(body.values),
        product_id=text_value(body.values, "product_id"),
        attributes=_attributes(body.values) or {},
        collection=collection,
    )
    later.add_task(_compact, engine, collection)
    return item_answer(collection, item)


@router.patch(
    "/{item_id:path}",
    summary="Change what is known about an item",
    responses=responses(400, 404, 413, 415, 422, 503, 507),
    openapi_extra=_PATCH_REQUEST,
)
async def patch_item(
    request: Request, collection: CollectionDep, item_id: str, engine: EngineDep
) -> dict[str, Any]:
    """Only the fields that are sent change; null clears one."""
    body = await read_body(request, _PATCH_FIELDS)
    changes: dict[str, Any] = {}
    if "label" in body.values:
        changes["label"] = _label(body.values)
    if "product_id" in body.values:
        changes["product_id"] = text_value(body.values, "product_id")
    if "attributes" in body.values:
        changes["attributes"] = _attributes(body.values) or {}
    if not changes:
        raise ParameterError("nothing to change", fix=f"send {', '.join(_PATCH_FIELDS)}")
    item = await run_in_threadpool(engine.describe, item_id, changes, collection=collection)
    return item_answer(collection, item)


@router.delete(
    "/{item_id:path}",
    status_code=204,
    summary="Remove an item",
    responses=responses(404, 503, 507),
)
def delete_item(
    collection: CollectionDep, item_id: str, engine: EngineDep, later: BackgroundTasks
) -> Response:
    """The next search does not find it."""
    engine.remove(item_id, collection=collection)
    later.add_task(_compact, engine, collection)
    return Response(status_code=204)


def _compact(engine: SearchEngine, collection: str) -> None:
    """Fold changes into a new generation when it is worth it; not while somebody is indexing."""
    engine.live(collection).compact_aside()


def _checked_id(item_id: str) -> str:
    try:
        return check_item_id(item_id)
    except RowError as error:
        raise ParameterError(error.what, where="item_id") from None


def _label(values: Any) -> str | None:
    label = text_value(values, "label")
    return label.strip("/ ") or None if label else None


def _attributes(values: Any) -> dict[str, Any] | None:
    found = values.get("attributes")
    if isinstance(found, str):
        found = parse_json(found) if found else None
    if found is None:
        return None
    try:
        return check_attributes(found)
    except RowError as error:
        raise ParameterError(error.what, where="attributes") from None


def _encode_cursor(key: int) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def _decode_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        return whole_number(text, "cursor", 0, 0, 10**9)
    except (ValueError, binascii.Error):
        raise ParameterError("not a cursor of ours", where="cursor") from None
