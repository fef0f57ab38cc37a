"""Plain sockets to a server, and the answers that come over them."""

import http.client
import json
import socket
from typing import Any

from tests.conftest import LiveServer


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
