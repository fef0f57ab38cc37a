"""Uploads whose bodies come slowly or not to their end, over a real socket."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from api.app import create_app
from api.security import bodies
from search_engine.config import Settings
from tests.api.asking import DEFAULT
from tests.conftest import copy_data, free_port

UPLOADS = f"{DEFAULT}/uploads"
TABLE = b"item_id,image,price,color\na,images/a.jpg,3,red\nb,images/b.jpg,4,\n"


@pytest.fixture(scope="module")
def hasty(
    hsv_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[tuple[str, int], Path]]:
    """A real server that waits a second for a body."""
    data = copy_data(hsv_data, tmp_path_factory.mktemp("hasty") / "data")
    patch = pytest.MonkeyPatch()
    patch.setattr(bodies, "GRACE_S", 1.0)
    port = free_port()
    config = uvicorn.Config(
        create_app(Settings(data=data, workers=1)), port=port, log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield ("127.0.0.1", port), data
    server.should_exit = True
    thread.join()
    patch.undo()


def head(method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(connection: socket.socket) -> bytes:
    found = b""
    while part := connection.recv(65_536):
        found += part
    return found


def open_raw(address: tuple[str, int]) -> str:
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(
            head("POST", UPLOADS, "Content-Type: application/json", "Content-Length: 2",
                 "Connection: close") + b"{}"
        )  # fmt: skip
        return str(json.loads(answer(connection).partition(b"\r\n\r\n")[2])["id"])


@pytest.mark.parametrize("drip", [b"", b"x"])
def test_slow_bodies_end(hasty: tuple[tuple[str, int], Path], drip: bytes) -> None:
    address, data = hasty
    upload = open_raw(address)
    paths = (("PUT", f"{UPLOADS}/{upload}/files/a.csv"), ("POST", f"{DEFAULT}/items:batch"))
    for method, path in paths:
        kind = "Content-Type: application/json"
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(head(method, path, kind, "Content-Length: 100000") + b"item_id\n")
            started = time.monotonic()
            connection.settimeout(0.1)
            found = b""
            while not found:
                assert time.monotonic() < started + 60
                try:
                    found = connection.recv(65_536)
                except TimeoutError:
                    connection.sendall(drip)
            assert found.startswith(b"HTTP/1.1 408 ")
            assert b"request_timeout" in found + answer_or_nothing(connection)
    parts = data / "uploads" / upload / "parts"
    assert [*parts.iterdir()] == []


def answer_or_nothing(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    try:
        return answer(connection)
    except ConnectionError:
        return b""


def test_a_body_that_is_cut_off_leaves_nothing(hasty: tuple[tuple[str, int], Path]) -> None:
    address, data = hasty
    upload = open_raw(address)
    with socket.create_connection(address, timeout=30) as connection:
        path = f"{UPLOADS}/{upload}/files/a.csv"
        connection.sendall(head("PUT", path, "Content-Length: 100000") + TABLE)
    parts = data / "uploads" / upload / "parts"
    deadline = time.monotonic() + 60
    while [*parts.iterdir()]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [*(data / "uploads" / upload / "files").iterdir()] == []


def test_a_steady_body_is_waited_for(hasty: tuple[tuple[str, int], Path]) -> None:
    """Longer than the server waits for nothing."""
    address, _ = hasty
    upload = open_raw(address)
    with socket.create_connection(address, timeout=30) as connection:
        path = f"{UPLOADS}/{upload}/files/a.csv"
        lines = ("Connection: close", f"Content-Length: {12 * len(TABLE) * 20}")
        connection.sendall(head("PUT", path, *lines))
        for _ in range(12):
            time.sleep(0.1)
            connection.sendall(TABLE * 20)
        assert answer(connection).startswith(b"HTTP/1.1 201 ")
