"""What comes before a body, over a real socket: limits, deadlines, hosts, and pages of others."""

import asyncio
import contextlib
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli.serve import UNSENT_BYTES, _listen
from search_engine.errors import ParameterError
from tests.api.sockets import OK_HEAD, answer_of, assert_refused, connect
from tests.conftest import LiveServer, copy_data, serve

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def server(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data = tmp_path_factory.mktemp("connections") / "data"
    copy_data(hsv_data, data)
    with serve(data) as running:
        yield running


def memory_of(server: LiveServer) -> int:
    """Resident bytes of the server's main process."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def flood(connection: socket.socket, piece: bytes, total: int) -> None:
    """Send on and on, as a client does that has not looked for an answer yet."""
    for _ in range(total // len(piece)):
        connection.sendall(piece)


FLOODS: dict[str, tuple[bytes, bytes, int, int, str]] = {
    "one header": (OK_HEAD + b"X: ", b"x" * MEGABYTE, 36, 431, "headers_too_large"),
    "many headers": (OK_HEAD, b"a: b\r\n" * 170_000, 36, 431, "headers_too_large"),
    "header name": (OK_HEAD, b"x" * MEGABYTE, 20, 431, "headers_too_large"),
    "address": (b"GET /", b"x" * MEGABYTE, 36, 414, "address_too_long"),
    "query": (b"GET /healthz?", b"x" * MEGABYTE, 36, 414, "address_too_long"),
    "blank lines": (b"", b"\r\n" * (MEGABYTE // 2), 20, 431, "headers_too_large"),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_floods_are_refused_in_little_memory(server: LiveServer, kind: str) -> None:
    head, piece, megabytes, status, code = FLOODS[kind]
    before = memory_of(server)
    with connect(server) as connection:
        connection.sendall(head)
        flood(connection, piece, megabytes * MEGABYTE)
        assert_refused(connection, status, code)
    assert memory_of(server) - before < 32 * MEGABYTE


def test_others_are_answered_during_a_flood(server: LiveServer) -> None:
    with connect(server) as bad, connect(server) as good:
        bad.sendall(OK_HEAD + b"X: ")
        sender = threading.Thread(target=flood, args=(bad, b"x" * MEGABYTE, 36 * MEGABYTE))
        sender.start()
        for _ in range(20):
            good.sendall(OK_HEAD + b"\r\n")
            assert answer_of(good)[0] == 200
        sender.join()
        assert_refused(bad, 431, "headers_too_large")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (OK_HEAD + b"X: " + b"x" * 60_000 + b"\r\n\r\n", 200),
        (OK_HEAD + b"X: " + b"x" * 66_000 + b"\r\n\r\n", 431),
        (OK_HEAD + b"a: b\r\n" * 99 + b"\r\n", 200),
        (OK_HEAD + b"a: b\r\n" * 100 + b"\r\n", 431),
        (OK_HEAD.replace(b"z HTTP", b"z?" + b"x" * 8_000 + b" HTTP") + b"\r\n", 200),
        (OK_HEAD.replace(b"z HTTP", b"z?" + b"x" * 8_192 + b" HTTP") + b"\r\n", 414),
    ],
)
@pytest.mark.parametrize("before", [0, 2])
def test_limits_hold_for_every_request_of_a_connection(
    server: LiveServer, head: bytes, status: int, before: int
) -> None:
    with connect(server) as connection:
        for _ in range(before):
            connection.sendall(OK_HEAD + b"\r\n")
            assert answer_of(connection)[0] == 200
        connection.sendall(head)
        assert answer_of(connection)[0] == status


def test_a_head_that_comes_byte_by_byte_counts_the_same(server: LiveServer) -> None:
    with connect(server) as connection:
        for byte in OK_HEAD + b"X: 1\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert answer_of(connection)[0] == 200


@pytest.mark.parametrize("start", [b"0\r\nX: ", b"1;"], ids=["trailer", "chunk extension"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_what_frames_a_body_is_limited_too(server: LiveServer, start: bytes, kind: str) -> None:
    """Whether the answer is there already (415) or not: the connection ends, and little is kept."""
    head = (
        "POST /v1/collections HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    before = memory_of(server)
    with connect(server) as connection:
        connection.sendall(head.encode() + start)
        with contextlib.suppress(ConnectionError):
            flood(connection, b"x" * MEGABYTE, 60 * MEGABYTE)
            while connection.recv(MEGABYTE):
                pass
    assert memory_of(server) - before < 32 * MEGABYTE


def test_requests_sent_without_waiting_are_answered_one_by_one(server: LiveServer) -> None:
    """Each takes a hundred times its bytes once it is parsed, so that is not done beforehand."""
    many, request, answer = 10_000, OK_HEAD + b"\r\n", b'{"status":"alive"}'
    before, most, answered, end = memory_of(server), 0, 0, b""
    with connect(server) as connection:
        sender = threading.Thread(target=flood, args=(connection, request, many * len(request)))
        sender.start()
        while answered < many:
            read = connection.recv(MEGABYTE)
            assert read, f"{answered} answers"
            answered += (end + read).count(answer)
            end, most = read[-len(answer) + 1 :], max(most, memory_of(server))
        sender.join()
    assert most - before < 8 * MEGABYTE


H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
CREATION = b"POST /v1/collections HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("wish", [H2C, b"Connection: upgrade\r\nUpgrade: websocket\r\n"])
@pytest.mark.parametrize(
    "body",
    [
        b'Content-Length: 9\r\n\r\n{"x": 1 }',
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
    ids=["length", "chunks"],
)
def test_a_wish_for_another_protocol_takes_nothing_away(
    server: LiveServer, wish: bytes, body: bytes
) -> None:
    """Java's HttpClient wishes for HTTP/2 in the first request of each connection."""
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(CREATION + wish + body)
            status, _, told = answer_of(connection)
            assert (status, told["code"]) == (422, "bad_parameter"), told
        connection.sendall(OK_HEAD + b"Connection: close, upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert answer_of(connection)[0] == 200
        assert connection.recv(1) == b""


def test_requests_in_a_row_may_all_wish(server: LiveServer) -> None:
    with connect(server) as connection:
        connection.sendall((OK_HEAD + H2C + b"\r\n") * 300)
        read = b""
        while read.count(b'{"status":"alive"}') < 300:
            read += connection.recv(MEGABYTE)
        assert read.count(b"HTTP/1.1 200 OK") == 300


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://localhost/healthz", 200),
        (b"GET http://evil.example/healthz", 400),
        (b"GET http://localhost@evil.example/healthz", 400),
        (b"CONNECT /", 400),
        (b"CONNECT evil.example:443", 400),
    ],
)
def test_an_address_with_a_host_counts_more_than_the_header(
    server: LiveServer, line: bytes, status: int
) -> None:
    with connect(server) as connection:
        connection.sendall(line + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer_of(connection)[0] == status


def test_a_large_body_is_no_head(server: LiveServer) -> None:
    body = b"[" + b" " * (5 * MEGABYTE) + b"]"
    head = b"POST /v1/collections HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert answer_of(connection)[0] == 422


def test_what_is_not_http_is_a_problem_too(server: LiveServer) -> None:
    with connect(server) as connection:
        connection.sendall(b"SSH-2.0-client\r\n\r\n")
        assert_refused(connection, 400, "bad_request")


def test_a_refusal_reaches_who_still_sends(server: LiveServer) -> None:
    """Closing at once would make the client's machine throw the answer away."""
    with connect(server) as connection:
        connection.sendall(
            b"POST /v1/collections/default/search HTTP/1.1\r\nHost: evil.example\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n"
        )
        flood(connection, bytes(MEGABYTE), 9 * MEGABYTE)
        assert_refused(connection, 400, "bad_host")


POST = b"POST /v1/collections HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
TWO_READINGS = {
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a space before the colon": POST + b"Content-Length : 2\r\n\r\n{}",
    "a chunk of no size": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a chunk of negative size": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": CHUNKED + b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunks with bare line feeds": CHUNKED + b"2\n{}\n0\n\n",
    "another encoding": POST + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "nearly chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n{}",
    "chunked, then packed": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "bare line feeds": OK_HEAD.replace(b"\r\n", b"\n") + b"\n",
    "a bare carriage return": OK_HEAD + b"X: a\rb\r\n\r\n",
    "a null byte": OK_HEAD + b"X: a\0b\r\n\r\n",
    "a folded header": OK_HEAD + b"X: a\r\n b\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("kind", TWO_READINGS)
def test_what_can_be_read_in_two_ways_ends_the_connection(server: LiveServer, kind: str) -> None:
    """A proxy before the server could read it otherwise, and take what follows for another's."""
    with connect(server) as connection:
        connection.sendall(TWO_READINGS[kind] + OK_HEAD + b"\r\n")
        assert_refused(connection, 400, "bad_request")


@pytest.mark.slow
async def sends_at_once(listener: socket.socket) -> bool:
    """Whether what asyncio accepts there is sent without Nagle's delay."""
    found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        found.set_result(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        writer.close()

    async with await asyncio.start_server(greet, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        answer = await found
        writer.close()
    return answer


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_answers_are_sent_at_once(host: str) -> None:
    """asyncio sees to it for sockets only that name TCP as their protocol; else 40 ms go by."""
    try:
        listener = _listen(host, 0)
    except ParameterError:
        pytest.skip(f"there is no {host} here")
    assert asyncio.run(sends_at_once(listener))


def test_little_of_an_answer_waits_for_who_does_not_read() -> None:
    with _listen("127.0.0.1", 0) as listener, socket.socket() as client:
        listener.listen()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(listener.getsockname())
        taken = 0
        with listener.accept()[0] as served, contextlib.suppress(BlockingIOError):
            served.setblocking(False)
            while taken < MEGABYTE:  # of what the system would take otherwise, 4 MB by default
                taken += served.send(bytes(10_000))
    assert taken < 2 * UNSENT_BYTES
