"""Addresses as they were sent: decoded once, strictly, and never made into others.

Servers and routers are lenient where it costs data: bytes that are no UTF-8 become U+FFFD, a line
break at the end is passed over, and `items/..` is another place. Here an address means what it
says, or it is refused.
"""

import os
import re
from typing import ClassVar
from urllib.parse import unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import NOTHING_HERE, problem_response

FIXED_PARTS = 5
"""Before an id: nothing, `v1`, `collections`, the collection's name and the verb."""

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NOT_IN_NAMES = re.compile(rb"%(2[fF]|0[aA])")
"""An encoded slash or line break: only ids have them."""


class AddressMiddleware:
    """Decodes the path of a request from the bytes that were sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request with its decoded path, or refuse it (the ASGI interface)."""
        raw = scope.get("raw_path")
        if scope["type"] != "http" or raw is None:
            await self._app(scope, receive, send)
            return
        problem = _problem(raw, scope["query_string"])
        if problem is not None:
            response = problem_response(*problem, scope.get("request_id", ""))
            await response(scope, receive, send)
            return
        await self._app({**scope, "path": unquote_to_bytes(raw).decode()}, receive, send)


class IdConvertor(Convertor[str]):
    """The rest of an address, slashes and line breaks included; not nothing."""

    regex: ClassVar[str] = "(?s:.+)"

    def convert(self, value: str) -> str:
        """The id as it was sent."""
        return value

    def to_string(self, value: str) -> str:
        """The id as it is."""
        return value


register_url_convertor("id", IdConvertor())


class ExactFiles(StaticFiles):
    """Static files, each under its one address."""

    def get_path(self, scope: Scope) -> str:
        """See StaticFiles, which would take `a/../b` for `b`."""
        parts = scope["path"].removeprefix(scope.get("root_path", "")).split("/")[1:]
        if any(part in ("", ".", "..") for part in parts):
            raise HTTPException(404)
        return super().get_path(scope)

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """See StaticFiles; kept by clients, who ask each time whether it is still the same.

        The tag is a weak one, as the same file goes out packed and as it is.
        """
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["ETag"] = f"W/{response.headers['etag']}"
        return response


def _problem(raw: bytes, query: bytes) -> tuple[int, str, str] | None:
    """Why an address is refused; None for a good one."""
    if _BROKEN_ESCAPE.search(raw):
        detail = "the address has a percent sign without two hexadecimal digits; send it as %25"
        return 400, "bad_request", detail
    try:
        unquote_to_bytes(raw + b"?" + query).decode()
    except UnicodeDecodeError:
        detail = "the percent-encoded bytes of the address are not UTF-8; encode ids as UTF-8"
        return 400, "bad_request", detail
    if any(_NOT_IN_NAMES.search(part) for part in raw.split(b"/", FIXED_PARTS)[:FIXED_PARTS]):
        return 404, "not_found", NOTHING_HERE
    return None
