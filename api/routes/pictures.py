"""Pictures of items."""

import hashlib
import os
from contextlib import suppress

from fastapi import APIRouter, Request, Response

from api.dependencies import CollectionDep, EngineDep
from api.heads import has_already
from api.parameters import IF_NONE_MATCH, Parameters, whole
from api.problems import responses
from search_engine.images import THUMBNAIL_QUALITY
from search_engine.records import CatalogItem

router = APIRouter(prefix="/v1/collections/{c}/images", tags=["items"])

PICTURE_SIDE_PX, MAX_PICTURE_SIDE_PX = 1_024, 2_048
GET_IMAGE = Parameters(
    whole("size", "most pixels of the long side", PICTURE_SIDE_PX, 16, MAX_PICTURE_SIDE_PX),
    headers=(IF_NONE_MATCH,),
)
RENDERING = 2
"""Counted up when the same picture is rendered otherwise, so that no client keeps the old one."""


@router.get(
    "/{item_id:id}",
    operation_id="getImage",
    summary="An item's picture",
    response_class=Response,
    responses={
        200: {
            "description": "Upright, without metadata",
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
            "headers": {"ETag": {"schema": {"type": "string"}}},
        },
        304: {"description": "The client has it already"},
        **responses(404, 422, 503),
    },
    openapi_extra=GET_IMAGE.openapi,
)
def get_image(
    request: Request, collection: CollectionDep, item_id: str, engine: EngineDep
) -> Response:
    """Encoded anew as JPEG with the long side at most `size` pixels."""
    size = GET_IMAGE.read(request)["size"]
    item = engine.catalog.get(engine.catalog.collection(collection), item_id)
    headers = {"ETag": _tag(item, size), "Cache-Control": "private, no-cache"}
    if has_already(request.headers.getlist("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    jpeg = engine.picture(item, size, THUMBNAIL_QUALITY)
    return Response(jpeg, media_type="image/jpeg", headers=headers)


def _tag(item: CatalogItem, size: int) -> str:
    """Another one whenever the picture is another one, found without reading it."""
    parts = [RENDERING, size, item.content_hash]
    if item.picture is not None:
        with suppress(OSError):
            found = os.stat(item.picture)
            parts += [found.st_mtime_ns, found.st_size]
    return f'"{hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()}"'
