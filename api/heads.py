"""Heads of answers: without a body, without one that the client has already, with more to say."""

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TAG = re.compile(r'(?:W/)?("[^"]*")')


class HeadMiddleware:
    """Answers HEAD wherever there is GET: as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request (the ASGI interface)."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET", "head_only": True}, receive, send_head)


def add_header(request: Request, name: str, value: str) -> None:
    """Let the answer to a request have a header, whatever the answer is."""
    request.scope["answer_headers"][name] = value


def note_timings(request: Request, timings_ms: Mapping[str, float]) -> None:
    """Tell of the stages of a question, in milliseconds: in the answer, and to `/metrics`."""
    add_header(request, "Server-Timing", server_timing(timings_ms))
    note_stages = request.scope.get("note_stages")
    if note_stages is not None:
        note_stages(timings_ms)


def server_timing(timings_ms: Mapping[str, float]) -> str:
    """Milliseconds by stage as `Server-Timing` has them (W3C Server Timing)."""
    return ", ".join(f"{stage};dur={ms:g}" for stage, ms in timings_ms.items())


def has_already(if_none_match: list[str], tag: str) -> bool:
    """Whether the values of `If-None-Match` name a tag, weakly compared (RFC 9110, 13.1.2)."""
    tag = tag.removeprefix("W/")
    return any(value.strip() == "*" or tag in _TAG.findall(value) for value in if_none_match)
