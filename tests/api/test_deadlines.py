"""Clients that are slow, or gone: they are left after a while, and nobody else notices."""

import http.client
import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.security import protocol
from tests.api.sockets import OK_HEAD, assert_refused, connect
from tests.conftest import LiveServer

HASTY_S = 0.5
LARGE = 20 * 2**20


@pytest.fixture
def hasty(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[tuple[str, int]]:
    """Where a server listens, in this process, that waits only a moment for clients.

    It answers with many bytes and reads no body. Nobody who is left may be an error to it.
    """

    async def generous(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % LARGE)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(LARGE)})

    for name in ("HEAD_S", "LINGER_S", "ANSWER_S", "LAST_BODY_S"):
        monkeypatch.setattr(protocol, name, HASTY_S)
    running = uvicorn.Server(
        uvicorn.Config(generous, http=protocol.LimitedHttpProtocol, lifespan="off", log_config=None)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        yield listener.getsockname()
        running.should_exit = True
        thread.join()
    found = [*caplog.get_records("call"), *caplog.records]
    assert [each.getMessage() for each in found if each.levelno >= logging.ERROR] == []


def assert_deadline(silent: socket.socket, slow: socket.socket) -> None:
    slow.sendall(OK_HEAD)
    assert_refused(slow, 408, "request_timeout")
    assert silent.recv(1) == b""


def test_a_head_has_a_deadline(hasty: tuple[str, int]) -> None:
    with (
        socket.create_connection(hasty, timeout=30) as silent,
        socket.create_connection(hasty, timeout=30) as slow,
    ):
        assert_deadline(silent, slow)


def send_slowly(connection: socket.socket, drip: bytes) -> None:
    ends = time.monotonic() + 60 * HASTY_S
    while time.monotonic() < ends:
        connection.sendall(drip)
        time.sleep(HASTY_S / 10)


@pytest.mark.parametrize(
    ("head", "reads", "drip"),
    [
        (b"", False, b"\r\n"),
        (OK_HEAD + b"Content-Length: 9000\r\n\r\n", True, b"x"),
        (OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", True, b"1\r\nx\r\n"),
        (OK_HEAD + b"\r\n", True, b"\r\n"),
        (OK_HEAD + b"\r\n", False, b""),
        (OK_HEAD + b"Connection: close\r\n\r\n", False, b""),
        ((OK_HEAD + b"\r\n") * 3, False, b""),
    ],
    ids=[
        "line breaks", "body not needed", "chunks not needed", "line breaks afterwards",
        "reads nothing", "reads nothing to the end", "pipelined, reads nothing",
    ],
)  # fmt: skip
def test_whoever_dawdles_is_left(
    hasty: tuple[str, int], head: bytes, reads: bool, drip: bytes
) -> None:
    with socket.create_connection(hasty, timeout=30) as slow:
        slow.sendall(head)
        if reads:
            response = http.client.HTTPResponse(slow)
            response.begin()
            assert len(response.read()) == LARGE
        with pytest.raises(ConnectionError):
            send_slowly(slow, drip or b"X: y\r\n")


def test_whoever_leaves_amid_answers_is_no_error(hasty: tuple[str, int]) -> None:
    with socket.create_connection(hasty, timeout=30) as leaving:
        leaving.sendall((OK_HEAD + b"\r\n") * 5)
        assert leaving.recv(1) == b"H"
    with socket.create_connection(hasty, timeout=30) as other:
        other.sendall(OK_HEAD + b"Connection: close\r\n\r\n")
        response = http.client.HTTPResponse(other)
        response.begin()
        assert len(response.read()) == LARGE


def test_the_deadline_of_a_served_head_is_seconds_away(live_server: LiveServer) -> None:
    assert protocol.HEAD_S == 5
    started = time.monotonic()
    with connect(live_server) as silent, connect(live_server) as slow:
        assert_deadline(silent, slow)
    assert time.monotonic() - started > protocol.HEAD_S - 1
