"""Heads of answers: ids of requests, times, what may be kept, what will go."""

import asyncio
import logging
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from fastapi import Response
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.types import Message

from api.app import create_app
from api.deprecation import Deprecated
from api.problems import Problem
from search_engine.config import Settings
from tests.api.asking import CLASSIFY, DEFAULT, SEARCH, CheckedClient, ask, ask_json, assert_problem

STATIC = ["/", "/static/js/main.js", "/static/css/layout.css", "/static/favicon.svg"]
FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain"]


@pytest.mark.parametrize("given", ["a", "x" * 128, "4bf92f3577b34da6", 'q"%{}<script>', "~!"])
def test_a_request_keeps_the_id_that_it_came_with(client: CheckedClient, given: str) -> None:
    headers = {"x-request-id": given}
    good = client.get(f"{DEFAULT}/similar/backpack-0001-a", headers=headers)
    assert good.headers["x-request-id"] == good.json()["request_id"] == given
    bad = client.get(f"{DEFAULT}/items/nothing", headers=headers)
    assert bad.headers["x-request-id"] == bad.json()["request_id"] == given
    refused = client.get("/", headers={**headers, "host": "evil.example"})
    assert refused.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", " ", "x" * 129, "a b", b"\xff", b"caf\xc3\xa9", "a\tb"])
def test_other_ids_are_replaced(client: CheckedClient, given: str | bytes) -> None:
    sent = given.encode() if isinstance(given, str) else given
    response = client.get("/healthz", headers=[(b"x-request-id", sent)])
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
    twice = client.get("/healthz", headers=[("x-request-id", "a"), ("x-request-id", "b")])
    assert len(twice.headers["x-request-id"]) == 32


def test_the_id_stands_in_the_log(
    client: CheckedClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("api.routes.items.item_answer", fail)
    with caplog.at_level(logging.ERROR):
        response = client.get(
            f"{DEFAULT}/items/backpack-0001-a", headers={"x-request-id": "mine-1"}
        )
    assert_problem(response, 500, "bug")
    assert "mine-1 failed" in caplog.text


@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
def test_times_of_the_stages_are_told(
    client: CheckedClient, first_picture: bytes, path: str
) -> None:
    response = ask(client, first_picture, path)
    told = dict(re.findall(r"([a-z]+);dur=([0-9.e-]+)", response.headers["server-timing"]))
    assert {name: float(ms) for name, ms in told.items()} == pytest.approx(
        response.json()["timings_ms"], rel=1e-4
    )
    assert {"decode", "encode", "search", "total"} <= set(told)


@pytest.mark.parametrize("path", [*STATIC, "/openapi.json"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_what_rarely_changes_is_kept_and_asked_about(
    client: CheckedClient, path: str, encoding: str
) -> None:
    asked = {"accept-encoding": encoding}
    first = client.get(path, headers=asked)
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for method in (client.get, client.head):
        again = method(path, headers={**asked, "if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "no-cache"
    assert client.get(path, headers={**asked, "if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/v1/collections", f"{DEFAULT}/items", f"{DEFAULT}/labels"]
)
def test_answers_are_not_kept(client: CheckedClient, path: str) -> None:
    response = client.get(path)
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


def test_an_unknown_file_is_a_problem_and_not_kept(client: CheckedClient) -> None:
    assert_problem(client.get("/static/js/none.js"), 404, "not_found")


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize(
    "path", ["/v1/collections", f"{DEFAULT}/items:batch", "/v1/jobs", f"{DEFAULT}/uploads"]
)
def test_a_form_changes_nothing(client: CheckedClient, path: str, kind: str) -> None:
    """Also from a browser that does not say where the form stood."""
    before = client.get("/v1/collections").json()
    response = client.post(path, content=b'{"name": "made"}', headers={"content-type": kind})
    assert "form" in assert_problem(response, 415, "unsupported_type")["detail"]
    several = [("content-type", "application/json"), ("content-type", kind)]
    response = client.post(path, content=b'{"name": "made"}', headers=several)
    assert_problem(response, 415, "unsupported_type")
    assert client.get("/v1/collections").json() == before


def test_forms_may_ask(client: CheckedClient, first_picture: bytes) -> None:
    assert ask(client, first_picture).status_code == 200
    assert ask_json(client, {"item_id": "backpack-0001-a"}).status_code == 200


@pytest.fixture
def aging(tmp_path: Path) -> Iterator[TestClient]:
    """An app with a route that will go."""
    app = create_app(Settings(data=tmp_path / "data", workers=1))
    gone = Deprecated(date(2027, 1, 1), date(2027, 7, 1), "/v1/new")

    @app.get("/v1/old", dependencies=[gone], deprecated=True, tags=["health"])
    def old(how: str = "") -> Response:
        if how == "badly":
            raise Problem(422, "bad_parameter", "badly")
        return Response(b"as ever")

    @app.get("/v1/told", tags=["health"])
    def told() -> Response:
        events = (b"data: " + b"x" * 5_000 + b"\n\n" for _ in range(3))
        return StreamingResponse(events, media_type="text/event-stream")

    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@pytest.mark.parametrize(("path", "status"), [("/v1/old", 200), ("/v1/old?how=badly", 422)])
def test_what_will_go_says_so(aging: TestClient, path: str, status: int) -> None:
    response = aging.get(path)
    assert response.status_code == status
    assert response.headers["deprecation"] == "@1798761600"
    assert response.headers["sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
    assert response.headers["link"] == '</v1/new>; rel="successor-version"'
    assert "deprecation" not in aging.get("/healthz").headers
    assert aging.get("/openapi.json").json()["paths"]["/v1/old"]["get"]["deprecated"] is True


def test_events_are_neither_packed_nor_held_back(aging: TestClient) -> None:
    """Each leaves as it is told."""
    parts: list[Message] = []

    async def ask() -> None:
        headers = [(b"host", b"127.0.0.1"), (b"accept-encoding", b"gzip")]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": "/v1/told", "raw_path": b"/v1/told", "query_string": b"",
            "root_path": "", "headers": headers, "server": ("127.0.0.1", 80), "client": None,
        }  # fmt: skip
        gone = asyncio.Event()

        async def receive() -> Message:
            if not gone.is_set():
                gone.set()
                return {"type": "http.request", "body": b"", "more_body": False}
            return await asyncio.Future()

        async def send(message: Message) -> None:
            parts.append(message)

        await aging.app(scope, receive, send)

    asyncio.run(ask())
    start, *bodies = parts
    names = {name for name, _ in start["headers"]}
    assert b"content-encoding" not in names
    assert (b"cache-control", b"no-store") in start["headers"]
    assert [len(each["body"]) for each in bodies if each["body"]] == [5_008] * 3
