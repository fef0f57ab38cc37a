"""Uploads of files for jobs, one by one or as an archive."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.bodies import typed_schema
from api.cursors import page_of
from api.dependencies import NO_PARAMETERS, CollectionDep, EngineDep, StagingDep
from api.forms import JSON, read_body
from api.idempotency import (
    PARAMETER,
    Answer,
    answer_once,
    at_work,
    digest_of,
    found,
    keep,
    key_of,
    replayed,
)
from api.parameters import CURSOR, Parameters, flag, text, whole
from api.problems import responses
from api.schemas.uploads import (
    NewUpload,
    TakenFor,
    Upload,
    UploadDetails,
    UploadFile,
    UploadPage,
    details_json,
    file_json,
    upload_json,
)
from api.upload_bodies import body_digest, check_kind, file_body, received
from api.upload_columns import add_columns
from indexer.staging import Staging
from indexer.upload_errors import UploadError
from search_engine.cursors import read_cursor
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError

router = APIRouter(prefix="/v1/collections/{c}/uploads", tags=["uploads"])

CREATE = Parameters(
    text("name", "name of the file in the body; leave it out to open an empty upload", "shop.zip"),
    headers=[PARAMETER],
)
PAGE_FILES, MAX_PAGE_FILES = 100, 1_000
PAGE_UPLOADS, MAX_PAGE_UPLOADS = 50, 200
DETAILS = Parameters(
    flag("columns", "report how the columns of the table are read, which reads all of it"),
    CURSOR,
    whole("limit", "files to a page", PAGE_FILES, 1, MAX_PAGE_FILES),
)
LIST = Parameters(CURSOR, whole("limit", "uploads to a page", PAGE_UPLOADS, 1, MAX_PAGE_UPLOADS))


@router.post(
    "",
    status_code=201,
    operation_id="createUpload",
    summary="Open an upload, or send one file",
    response_model=Upload,
    responses=responses(400, 403, 404, 408, 409, 413, 415, 422, 503, 507),
    openapi_extra={**file_body((JSON, typed_schema(NewUpload))), **CREATE.openapi},
)
async def create_upload(
    request: Request, collection: CollectionDep, engine: EngineDep, staging: StagingDep
) -> Response:
    """Open an empty upload with `{}`; with `name`, upload the body as its only file.

    The file may be an archive of pictures with or without a table, a table that names pictures by
    URL, or a picture. Files wait for a job that names the upload, and are deleted when it expires.
    """
    name = CREATE.read(request)["name"]
    if name is not None:
        return await _create_with(request, engine, staging, collection, name)

    async def do() -> Answer:
        await read_body(request, (), (JSON,))
        return 201, upload_json(await run_in_threadpool(staging.create, collection))

    return await answer_once(request, engine, do, _location)


@router.get(
    "",
    operation_id="listUploads",
    summary="Open uploads, oldest first",
    responses=responses(404, 422),
    openapi_extra=LIST.openapi,
)
def list_uploads(request: Request, collection: CollectionDep, staging: StagingDep) -> UploadPage:
    """Expired uploads are left out."""
    values = LIST.read(request)
    question, limit = {"uploads of": collection}, values["limit"]
    known = staging.list(collection)
    if values["cursor"] is not None:
        place = read_cursor(values["cursor"], question, ((int, float), str))
        known = [each for each in known if (each.created_at, each.id) > place]
    shown, next_cursor = page_of(known, limit, lambda each: (each.created_at, each.id), question)
    return {"uploads": [upload_json(each) for each in shown], "next_cursor": next_cursor}


@router.get(
    "/{upload_id}",
    operation_id="getUpload",
    summary="One upload with its files",
    responses=responses(404, 422),
    openapi_extra=DETAILS.openapi,
)
def get_upload(
    request: Request,
    collection: CollectionDep,
    upload_id: str,
    engine: EngineDep,
    staging: StagingDep,
) -> UploadDetails:
    """Tells how a job would read the upload; with `columns=true`, how the columns of its table."""
    values = DETAILS.read(request)
    question = {"files of": upload_id}
    files = iter(staging.files(collection, upload_id))
    if values["cursor"] is not None:
        (last,) = read_cursor(values["cursor"], question, (str,))
        files = (each for each in files if each.name > last)
    page = list(islice(files, values["limit"] + 1))
    shown, next_cursor = page_of(page, values["limit"], lambda each: (each.name,), question)
    reads, why = _reads(staging, collection, upload_id)
    found = details_json(staging.get(collection, upload_id), shown, next_cursor)
    found["reads"], found["unclear_because"] = reads, why
    if values["columns"] and reads == "table":
        add_columns(found, engine, staging.source(collection, upload_id), collection)
    return found


@router.put(
    "/{upload_id}/files/{name:id}",
    operation_id="putUploadFile",
    summary="Put a file into an upload",
    responses={
        201: {"description": "Added", "model": UploadFile},
        **responses(400, 403, 404, 408, 413, 415, 422, 503, 507),
    },
    openapi_extra=file_body(),
    dependencies=NO_PARAMETERS,
)
async def put_file(
    request: Request,
    collection: CollectionDep,
    upload_id: str,
    name: str,
    staging: StagingDep,
    response: Response,
) -> UploadFile:
    """The body is the file itself, and replaces a file with the same name (200 instead of 201).

    Folders of pictures are their labels, unless the upload has a table.
    """
    check_kind(request, is_put=True)
    file, _ = await received(request, staging, collection, upload_id, name)
    response.status_code = 201 if file.is_new else 200
    return file_json(file)


@router.delete(
    "/{upload_id}",
    status_code=204,
    operation_id="deleteUpload",
    summary="Delete an upload",
    responses=responses(403, 404, 422, 503, 507),
    dependencies=NO_PARAMETERS,
)
def delete_upload(collection: CollectionDep, upload_id: str, staging: StagingDep) -> Response:
    """Deletes all its files."""
    staging.delete(collection, upload_id)
    return Response(status_code=204)


async def _create_with(
    request: Request, engine: SearchEngine, staging: Staging, collection: str, name: str
) -> Response:
    """Create an upload with the body as its only file."""
    check_kind(request, is_put=False)
    key = key_of(request)
    if key is None:
        body, _ = await _received(request, staging, collection, name)
        return JSONResponse(body, 201, dict(_location(body)))
    with at_work(engine, key):
        kept = await run_in_threadpool(found, engine, key)
        if kept is not None:
            return replayed(kept, digest_of(request, await body_digest(request)), _location)
        body, digest = await _received(request, staging, collection, name)
        await run_in_threadpool(keep, engine, key, digest_of(request, digest), (201, body))
    return JSONResponse(body, 201, dict(_location(body)))


async def _received(
    request: Request, staging: Staging, collection: str, name: str
) -> tuple[Mapping[str, Any], str]:
    """Return a new upload with the body as its file, and the digest of the body."""
    upload = await run_in_threadpool(staging.create, collection)
    try:
        _, digest = await received(request, staging, collection, upload.id, name)
    except BaseException:
        with suppress(EyedexError):
            await run_in_threadpool(staging.delete, collection, upload.id)
        raise
    return upload_json(await run_in_threadpool(staging.get, collection, upload.id)), digest


def _location(body: Mapping[str, Any]) -> Mapping[str, str]:
    return {"Location": f"/v1/collections/{body['collection']}/uploads/{body['id']}"}


def _reads(staging: Staging, collection: str, upload_id: str) -> tuple[TakenFor, str | None]:
    """Return how a job reads an upload, and why it would refuse it."""
    try:
        return staging.leading(collection, upload_id)[0], None
    except UploadError as error:
        is_empty = not staging.get(collection, upload_id).files
        return "empty" if is_empty else "unclear", f"{error.what}; {error.fix}"
