"""Errors as `application/problem+json` (RFC 9457): one table from cause to status.

The body never holds a path, a traceback, SQL or a value that the client sent; it names fields, and
what is wrong with a filter, short and printable (`search_engine.near.shown`).
"""

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from api.request_names import as_requested, with_requests
from api.schemas.server import Problem as ProblemJson
from indexer import upload_errors
from search_engine import errors
from search_engine.access import Grant

log = logging.getLogger(__name__)

RETRY_AFTER_S = 2

_STATUS: dict[type[errors.EyedexError], int] = {
    errors.InputError: 422,
    errors.UnsupportedTypeError: 415,
    errors.TooManyBytesError: 413,
    errors.NotFoundError: 404,
    errors.MissingPictureError: 404,
    errors.CollectionExistsError: 409,
    errors.ItemChangedError: 412,
    errors.SourceError: 422,
    errors.JobFinishedError: 409,
    errors.TooManyJobsError: 409,
    errors.SourceDeniedError: 403,
    upload_errors.TooManyUploadsError: 409,
    upload_errors.UploadTooLargeError: 413,
    errors.StorageFullError: 507,
    errors.ReadOnlyError: 403,
    errors.StorageError: 503,
    errors.LockHeldError: 503,
    errors.EncoderError: 503,
    errors.ForkError: 503,
    errors.WorkerLostError: 503,
}

_CODE_OF_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    415: "unsupported_type",
    422: "bad_parameter",
    429: "rate_limited",
}
NOTHING_HERE = "there is nothing at this address; /openapi.json lists what there is"

CODES = {
    "bad_request": "The request is not well-formed.",
    "bad_host": "The request does not name one host that is served here.",
    "bad_json": "The body is not valid JSON, has a key twice, or NaN.",
    "truncated_body": "The body ends too early.",
    "unauthorized": "There is no key, or it is not valid.",
    "forbidden": "The key may not do this.",
    "cross_origin": "A page of another site asks for a change.",
    "method_not_allowed": "There is no such operation at this address.",
    "not_confirmed": "What would be lost has to be confirmed.",
    "unsupported_type": "The kind of the body, or of the picture in it, is not accepted.",
    "missing_file": "There is no picture, nor anything in its place.",
    "one_file_only": "There is more than one picture.",
    "too_many_queries": "There are more questions than one request may have.",
    "too_many_operations": "There are more operations than one request may have.",
    "idempotency_key_reused": "The Idempotency-Key was sent with another request.",
    "idempotency_key_in_use": "The first request with this Idempotency-Key is still at work.",
    "not_ready": "The catalog, the index or the encoder cannot be used yet.",
    "overloaded": "More is asked than the server can answer in time; ask again later.",
    "request_timeout": "The request took too long to come.",
    "rate_limited": "This key or address asks too often; ask again after `Retry-After` seconds.",
    "address_too_long": "The address is longer than the server reads.",
    "headers_too_large": "The headers are more than the server reads.",
    "http_error": "Another HTTP status; its title says which.",
    "bug": "Something is wrong on the side of the server.",
}
"""Codes that are decided at the edge; every error has one of its own besides."""


def known_codes() -> dict[str, str]:
    """Every code that a problem can have over HTTP, with what it means."""
    found = dict(CODES)
    kinds = sorted(_kinds_of(errors.EyedexError), key=lambda kind: len(kind.__mro__))
    for kind in kinds:  # of those with one code, the most general says what it means
        said = " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
        found.setdefault(kind.code, said)
    return dict(sorted(found.items()))


