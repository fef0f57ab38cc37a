"""`Idempotency-Key`: a repeated request is executed once and answered with the first answer.

A client that received no answer cannot know whether its request was executed. With a key it can
safely send the request again within 24 hours.
"""

import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.problems import Problem
from search_engine.catalog.answers import KeptAnswer, find_answer, keep_answer
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, ParameterError

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Answer = tuple[int, Mapping[str, Any]]
"""A status and a JSON body."""

PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "A key of your choice for this request. The same request with the same key "
    f"within 24 hours is not executed again but gets the first answer, with the header {REPLAYED}.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
"""The header in OpenAPI."""

_lock = threading.Lock()
_at_work: set[tuple[int, str]] = set()


async def answer_once(
    request: Request,
    engine: SearchEngine,
    do: Callable[[], Awaitable[Answer]],
    headers: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda body: {},
) -> Response:
    """Return the answer of `do`, or the answer to the same request before.

    Only successful answers are kept, so a refused request can be sent again with its key.

    Args:
        request: The request; its body is read completely.
        engine: Its catalog stores the answers.
        do: Executes the request.
        headers: Returns further headers for a body.

    Raises:
        Problem: 422 `idempotency_key_reused` if another request used the key; 409
            `idempotency_key_in_use` if the first request has not finished.
        ParameterError: The key is malformed.
    """
    key = key_of(request)
    if key is None:
        status, body = await do()
        return JSONResponse(body, status, dict(headers(body)))
    digest = digest_of(request, hashlib.sha256(await request.body()).hexdigest())
    with at_work(engine, key):
        kept = await run_in_threadpool(found, engine, key)
        if kept is not None:
            return replayed(kept, digest, headers)
        status, body = await do()
        await run_in_threadpool(keep, engine, key, digest, (status, body))
    return JSONResponse(body, status, dict(headers(body)))


def key_of(request: Request) -> str | None:
    """Return the key of a request, or None if it has none.

    Raises:
        ParameterError: The key is malformed.
    """
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise ParameterError(
            "not a key", where=HEADER, fix="send 1 to 255 visible ASCII characters, once"
        )
    return given[0]


def digest_of(request: Request, body_digest: str) -> str:
    """Return a digest of the method, URL, content type and content of a request."""
    kind = request.headers.get("content-type", "")
    told = (request.method, request.url.path, request.url.query, kind, body_digest)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@contextmanager
def at_work(engine: SearchEngine, key: str) -> Iterator[None]:
    """Exclude other requests with this key in this process.

    Raises:
        Problem: Another request with this key has not finished.
    """
    mark = (id(engine), key)
    with _lock:
        if mark in _at_work:
            raise Problem(
                409, "idempotency_key_in_use", f"{HEADER}: the first request is still at work"
            )
        _at_work.add(mark)
    try:
        yield
    finally:
        with _lock:
            _at_work.discard(mark)


def found(engine: SearchEngine, key: str) -> KeptAnswer | None:
    """Return the stored answer of a key, if there is one."""
    with engine.catalog.read() as connection:
        return find_answer(connection, key, time.time())


def keep(engine: SearchEngine, key: str, digest: str, answer: Answer) -> None:
    """Store an answer; a failure is logged only, since the request was executed."""
    kept = KeptAnswer(digest, answer[0], json.dumps(answer[1]))
    try:
        with engine.catalog.write() as writer:
            keep_answer(writer, key, kept, time.time())
    except EyedexError as error:
        log.warning("the answer of an %s is not kept: %s", HEADER, error)


def replayed(
    kept: KeptAnswer,
    digest: str,
    headers: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda body: {},
) -> Response:
    """Return the stored answer.

    Raises:
        Problem: It belongs to another request.
    """
    if kept.request != digest:
        raise Problem(
            422,
            "idempotency_key_reused",
            f"{HEADER}: it was sent with another request; take a new key for each",
        )
    body = json.loads(kept.body)
    return JSONResponse(body, kept.status, {**headers(body), REPLAYED: "true"})
