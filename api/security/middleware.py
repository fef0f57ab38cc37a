"""Around every request: an id, security headers, and what the headers are enough to refuse."""

import logging
import math
import re
import uuid
from collections.abc import Mapping
from contextlib import ExitStack

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, problem_response
from api.security.access import token_in
from api.security.admission import Admission
from api.security.bodies import BodyLimits, too_large
from api.security.hosts import HostRules
from api.security.keyring import Keyring
from api.security.rates import Kind, Rate, RateLimit, address_of

log = logging.getLogger(__name__)


def content_security_policy(ancestors: tuple[str, ...] = ()) -> str:
    """What a document may load, and which sites may show it in theirs."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors " + (" ".join(ancestors) or "'none'")
    )


SECURITY_HEADERS = {
    "Content-Security-Policy": content_security_policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}

_Refusal = tuple[int, str, str]

_OWN_ID = re.compile(r"[!-~]{1,128}")
_FORM_KINDS = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
"""What forms of HTML send."""
_READING = frozenset(("GET", "HEAD", "OPTIONS"))
_QUESTIONS = ("/search", "/classify", "/search:batch", "/classify:batch")

_BAD_HOST = (
    400,
    "bad_host",
    "requests must name one host that is served here; list its name in EYEDEX_ALLOWED_HOSTS",
)
_CROSS_ORIGIN = (
    403,
    "cross_origin",
    "a page of another site may not ask this; use the page of this server, or list the name of "
    "the site in EYEDEX_ALLOWED_HOSTS",
)
_FORM = (
    415,
    "unsupported_type",
    "a form changes nothing here, as a page of another site could send it; send application/json",
)
_PACKED = (
    415,
    "unsupported_type",
    "packed bodies are not taken; send it as it is, without Content-Encoding",
)
_BUG = (500, "bug", "something is wrong on our side")


class EdgeMiddleware:
    """Refuses what can be refused from the headers, and marks every answer, a bug's too.

    Bodies without a length are counted while they are read (`api.security.bodies`).
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: HostRules,
        bodies: BodyLimits,
        read_only: bool,
        limits: Mapping[Kind, Rate],
    ) -> None:
        self._app = app
        self._limits = {kind: RateLimit(kind, rate) for kind, rate in limits.items()}
        self._hosts = hosts
        self._bodies = bodies
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request (the ASGI interface)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope["request_id"] = _request_id(headers)
        scope["answer_headers"] = {}

        started = False

        async def send_marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Request-ID"] = scope["request_id"]
                headers.update(scope["answer_headers"])
            await send(message)

        refused = (
            self._refusal(scope, headers)
            or self._rate_refusal(scope, headers)
            or self._change_refusal(scope, headers)
        )
        if refused is not None:
            await _refused(scope, Problem(*refused))(scope, receive, send_marked)
            return
        try:
            await self._admitted(scope, receive, send_marked)
        except Exception:
            if started:
                raise
            log.exception("%s failed", scope["request_id"])
            response = problem_response(*_BUG, scope["request_id"])
            await response(scope, receive, send_marked)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request; a question only if there is a place for it."""
        if not _asks(scope):
            await self._app(scope, receive, send)
            return
        admission: Admission = scope["app"].state.admission
        with ExitStack() as stack:
            try:
                scope["place"] = stack.enter_context(admission.place())
            except Problem as problem:
                await _refused(scope, problem)(scope, receive, send)
                return
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> _Refusal | None:
        host = self._hosts.served(headers.getlist("host"))
        if host is None:
            return _BAD_HOST
        origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        reads = scope["method"] in _READING
        if not reads and not self._hosts.may_change(host, origins, sites):
            return _CROSS_ORIGIN
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return 400, "bad_request", "the content length is not a number"
        most_bytes = self._bodies.of(scope)
        if int(length[:20]) > most_bytes:
            return 413, "body_too_large", too_large(most_bytes)
        packed = ",".join(headers.getlist("content-encoding")).strip().lower()
        return None if packed in ("", "identity") else _PACKED

    def _rate_refusal(self, scope: Scope, headers: Headers) -> _Refusal | None:
        """Of clients that ask too often; health and the files of the page are free."""
        reads = scope["method"] in _READING or _asks(scope)
        limit = self._limits.get("read" if reads else "write")
        if limit is None or not scope["path"].startswith("/v1/"):
            return None
        taken = limit.take(_client(scope, headers))
        scope["answer_headers"].update(taken.headers)
        if not taken.wait_s:
            return None
        scope["answer_headers"]["Retry-After"] = str(math.ceil(taken.wait_s))
        return 429, "rate_limited", "more is asked than one client may; ask again later"

    def _change_refusal(self, scope: Scope, headers: Headers) -> _Refusal | None:
        """Of what neither reads nor asks a question: on a server that only reads, and for forms.

        A form is all that a page of another site can send in the name of a user without asking
        first, and a browser need not say where it came from.
        """
        if _asks(scope) or scope["method"] in _READING:
            return None
        if self._read_only:
            return 403, "read_only", "this server changes nothing; ask the one that writes"
        kinds = {each.partition(";")[0].strip().lower() for each in headers.getlist("content-type")}
        if scope["method"] == "POST" and not _FORM_KINDS.isdisjoint(kinds):
            return _FORM
        return None


def _client(scope: Scope, headers: Headers) -> str:
    """Whom a request counts for: its key if that is a valid one, else where it comes from."""
    token = token_in(headers)
    keyring: Keyring = scope["app"].state.keyring
    key = None if token is None else keyring.key(token)
    return address_of(scope.get("client")) if key is None else key.id


def _asks(scope: Scope) -> bool:
    """Whether this is a question, which is answered in turn."""
    path: str = scope["path"]
    return scope["method"] == "POST" and path.endswith(_QUESTIONS)


def _refused(scope: Scope, problem: Problem) -> Response:
    """A refusal by the head alone, whose body nobody reads."""
    return problem_response(
        problem.status,
        problem.code,
        problem.detail,
        scope["request_id"],
        {"Connection": "close"},
    )


def _request_id(headers: Headers) -> str:
    """The client's own, if it is one, or a new one."""
    given = headers.getlist("x-request-id")
    return given[0] if len(given) == 1 and _OWN_ID.fullmatch(given[0]) else uuid.uuid4().hex
