"""Around every request: an id, security headers, the Host check, the size check."""

import logging
import uuid
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response

log = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}

_READING = frozenset(("GET", "HEAD", "OPTIONS"))
_QUESTIONS = ("/search", "/classify")

_BUG = (500, "bug", "something is wrong on our side")


class EdgeMiddleware:
    """Refuses what can be refused from the headers, and marks every answer, a bug's too.

    Bodies without a length are counted by Starlette's own limit while they are read.
    """

    def __init__(
        self, app: ASGIApp, allowed_hosts: Sequence[str], max_body_bytes: int, read_only: bool
    ) -> None:
        self._app = app
        self._allowed = frozenset(host.strip().lower() for host in allowed_hosts)
        self._max_body_bytes = max_body_bytes
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request (the ASGI interface)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = uuid.uuid4().hex

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
            await send(message)

        refused = self._refusal(Headers(scope=scope)) or self._change_refusal(scope)
        if refused is not None:
            response = problem_response(*refused, scope["request_id"], {"Connection": "close"})
            await response(scope, receive, send_marked)
            return
        try:
            await self._app(scope, receive, send_marked)
        except Exception:
            if started:
                raise
            log.exception("%s failed", scope["request_id"])
            response = problem_response(*_BUG, scope["request_id"])
            await response(scope, receive, send_marked)

    def _refusal(self, headers: Headers) -> tuple[int, str, str] | None:
        if "*" not in self._allowed and _host_name(headers.get("host", "")) not in self._allowed:
            return 400, "bad_host", "this host name is not served here"
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return 400, "bad_request", "the content length is not a number"
        if int(length[:20]) > self._max_body_bytes:
            return 413, "body_too_large", f"at most {self._max_body_bytes:,} bytes are accepted"
        return None

    def _change_refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """On a server that only reads: whatever neither reads nor asks a question."""
        asks = scope["method"] == "POST" and scope["path"].endswith(_QUESTIONS)
        if not self._read_only or asks or scope["method"] in _READING:
            return None
        return 403, "read_only", "this server changes nothing; ask the one that writes"


def _host_name(host: str) -> str:
    """The name without the port; IPv6 addresses keep their brackets."""
    name, bracket, _ = host.lower().partition("]")
    return name + bracket if bracket else name.partition(":")[0]
