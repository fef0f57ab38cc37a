"""Plain sockets to a server, and the answers that come over them."""

import http.client
import json
import socket
from typing import Any

from api.security.middleware import SECURITY_HEADERS
from tests.conftest import LiveServer

OK_HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def connect(server: LiveServer) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], dict[str, Any]]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read()
    is_json = "json" in headers.get("content-type", "")
    return response.status, headers, json.loads(body) if is_json else {}


def assert_refused(connection: socket.socket, status: int, code: str) -> None:
    """A problem in the shape of all others, and the end of the connection."""
    found, headers, body = answer_of(connection)
    assert (found, body["code"]) == (status, code), body
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert headers["x-request-id"] == body["request_id"]
    assert all(headers[name.lower()] == value for name, value in SECURITY_HEADERS.items())
    assert connection.recv(1) == b""
