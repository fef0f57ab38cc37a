"""Receive raw bodies as files of uploads, without holding them in memory."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.forms import FORM, content_type
from api.problems import Problem
from indexer.staged_files import StagedFile
from indexer.staging import Staging

PART_BYTES = 2**20
"""Bytes buffered before they are written."""

_OF_FORMS = (FORM, "application/x-www-form-urlencoded")
_OF_ANYONE = ("", "text/plain")
"""Content types that pages of other sites can send without a preflight request."""


async def received(
    request: Request, staging: Staging, collection: str, upload_id: str, name: str
) -> tuple[StagedFile, str]:
    """Receive the body as a file of an upload; return the file and the SHA-256 of its bytes.

    Raises:
        EyedexError: As for `Staging.receive` and `Incoming`.
        ClientDisconnect: The body ends too early; nothing of it is kept.
    """
    incoming = await run_in_threadpool(staging.receive, collection, upload_id, name)
    digest = hashlib.sha256()
    try:
        await run_in_threadpool(incoming.check, _announced(request))
        async for part in _parts(request):
            digest.update(part)
            await run_in_threadpool(incoming.add, part)
        return await run_in_threadpool(incoming.finish), digest.hexdigest()
    finally:
        await run_in_threadpool(incoming.drop)


async def body_digest(request: Request) -> str:
    """Return the SHA-256 of a body without keeping it."""
    digest = hashlib.sha256()
    async for part in request.stream():
        digest.update(part)
    return digest.hexdigest()


def check_kind(request: Request, is_put: bool) -> None:
    """Refuse forms, and for POST all content types that pages of other sites can send.

    Raises:
        Problem: 415.
    """
    kind = content_type(request)
    if kind in _OF_FORMS:
        what = "send the file itself as the body, not a form"
    elif kind in _OF_ANYONE and not is_put:
        what = "say what the file is by its content type, such as application/zip or text/csv"
    else:
        return
    raise Problem(415, "unsupported_type", what)


def file_body(*others: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the raw body of a file in OpenAPI, with other bodies by content type."""
    file = {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
        "description": "The bytes of the file, of whatever kind; this one says nothing of it.",
    }
    content: dict[str, Any] = {kind: {"schema": schema} for kind, schema in others}
    return {
        "requestBody": {
            "required": True,
            "content": {**content, "application/octet-stream": {"schema": file}},
        }
    }


async def _parts(request: Request) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= PART_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def _announced(request: Request) -> int:
    """Return the checked Content-Length, or 0 if there is none."""
    return int(request.headers.get("content-length", "0"))
