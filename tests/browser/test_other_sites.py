"""A page of another site in a real browser: whatever its forms send, nothing is changed."""

from __future__ import annotations

import http.server
import threading
from itertools import product
from typing import TYPE_CHECKING

import pytest

from tests.browser.test_addresses import everything

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.conftest import LiveServer

PAGE = b"<!doctype html><title>Another shop</title>"
SEND = """([action, enctype]) => {
  const form = document.createElement("form");
  Object.assign(form, { action, enctype, method: "post" });
  const input = document.createElement("input");
  Object.assign(input, { name: '{"name": "made", "x": "', value: '"}' });
  form.append(input);
  document.body.append(form);
  form.submit();
}"""
FETCH = """async ([action, kind]) => {
  const headers = kind ? { "Content-Type": kind } : {};
  const body = new Blob(['{"name": "made"}']);
  try {
    await fetch(action, { method: "POST", mode: "no-cors", headers, body });
  } catch { /* refused by the browser itself */ }
}"""
KINDS = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
PATHS = ["/v1/collections", "/v1/collections/default/items:batch", "/v1/collections/default/jobs"]


class _Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def other_site() -> Iterator[str]:
    """The address of a page that is not ours, on another port and under another name."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.allows_console("the server responded with a status of 4")
def test_forms_change_nothing(page: Page, live_server: LiveServer, other_site: str) -> None:
    before = everything(live_server)
    for path, kind in product(PATHS, KINDS):
        page.goto(other_site)
        with page.expect_response(live_server.url + path) as answer:
            page.evaluate(SEND, [live_server.url + path, kind])
        assert answer.value.status == 403
        assert answer.value.json()["code"] == "cross_origin"
    assert everything(live_server) == before


@pytest.mark.allows_console("the server responded with a status of 4")
@pytest.mark.allows_console("CORS")
@pytest.mark.allows_console("ERR_")
def test_scripts_change_nothing(page: Page, live_server: LiveServer, other_site: str) -> None:
    before = everything(live_server)
    page.goto(other_site)
    for path, kind in product(PATHS, ["", "text/plain", "application/json"]):
        page.evaluate(FETCH, [live_server.url + path, kind])
    assert everything(live_server) == before
