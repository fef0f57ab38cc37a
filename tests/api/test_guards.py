"""What guards a server, each by itself: slow bodies, stops, logs, names of hosts."""

import asyncio
import fcntl
import json
import os
import signal
import socket
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from api.cli.serve import _address
from api.security import stopping
from api.security.access import require_all_collections
from api.security.addresses import ExactFiles, IdConvertor
from api.security.audit import AuditLog, AuditMiddleware
from api.security.bodies import GRACE_S, BodyLimits, BodyMiddleware
from api.security.floors import check_floors
from api.security.hosts import Authority, HostRules, parse_authority
from api.security.middleware import EdgeMiddleware
from api.security.protocol import LimitedHttpProtocol
from search_engine.access import Grant


def test_a_key_of_some_collections_is_not_one_of_all() -> None:
    require_all_collections(Grant("read"))
    with pytest.raises(HTTPException, match="all collections"):
        require_all_collections(Grant("read", frozenset({"shop"})))


@pytest.mark.parametrize("text", ["[1::2::3]", "[:::]", "shop.example:0", "shop.example:65536"])
def test_what_only_looks_like_a_host_is_none(text: str) -> None:
    assert parse_authority(text) is None


def test_a_package_that_is_not_there_is_not_below_its_floor() -> None:
    from importlib.metadata import PackageNotFoundError

    def installed(name: str) -> str:
        raise PackageNotFoundError(name)

    check_floors(installed)


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.security.bodies.GRACE_S", 0.0)
    assert GRACE_S > 0

    async def silent() -> Message:
        return await asyncio.Future()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def send(message: Message) -> None:
        pytest.fail("nothing is answered")

    watched = BodyMiddleware(reading, BodyLimits(1, 1, 1))
    with pytest.raises(HTTPException) as slow:
        asyncio.run(watched({"type": "http", "path": "/"}, silent, send))
    assert (slow.value.status_code, slow.value.headers) == (408, {"Connection": "close"})


def test_who_waits_to_be_taken_is_taken_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    async def ended(*_: object) -> None:
        seen.append(stopping._somebody_waits([listener]))

    async def take() -> None:
        while not stopping._somebody_waits([listener]):
            await asyncio.sleep(0)
        listener.accept()[0].close()

    async def story() -> None:
        server = stopping.StoppableServer.__new__(stopping.StoppableServer)
        await asyncio.gather(server.shutdown([listener]), take())

    monkeypatch.setattr("uvicorn.Server.shutdown", ended)
    monkeypatch.setattr(stopping, "TAKING_S", 60.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        asyncio.run(story())
    assert seen == [False]


def test_where_a_server_listens_is_told_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        """Nothing: to be connected to is enough."""

    def tell() -> None:
        with socket.create_connection(listener.getsockname(), timeout=30):
            told.append(server.started)

    config = uvicorn.Config(answer, lifespan="off", log_level="warning")
    server = stopping.StoppableServer(config, tell)
    monkeypatch.setattr(server, "capture_signals", nullcontext)  # those of the tests stay
    server.should_exit = True
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        asyncio.run(server._serve([listener]))
    assert told == [True]


def test_the_address_of_a_server_can_be_typed_into_a_browser() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert _address("shop.example", listener) == f"http://shop.example:{port}"
        assert _address("::1", listener) == f"http://[::1]:{port}"


def test_a_second_interrupt_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    server = stopping.StoppableServer.__new__(stopping.StoppableServer)
    server.should_exit = False
    for number in (signal.SIGINT, signal.SIGTERM):
        server.handle_exit(number, None)
    assert codes == []
    server.handle_exit(signal.SIGINT, None)
    assert codes == [stopping.INTERRUPTED]


def test_a_log_that_another_process_put_aside_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.write({"operation": "first"})
    real = fcntl.flock
    calls: list[int] = []

    def flock(file: int, how: int) -> None:
        if not calls:
            path.rename(tmp_path / "audit.jsonl.1")
        calls.append(file)
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    log.write({"operation": "second"})
    assert [json.loads(line)["operation"] for line in path.read_text().splitlines()] == ["second"]
    assert len(calls) == 2


def test_an_entry_that_is_cut_by_a_full_disk_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.write({"operation": "first"})
    whole = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]))
    log.write({"operation": "second"})
    assert path.read_bytes() == whole
    assert caplog.text