def _kinds_of(kind: type[errors.EyedexError]) -> Iterator[type[errors.EyedexError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds_of(each)


class Problem(Exception):
    """An answer other than success, decided at the edge."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def install(app: FastAPI) -> None:
    """Let every error leave the app as a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(errors.EyedexError, _on_eyedex_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


def problem_response(
    status: int, code: str, detail: str, request_id: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error as an answer."""
    body = problem_json(status, code, detail, request_id)
    headers = dict(headers or {})
    if status in (429, 503):
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def problem_json(status: int, code: str, detail: str, request_id: str) -> ProblemJson:
    """The one shape of all errors."""
    return {
        "type": f"urn:eyedex:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
    }


def problem_of(error: errors.EyedexError | Problem, request_id: str) -> ProblemJson:
    """What is wrong with one part of a request, within the answer to all of it."""
    if isinstance(error, Problem):
        return problem_json(error.status, error.code, error.detail, request_id)
    status = status_of(error)
    if status >= 500:
        log.error("%s %s", request_id, error)
    return problem_json(status, error.code, _public_text(error, status), request_id)


def status_of(error: errors.EyedexError) -> int:
    """The HTTP status of an error, by the nearest of its classes."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return 500


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI description of the problems that a route may answer with."""
    content = {"application/problem+json": {"schema": PROBLEM_SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
"""`api.schemas.server.Problem`."""

ANY_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Any other problem",
        "content": {"application/problem+json": {"schema": PROBLEM_SCHEMA}},
    }
}
"""What every route may answer, such as 400 for a host name that is not served."""


def request_id(request: Request) -> str:
    """The id that the middleware gave to this request."""
    return str(request.scope.get("request_id", ""))


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem_response(error.status, error.code, error.detail, request_id(request))


async def _on_eyedex_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.EyedexError)
    if isinstance(error, errors.CollectionNotFoundError) and _is_for_some(request):
        error = errors.CollectionNotFoundError(error.what)  # others' names are not for this key
    found = problem_of(error, request_id(request))
    return problem_response(found["status"], found["code"], found["detail"], found["request_id"])


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return problem_response(422, "bad_parameter", f"{where}: {first['msg']}", request_id(request))


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _CODE_OF_STATUS.get(error.status_code, "http_error")
    headers, detail = error.headers, str(error.detail)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed_methods(request))
        headers = {"Allow": allowed}
        detail = f"this address takes {allowed} only"
    if detail == HTTPStatus.NOT_FOUND.phrase:
        detail = NOTHING_HERE
    return problem_response(error.status_code, code, detail, request_id(request), headers)


def _allowed_methods(request: Request) -> list[str]:
    """Of all routes of this path; Starlette names those of the first one only."""
    allowed = [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
    return [*allowed, "HEAD"] if "GET" in allowed else allowed


async def _on_disconnect(request: Request, error: Exception) -> JSONResponse:
    return problem_response(400, "truncated_body", "the body ends too early", request_id(request))


def _is_for_some(request: Request) -> bool:
    """Whether the key of a request is for some collections only."""
    grant: Grant | None = getattr(request.state, "grant", None)
    return grant is not None and grant.collections is not None


def _public_text(error: errors.EyedexError, status: int) -> str:
    """What a stranger may read: places on our disk stay in the log."""
    if isinstance(error, errors.DamagedRecordError):
        return as_requested(str(error))
    if status >= 500:
        return _PUBLIC.get(error.code, "the catalog cannot be used at the moment")
    parts = [with_requests(error.what)]
    if isinstance(error, errors.ParameterError | errors.FilterError) and error.where:
        parts[0] = f"{error.where}: {parts[0]}"
    if error.fix:
        parts.append(as_requested(error.fix))
    return "; ".join(parts)


_PUBLIC = {
    "storage_full": "no space is left to store this",
    "lock_held": "the catalog is being written; try again",
    "storage_busy": "the catalog is being written; try again",
    "model_mismatch": "the encoder is not the one that made what is stored; if it is a classifier "
    "that was asked, train it again",
    "weights_unavailable": "the weights of the collection's encoder are not available",
    "database_unavailable": "the database of the catalog does not answer; try again",
    "index_unavailable": "the server that the index lies on does not answer; try again",
    "cluster_unavailable": "the cluster that embeds pictures does not answer; try again",
    "worker_lost": "the picture could not be decoded; try again",
}
