"""HTTP as bytes of one connection: limits on what comes before a body, applied while it comes.

The parser collects a header, or a trailer behind a body, until its end, however far away that is.
So bytes are counted here before the parser sees them. Bodies are limited by the application.
"""

import asyncio
import uuid
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.problems import problem_response
from api.security.middleware import SECURITY_HEADERS

MAX_ADDRESS_BYTES = 8 * 2**10
MAX_HEAD_BYTES = 64 * 2**10
MAX_HEADERS = 100
HEAD_S = 10.0
"""How long a request may take from its first byte, or a new connection, to the end of the head."""

LINGER_S = 2.0
"""So long a refused client is listened to, so that it can send on and then read why."""

_Refusal = tuple[int, str, str]

_BAD_REQUEST: _Refusal = (400, "bad_request", "this is not HTTP/1.1")
_ADDRESS_TOO_LONG: _Refusal = (
    414,
    "address_too_long",
    f"an address has at most {MAX_ADDRESS_BYTES:,} bytes; send the rest in a body",
)
_HEADERS_TOO_LARGE: _Refusal = (
    431,
    "headers_too_large",
    f"a request has at most {MAX_HEADERS} headers with {MAX_HEAD_BYTES:,} bytes in all",
)
_TOO_SLOW: _Refusal = (408, "request_timeout", f"headers have to arrive within {HEAD_S:g} s")


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with limits and a deadline on the head of each request.

    A head that goes beyond them is answered and its connection closed; what comes after it is read
    and thrown away for a moment, as closing at once would take the answer from the client.
    """

    _collected_bytes = 0
    _header_bytes = 0
    _flaw = _BAD_REQUEST
    _refused = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the parser, never more than a head may have without a result of them."""
        while data and not self._refused and not self.transport.is_closing():
            room = MAX_HEAD_BYTES - self._collected_bytes
            part, data = data[:room], data[room:]
            self._collected_bytes += len(part)
            super().data_received(part)
            if self._collected_bytes >= MAX_HEAD_BYTES:
                self._refuse(_HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Count anew: one connection carries many requests."""
        super().on_message_begin()
        self._header_bytes = 0
        if self._timer is None:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        super().on_url(url)
        self._require(len(self.url) <= MAX_ADDRESS_BYTES, _ADDRESS_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value)
        few = len(self.headers) <= MAX_HEADERS and self._header_bytes <= MAX_HEAD_BYTES
        self._require(few, _HEADERS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Begin with the request."""
        self._collected_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on."""
        self._collected_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Be ready for the next request of the connection."""
        self._collected_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn answers when the parser, or one of the methods above, gives up."""
        self._refuse(self._flaw)

    def _require(self, fulfilled: bool, flaw: _Refusal) -> None:
        if not fulfilled:
            self._flaw = flaw
            raise ValueError(flaw[1])

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._collected_bytes:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, refusal: _Refusal) -> None:
        """Answer with a problem, and close when the client has had the time to read it.

        While a request before this one waits for its answer, nothing may be put in its place.
        """
        if self._refused:
            return
        self._refused = True
        self._stop_timer()
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()
            return
        self.transport.write(_answer(refusal))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_S, self.transport.close)


def _answer(refusal: _Refusal) -> bytes:
    status, code, detail = refusal
    request_id = uuid.uuid4().hex
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": "no-store",
        "Connection": "close",
        "X-Request-ID": request_id,
    }
    response = problem_response(status, code, detail, request_id, headers)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(response.body)
