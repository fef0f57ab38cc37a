"""What is repeated, when, and what never is: against servers that fail as servers do."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from api.client import AsyncClient, Client, NoAnswer, Retries, Unavailable

QUICK = Retries(times=3, first_s=0.01, longest_s=0.02)
BODY = b'{"collections": []}'
BROKEN = 0
"""In place of a status: the connection is closed without an answer."""


class Failing(BaseHTTPRequestHandler):
    """Answers with the statuses of a list, one a request, then with 200."""

    statuses: ClassVar[list[int]] = []
    asked: ClassVar[list[tuple[str, str | None]]] = []
    retry_after: ClassVar[str | None] = None

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.headers.get("Idempotency-Key")))
        status = self.statuses.pop(0) if self.statuses else 200
        if status == BROKEN:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(BODY)))
        if self.retry_after is not None:
            self.send_header("Retry-After", self.retry_after)
        self.end_headers()
        self.wfile.write(BODY)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - names of the library

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def failing() -> Iterator[str]:
    Failing.statuses, Failing.asked, Failing.retry_after = [], [], None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("statuses", [[503], [429, 502], [BROKEN], [BROKEN, 503, 504]])
def test_what_may_be_repeated_is(failing: str, statuses: list[int]) -> None:
    Failing.statuses = list(statuses)
    with Client(failing, retries=QUICK) as client:
        assert client.list_collections() == {"collections": []}
        assert len(Failing.asked) == len(statuses) + 1
        Failing.statuses = list(statuses)
        client.search(b"photo")

    async def ask() -> None:
        Failing.statuses = list(statuses)
        async with AsyncClient(failing, retries=QUICK) as client:
            await client.list_collections()

    asyncio.run(ask())


def test_it_ends(failing: str) -> None:
    Failing.statuses = [503] * 10
    with Client(failing, retries=QUICK) as client, pytest.raises(Unavailable) as caught:
        client.list_collections()
    assert (caught.value.status, len(Failing.asked)) == (503, 4)
    Failing.statuses = [BROKEN] * 10
    with Client(failing, retries=QUICK) as client, pytest.raises(NoAnswer):
        client.list_collections()


@pytest.mark.parametrize("status", [503, BROKEN])
def test_what_might_be_done_twice_is_not(failing: str, status: int) -> None:
    with Client(failing, retries=QUICK) as client:
        for send in (
            lambda: client.create_collection("x"),
            lambda: client.patch_item("x", label="y"),
        ):
            Failing.statuses, Failing.asked = [status], []
            with pytest.raises(Unavailable):
                send()
            assert len(Failing.asked) == 1


@pytest.mark.parametrize("status", [503, BROKEN])
def test_a_key_makes_it_safe_and_stays_the_same(failing: str, status: int) -> None:
    with Client(failing, retries=QUICK) as client:
        sends: list[Callable[[], Any]] = [
            lambda: client.create_job("tune"),
            lambda: client.create_upload(),
            lambda: client.batch_items([{"op": "delete", "item_id": "x"}]),
        ]
        for send in sends:
            Failing.statuses, Failing.asked = [status, status], []
            send()
            keys = {key for _, key in Failing.asked}
            assert (len(Failing.asked), len(keys)) == (3, 1)
            assert None not in keys


def test_the_server_says_when(failing: str) -> None:
    Failing.statuses, Failing.retry_after = [503], "1"
    begun = time.monotonic()
    with Client(failing, retries=QUICK) as client:
        client.list_collections()
    assert time.monotonic() - begun >= 1.0
    Failing.statuses, Failing.retry_after = [503], "3600"
    with Client(failing, retries=QUICK) as client, pytest.raises(Unavailable):
        client.list_collections()
