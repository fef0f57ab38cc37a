"""HTTP as bytes of one connection: limits on what comes before a body, and deadlines.

The parser collects a header, or a trailer behind a body, until its end, however far away that is.
So bytes are counted here before the parser sees them. Bodies are limited and timed by the
application while it reads them; whatever else a client can be slow at is timed here.
"""

import asyncio
import socket
import struct
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.problems import problem_response
from api.security.middleware import SECURITY_HEADERS

MAX_ADDRESS_BYTES = 8 * 2**10
MAX_HEAD_BYTES = 64 * 2**10
MAX_HEADERS = 100
HEAD_END = b"\r\n\r\n"
PARSED_BODY_BYTES = 8 * 2**10
"""So much of a body is parsed at a time, behind which requests may follow. Else it is one head, and
none while a request waits for an answer to the one before it: each that waits takes a hundred times
the memory of its bytes."""
HEAD_S = 5.0
"""How long a request may take from its first byte, or a new connection, to the end of the head."""

LINGER_S = 2.0
"""So long a refused client is listened to, so that it can send on and then read why."""

ANSWER_S = 10.0
"""A client that takes nothing of its answer for so long is left."""
LEAST_ANSWER_BYTES = 4 * 2**10
"""What is as good as nothing."""

LAST_HEAD_S = 2.0
LAST_BODY_S = 5.0
"""So long a server that stops waits for requests, which may have been sent before it was told to
stop, and for what is missing of one."""

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

    A head that goes beyond them is answered and its connection closed. One timer is enough: what a
    connection waits for is a head, or the end of itself; in between the application answers.
    """

    _collected_bytes = 0
    _header_bytes = 0
    _flaw = _BAD_REQUEST
    _in_body = False
    _ending = False
    _is_last = False
    _held = b""
    _answered: RequestResponseCycle | None = None
    _timer: asyncio.TimerHandle | None = None
    _answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        self._connection = transport
        super().connection_made(_Gentle(transport, self))  # type: ignore[arg-type]
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer, and let the application know; uvicorn tells only the last request."""
        self._ending = True
        self._stop_timer()
        self._stop_answer_timer()
        if self._answered is not None:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the parser, or keep them until it is their turn."""
        if not self._ending:
            self._held += data
            self._parse()
        if self._timer is None and not self._is_answering:
            self._expect_head()  # uvicorn waits for no more once it has got something

    def _parse(self) -> None:
        """Pass on what is held, until a request waits behind another; then nothing more is read."""
        held, self._held, start = self._held, b"", 0
        self._unset_keepalive_if_required()
        while start < len(held) and not self._ending and not self.pipeline:
            part = held[start : self._end_of_part(held, start)]
            start += len(part)
            self._collected_bytes += len(part)
            self._feed(part)
            if self._collected_bytes >= MAX_HEAD_BYTES:
                self._refuse(_HEADERS_TOO_LARGE)
        if start < len(held) and not self._ending:
            self._held = held[start:]
            self._connection.pause_reading()

    def _end_of_part(self, held: bytes, start: int) -> int:
        """Where to stop for now; the parser never gets more than a head may have without a result
        of it."""
        last = start + MAX_HEAD_BYTES - self._collected_bytes
        if self._in_body:
            return min(last, start + PARSED_BODY_BYTES)
        end = held.find(HEAD_END, start, last)
        return last if end < 0 else end + len(HEAD_END)

    def _feed(self, part: bytes) -> None:
        """Parse a part.

        A wish to go on in another protocol is left out of a request, as if it had not been there
        (RFC 9110, 7.8): the parser takes the body for that protocol. Clients in Java wish for
        HTTP/2 in each first request.
        """
        while part:
            try:
                self.parser.feed_data(part)
                part = b""
            except HttpParserUpgrade as wish:
                part = self._head_without_wish() + part[wish.args[0] :]
                self.parser = HttpRequestParser(self)  # the old one takes no more after a close
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
            except HttpParserError:
                self._refuse(self._flaw)
                part = b""

    def _head_without_wish(self) -> bytes:
        line = b"%s %s HTTP/%s" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        kept = [header for header in self.headers if header[0] not in (b"upgrade", b"connection")]
        if not self.parser.should_keep_alive():
            kept.append((b"connection", b"close"))
        return b"\r\n".join([line, *(b"%s: %s" % header for header in kept), b"", b""])

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
        """Begin with the request; a host in its address counts more than the header (RFC 9112)."""
        self._require(self.parser.get_method() != b"CONNECT", _BAD_REQUEST)
        if self.parser.should_upgrade():
            return
        if not self.url.startswith((b"/", b"*")):
            others = [header for header in self.headers if header[0] != b"host"]
            self.headers[:] = [*others, (b"host", urlsplit(self.url).netloc)]
        self._collected_bytes = 0
        self._in_body = True
        self._stop_timer()
        super().on_headers_complete()
        self.cycle.keep_alive &= not self._is_last

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on."""
        self._collected_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Be ready for the next request of the connection."""
        if self.parser.should_upgrade():
            return
        self._collected_bytes = 0
        self._in_body = False
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Wait for the rest of a body that was not needed no longer than for a head."""
        super().on_response_complete()
        if self._ending:
            return
        if self._held and not self.pipeline:
            self._parse()
            if not (self._held or self._ending or self.flow.read_paused):
                self._connection.resume_reading()
        if self._in_body and self._timer is None:
            self._expect_head()

    def pause_writing(self) -> None:
        """See whether the client takes its answer."""
        super().pause_writing()
        self._watch_answer()

    def shutdown(self) -> None:
        """Answer what has been sent, and wait a moment for what is still coming."""
        self._is_last = True
        if self._is_answering:
            self.cycle.keep_alive = False
        self._stop_timer()
        if self._in_body or not self._is_answering:
            wait_s = LAST_BODY_S if self._in_body else LAST_HEAD_S
            self._timer = self.loop.call_later(wait_s, self._connection.close)

    def end(self) -> None:
        """Close the connection when the client has had the time to read what it was answered.

        Closing while it still sends would take the answer from it: so what comes is read and thrown
        away for a moment.
        """
        if self._ending:
            return
        self._ending = True
        self._stop_timer()
        is_read = not (self._in_body or self._collected_bytes or self._held)
        self._held = b""
        if self._connection.is_closing():  # by the client
            return
        self._watch_answer()
        if is_read:
            self._connection.close()
            return
        if self._connection.can_write_eof():
            self._connection.write_eof()
        self._connection.resume_reading()
        self._timer = self.loop.call_later(LINGER_S, self._connection.close)

    @property
    def is_behind(self) -> bool:
        """Whether something is held, so that nothing more is to be read."""
        return bool(self._held)

    @property
    def is_ending(self) -> bool:
        """Whether nothing more is read or answered."""
        return self._ending

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _require(self, fulfilled: bool, flaw: _Refusal) -> None:
        if not fulfilled:
            self._flaw = flaw
            raise ValueError(flaw[1])

    def _expect_head(self) -> None:
        if not self._ending:
            self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._collected_bytes and not self._in_body:
            self._refuse(_TOO_SLOW)
        else:
            self._connection.close()

    def _refuse(self, refusal: _Refusal) -> None:
        """Answer with a problem, and close.

        While a request before this one waits for its answer, nothing may be put in its place.
        """
        if self._ending:
            return
        if self._is_answering and not self._can_take_back():
            self._ending = True
            self._connection.close()
            return
        self._connection.write(_answer(refusal))
        self.end()

    def _can_take_back(self) -> bool:
        """Whether the request whose body just failed has no answer yet; it will get none."""
        if not self._in_body or self.pipeline or self.cycle.response_started:
            return False
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return True

    def _watch_answer(self) -> None:
        """Leave a client that takes nothing of what it is answered."""
        if self._answer_timer is None:
            left = self._connection.get_write_buffer_size()
            self._answer_timer = self.loop.call_later(ANSWER_S, self._look_at_answer, left)

    def _look_at_answer(self, left_before: int) -> None:
        self._answer_timer = None
        left = self._connection.get_write_buffer_size()
        if left > max(0, left_before - LEAST_ANSWER_BYTES):
            self._forget_answer()
        elif left or self._ending:
            self._watch_answer()

    def _forget_answer(self) -> None:
        """Break the connection; else the machine would keep what is not taken for minutes."""
        carrier = self._connection.get_extra_info("socket")
        carrier.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.abort()

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None


class _Gentle:
    """A transport whose connection ends as its protocol wants it to."""

    def __init__(self, transport: asyncio.Transport, protocol: LimitedHttpProtocol) -> None:
        self._transport = transport
        self._protocol = protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether it is closed, or will be."""
        return self._protocol.is_ending or self._transport.is_closing()

    def resume_reading(self) -> None:
        """Read on, unless there is enough to answer already."""
        if not self._protocol.is_behind:
            self._transport.resume_reading()

    def close(self) -> None:
        """Let the protocol end the connection."""
        self._protocol.end()


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
