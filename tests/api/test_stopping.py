"""The end of a server by a signal: whoever was taken is answered, and nobody else holds it up."""

import contextlib
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from api.security.protocol import LAST_BODY_S
from tests.api.asking import BOUNDARY, SEARCH, multipart, part
from tests.conftest import LiveServer, copy_data, serve
from tests.torture.network_tools import served

pytestmark = pytest.mark.long

WHOLE = 12
"""Questions that are asked when the signal comes."""


def connect(server: LiveServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=30)


def question(picture: bytes) -> bytes:
    body = multipart(part("image", picture, "photo.jpg"))
    head = (
        f"POST {SEARCH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    return head.encode() + body


def whole_answer(connection: socket.socket) -> bytes:
    parts = []
    while received := connection.recv(2**16):
        parts.append(received)
    return b"".join(parts)


def stopped(server: LiveServer) -> tuple[int, float, str]:
    """Exit code after a SIGTERM, seconds that it took, and what was said."""
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    said = server.process.communicate(timeout=60)[1]
    return server.process.returncode, time.monotonic() - started, said


def asked(server: LiveServer, picture: bytes) -> Sequence[socket.socket]:
    """Connections with a whole question each, which the server has taken."""
    connections = [connect(server) for _ in range(WHOLE)]
    for connection in connections:
        connection.sendall(question(picture))
        wait_until_read(connection)
    return connections


def wait_until_read(connection: socket.socket) -> None:
    """Wait until the server has read all that was sent, as far as the kernel tells it."""
    ports = [f":{connection.getpeername()[1]:04X}", f":{connection.getsockname()[1]:04X}"]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            if [local[-5:], remote[-5:]] == ports and queues.endswith(":00000000"):
                return
        time.sleep(0.02)
    raise AssertionError("the server does not read")


def test_sigterm_lets_what_was_taken_be_answered_and_waits_for_no_slow_sender(
    hsv_data: Path, tmp_path: Path, shopper_photo: Path
) -> None:
    with serve(copy_data(hsv_data, tmp_path / "data")) as server:
        picture = shopper_photo.read_bytes()
        silent, head, body = (connect(server) for _ in range(3))
        head.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        body.sendall(question(picture)[:-9])
        connections = asked(server, picture)
        code, seconds, said = stopped(server)
        assert code == 0
        assert "Traceback" not in said
        assert seconds < 3 * LAST_BODY_S
        for each in connections:
            assert whole_answer(each).startswith(b"HTTP/1.1 200 ")
        for each in (silent, head, body):
            assert b" 500 " not in whole_answer(each)
            each.close()
        for each in connections:
            each.close()


def wait_until_deaf(port: int) -> None:
    """Wait until a server takes no more connections, as one that stops does."""
    deadline = time.monotonic() + 30
    with contextlib.suppress(ConnectionRefusedError):
        while time.monotonic() < deadline:
            socket.create_connection(("127.0.0.1", port), timeout=30).close()
            time.sleep(0.02)
        raise TimeoutError("it still listens")


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_after_another_signal_ends_at_once_and_answers_nobody_with_500(
    shopper_photo: Path, first: signal.Signals
) -> None:
    if signal.getsignal(first) is signal.SIG_IGN:
        pytest.skip("these tests ignore the signal, as under nohup, and so does the server")
    with served(haste=100.0) as server, server.connect() as slow:  # which would wait for minutes
        slow.sendall(question(shopper_photo.read_bytes())[:-9])
        wait_until_read(slow)
        server.process.send_signal(first)
        wait_until_deaf(server.port)  # signals at once may come in either order
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 130
        assert "Traceback" not in server.said()
        with contextlib.suppress(ConnectionResetError):
            assert whole_answer(slow) == b""
