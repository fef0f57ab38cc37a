"""Who may do what: every route needs a scope, and a key of that scope once there are keys."""

import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from api.security.audit import Change
from api.security.keyring import Keyring
from api.security.rates import Rate, RateLimit, address_of
from search_engine.access import Grant, Scope
from search_engine.catalog.access_rows import AccessKey

PUBLIC = frozenset(("healthz", "readyz"))
"""Operations that need no key; the page, its files and the description of the API do not either."""
QUESTIONS = frozenset(("search", "classify", "searchBatch", "classifyBatch"))
"""Operations that send a body and only read."""
ADMINISTRATION = frozenset(
    ("createCollection", "deleteCollection", "rollBackCollection", "deleteFeedback")
)
CONFIDENTIAL = frozenset(("listFeedback",))
"""Operations that only read, but what not everyone shall who may search."""
NOT_ANONYMOUS = frozenset(("metrics",))
"""Operations that need a key once there are keys, also where everyone may search without."""
ADMIN_JOBS = frozenset(("tune", "switch", "calibrate", "rerank", "snapshot", "check"))
"""Kinds of jobs that change how a collection answers, or are about more than one."""

_READING = frozenset(("GET", "HEAD"))
_NEEDS_KEY = "this needs a valid key; send it as Authorization: Bearer KEY or as X-API-Key: KEY"
_TOO_MANY_BAD_KEYS = "too many bad keys came from this address; ask again later"
BAD_KEYS = Rate(20, 60)
"""What an address may send; good keys from it are taken all the same."""
UNNOTED = frozenset(("putUploadFile",))
"""Changes that the audit log leaves out: nothing is found by them, and there may be 100,000."""

SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of `eyedex keys create`.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key, where `Authorization` is taken.",
    },
}
"""How a key is sent, in OpenAPI."""
ANY_KEY: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}, {}]
"""What operations need, in OpenAPI; nothing where no key was ever made."""


def needed_scope(operation: str, method: str) -> Scope | None:
    """The scope that an operation needs; None for none."""
    if operation in PUBLIC:
        return None
    if operation in ADMINISTRATION:
        return "admin"
    reads = method in _READING or operation in QUESTIONS
    return "read" if reads and operation not in CONFIDENTIAL else "write"


async def authorize(request: Request) -> None:
    """Let a request pass if it may do what it asks; a dependency of every route.

    Raises:
        HTTPException: 401 for no key or a bad one, whatever is wrong with it; 403 for one that may
            not do this.
    """
    route = request.scope["route"]
    operation = getattr(route, "operation_id", None)
    if operation is not None:
        request.state.operation = operation
    scope = None if operation is None else needed_scope(operation, request.method)
    if scope is None:
        return
    keyring: Keyring = request.app.state.keyring
    token = token_in(request.headers)
    if not keyring.is_fresh(token):
        await run_in_threadpool(keyring.refresh, token)
    grant = keyring.grant(token)
    needs_key = operation in NOT_ANONYMOUS and keyring.has_known_keys
    if grant is None or (token is None and needs_key):
        raise _unauthorized(request, token)
    collection = request.path_params.get("c")
    if scope != "read":
        _note_change(request, operation or "", None if token is None else keyring.key(token))
    require(grant, scope, None if collection is None else (collection,))
    request.state.grant = grant


def require(grant: Grant, scope: Scope, collections: Sequence[str] | None = None) -> None:
    """Refuse what is not granted.

    Raises:
        HTTPException: 403, saying what is missing.
    """
    if not grant.allows(scope):
        raise _forbidden(f"this needs a key of scope {scope}; this one has {grant.scope}")
    if collections is not None and not all(grant.covers(each) for each in collections):
        raise _forbidden("this key is for other collections")


def require_all_collections(grant: Grant) -> None:
    """Refuse a key that is for some collections only.

    Raises:
        HTTPException: 403.
    """
    if grant.collections is not None:
        raise _forbidden("this needs a key for all collections")


def grant_of(request: Request) -> Grant:
    """What this request may do, as `authorize` found."""
    grant: Grant = request.state.grant
    return grant


GrantDep = Annotated[Grant, Depends(grant_of)]


def token_in(headers: Headers) -> str | None:
    """The token that was sent, as the one that it is; None where none was.

    Two different ones, or a header of another kind, are as good as a wrong one.
    """
    sent = [_bearer(each) for each in headers.getlist("authorization")]
    sent += headers.getlist("x-api-key")
    if not sent:
        return None
    return sent[0] if len(sent) == 1 else ""


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _note_change(request: Request, operation: str, key: AccessKey | None) -> None:
    """Tell the audit log what is going to be changed, and by whom."""
    change: Change | None = request.scope.get("change")
    if change is None or operation in UNNOTED:
        return
    change.operation = operation
    change.collection = request.path_params.get("c")
    change.items = 1 if "item_id" in request.path_params else None
    if key is not None:
        change.key_id, change.key_name = key.id, key.name


def _unauthorized(request: Request, token: str | None) -> HTTPException:
    """A refusal that says the same whatever is wrong with a key; but not to those who try many."""
    if token is not None:
        bad_keys: RateLimit = request.app.state.bad_keys
        taken = bad_keys.take(address_of(request.scope.get("client")))
        if taken.wait_s:
            wait = {"Retry-After": str(math.ceil(taken.wait_s)), "Connection": "close"}
            return HTTPException(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY_BAD_KEYS, wait)
    headers = {"WWW-Authenticate": 'Bearer realm="eyedex"', "Connection": "close"}
    return HTTPException(HTTPStatus.UNAUTHORIZED, _NEEDS_KEY, headers)


def _forbidden(detail: str) -> HTTPException:
    return HTTPException(HTTPStatus.FORBIDDEN, detail, {"Connection": "close"})
