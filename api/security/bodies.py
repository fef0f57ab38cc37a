"""Limits on the size and the slowness of request bodies, by route."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORM_OVERHEAD_BYTES = 64 * 2**10
"""Allowance for the other fields of a form with a picture of maximum size."""

GRACE_S = 15.0
LEAST_BYTES_A_S = 16 * 2**10
"""A body may keep the server waiting this long, plus the time its bytes take at this rate: slower
senders are timed out eventually, silent ones after the grace period."""

_UPLOADS = re.compile(r"/v1/collections/[^/]+/uploads(/[^/]+/files/.+)?")
_BATCHES = re.compile(r"/v1/collections/[^/]+/(items|search|classify):batch")
_CLOSE: Mapping[str, str] = MappingProxyType({"Connection": "close"})


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Maximum bytes of a body: of usual requests, of batches, and of uploaded files."""

    usual: int
    batch: int
    upload: int

    def of(self, scope: Scope) -> int:
        """Return the limit for one request."""
        path = scope["path"]
        if _BATCHES.fullmatch(path):
            return self.batch
        return self.upload if _UPLOADS.fullmatch(path) else self.usual


class BodyMiddleware:
    """Counts and times bodies while they are read; reading raises if one is too large or slow."""

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request (the ASGI interface)."""
        if scope["type"] == "http":
            receive = _Watched(receive, self._limits.of(scope)).receive
        await self._app(scope, receive, send)


class _Watched:
    """The body of one request; only time spent waiting for its sender counts."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._left_s = GRACE_S
        self._bytes = 0
        self._is_whole = False

    async def receive(self) -> Message:
        """Return the next message.

        Raises:
            HTTPException: 413 or 408.
        """
        if self._is_whole:
            return await self._receive()
        started = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._left_s)):
                message = await self._receive()
        except TimeoutError:
            detail = "the body comes too slowly"
            raise HTTPException(408, detail, headers=dict(_CLOSE)) from None
        self._left_s -= time.monotonic() - started
        if message["type"] == "http.request":
            self._take(len(message.get("body", b"")))
            self._is_whole = not message.get("more_body", False)
        return message

    def _take(self, count: int) -> None:
        self._bytes += count
        self._left_s += count / LEAST_BYTES_A_S
        if self._bytes > self._most_bytes:
            raise HTTPException(413, too_large(self._most_bytes), headers=dict(_CLOSE))


def too_large(most_bytes: int) -> str:
    """Return the text about a body that is too large."""
    return f"at most {most_bytes:,} bytes are accepted"