@pytest.mark.parametrize("started", [False, True])
def test_a_change_that_breaks_off_is_noted_as_a_bug(tmp_path: Path, started: bool) -> None:
    class Known:
        has_known_keys = True

    class App:
        class state:  # noqa: N801
            keyring = Known()

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        scope["change"].operation = "putItem"
        if started:
            await send({"type": "http.response.start", "status": 201, "headers": []})
        raise ZeroDivisionError

    async def send(message: Message) -> None: ...

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    path = tmp_path / "audit.jsonl"
    noted = AuditMiddleware(broken, AuditLog(path), only_with_keys=True)
    scope = {"type": "http", "app": App(), "request_id": "r"}
    with pytest.raises(ZeroDivisionError):
        asyncio.run(noted(scope, receive, send))
    (entry,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (entry["operation"], entry["status"]) == ("putItem", 201 if started else 500)


@pytest.mark.parametrize("started", [False, True])
def test_a_bug_is_answered_as_one_unless_an_answer_has_begun(
    started: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Message] = []

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    edge = EdgeMiddleware(
        broken, HostRules(frozenset({"localhost"})), BodyLimits(1, 1, 1), False, {}
    )
    scope = {
        "type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")],
    }  # fmt: skip
    if started:
        with pytest.raises(ZeroDivisionError):
            asyncio.run(edge(scope, receive, send))
        assert [each.get("status") for each in sent] == [200]
        return
    asyncio.run(edge(scope, receive, send))
    assert sent[0]["status"] == 500
    body = json.loads(sent[1]["body"])
    assert body["code"] == "bug"
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivision" not in sent[1]["body"].decode()


def test_one_host_that_is_served_is_served() -> None:
    rules = HostRules(frozenset({"shop.example"}))
    assert rules.served(["shop.example:80"]) == Authority("shop.example", 80)
    for hosts in ([], ["shop.example", "shop.example"], ["evil.example"], ["[1:::2]"]):
        assert rules.served(hosts) is None
    for origin in ("null", "https://[1:::2]", "ftp://shop.example"):
        assert not rules.may_change(Authority("shop.example", 80), [origin], [])


def test_ids_keep_their_slashes_in_addresses() -> None:
    assert IdConvertor().to_string("a/b") == IdConvertor().convert("a/b") == "a/b"


def test_files_have_one_address_and_are_asked_about(tmp_path: Path) -> None:
    (tmp_path / "icon.svg").write_text("<svg/>")
    client = TestClient(Starlette(routes=[Mount("/files", ExactFiles(directory=tmp_path))]))
    answer = client.get("/files/icon.svg")
    assert answer.headers["cache-control"] == "no-cache"
    tag = answer.headers["etag"]
    assert tag.startswith('W/"')
    assert client.get("/files/icon.svg", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/files//icon.svg").status_code == 404


class Wire(asyncio.Transport):
    """A connection that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.sent = b""
        self.half_closed = False
        self.can_half_close = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def can_write_eof(self) -> bool:
        return self.can_half_close

    def write_eof(self) -> None:
        self.half_closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def resume_reading(self) -> None: ...


async def _connected(can_half_close: bool = False) -> tuple[LimitedHttpProtocol, Wire]:
    config = uvicorn.Config(app=lambda: None, lifespan="off")
    config.load()
    wire = Wire()
    wire.can_half_close = can_half_close
    made = LimitedHttpProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    made.connection_made(wire)
    return made, wire


@pytest.mark.parametrize("can_half_close", [False, True])
def test_a_refused_sender_is_listened_to_so_that_it_reads_why(can_half_close: bool) -> None:
    async def story() -> None:
        connection, wire = await _connected(can_half_close)
        connection.data_received(b"no HTTP at all")
        assert wire.sent.startswith(b"HTTP/1.1 400 ")
        assert (wire.half_closed, wire.closed) == (can_half_close, False)
        connection.end()  # nothing more comes of it
        connection.data_received(b"more")
        connection._expect_head()
        connection.connection_lost(None)

    asyncio.run(story())


def test_who_has_closed_is_not_waited_for() -> None:
    async def story() -> None:
        connection, wire = await _connected()
        wire.close()
        connection.end()
        assert connection.is_ending
        assert wire.sent == b""

    asyncio.run(story())


def test_a_server_that_stops_lets_an_answer_be_the_last() -> None:
    async def story() -> None:
        connection, wire = await _connected()
        connection.data_received(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.shutdown()
        assert not connection.cycle.keep_alive
        assert not wire.closed
        connection.connection_lost(None)

    asyncio.run(story())


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As under `nohup`."""
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    former = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        server = stopping.StoppableServer.__new__(stopping.StoppableServer)
        with server.capture_signals():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) == server.handle_exit
    finally:
        for number, handler in zip(numbers, former, strict=True):
            signal.signal(number, handler)


def test_each_kind_of_request_has_its_limit() -> None:
    limits = BodyLimits(usual=1, batch=2, upload=3)
    found = {path: limits.of({"path": f"/v1/collections/a/{path}"}) for path in (
        "search", "search:batch", "uploads", "uploads/1/files/a/b.jpg", "uploads/1",
    )}  # fmt: skip
    assert [*found.values()] == [1, 2, 3, 3, 1]
