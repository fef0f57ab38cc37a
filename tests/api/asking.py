"""A client that looks at every answer as a distrustful reader would, and shorthands for asking."""

import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from api.app import create_app
from api.problems import known_codes
from search_engine.config import Settings
from tests.api.described import check_described

DEFAULT = "/v1/collections/default"
SEARCH = f"{DEFAULT}/search"
CLASSIFY = f"{DEFAULT}/classify"
BOUNDARY = "b0undary"
PROBLEM_FIELDS = {"type", "title", "status", "code", "detail", "request_id"}

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

LEAKS = (
    "Traceback", 'File "', "site-packages", "SELECT", "sqlalchemy", "sqlite", "0x",
    tempfile.gettempdir(), str(Path.home()), str(Path.cwd()),
)  # fmt: skip
"""What no problem may hold."""


class CheckedClient(TestClient):
    """A client of the app on a data directory; every answer is checked for what all must have."""

    def __init__(self, data: Path, **settings: Any) -> None:
        self.data = data
        app = create_app(Settings(data=data, workers=1, **settings))
        super().__init__(app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    def request(self, *arguments: Any, **options: Any) -> Response:
        response: Response = super().request(*arguments, **options)
        check_answer(response, self.data)
        check_described(response)
        return response


def check_answer(response: Response, data: Path) -> None:
    """Headers of all answers; shape of problems, and what they must not tell."""
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert "permissions-policy" in response.headers
    assert "access-control-allow-origin" not in response.headers
    assert "server" not in response.headers
    own = response.request.headers.get("x-request-id")
    given = response.headers["x-request-id"]
    assert given == own or len(given) == 32
    if response.status_code < 400:
        return
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    if response.request.method == "HEAD":
        assert response.content == b""
        return
    body = response.json()
    assert set(body) == PROBLEM_FIELDS
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:eyedex:problem:{body['code']}"
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["title"]
    assert body["code"] in known_codes()
    assert body["detail"]
    for leak in (*LEAKS, str(data)):
        assert leak not in response.text


def assert_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"]) == (status, code), response.text
    return body


def ask(
    client: TestClient, picture: bytes, path: str = SEARCH, name: str = "photo.jpg", **fields: str
) -> Response:
    """Send a picture with form fields."""
    return client.post(path, files={"image": (name, picture)}, data=fields)


def ask_json(client: TestClient, body: Any, path: str = SEARCH) -> Response:
    """Send JSON; texts and bytes go as they are."""
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(path, content=content, headers={"content-type": "application/json"})


def ask_raw(client: TestClient, content: Any, path: str = SEARCH, **headers: str) -> Response:
    """Send a multipart body byte by byte as given."""
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return client.post(path, content=content, headers={"content-type": kind, **headers})


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def ids(response: Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [neighbor["item_id"] for neighbor in response.json()["neighbors"]]


def catalog_rows(sample: Path) -> Sequence[Mapping[str, str]]:
    with (sample / "catalog.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
