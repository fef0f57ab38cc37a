"""What a browser's `fetch` makes of odd addresses: it takes dots out, and nothing is lost."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.conftest import LiveServer

TAILS = [
    "..", ".", "%2e%2e", "%2E%2E", ".%2e", "%2e", "a/..", "a/../..", "../../default", "..%2f",
    "..%2F..", "%2F", "%2f%2e%2e", "//", "", "/", "%FF", "%0a", "%00", "..\\", "..%5c",
]  # fmt: skip
DELETE = """async (addresses) => Promise.all(addresses.map(async (address) =>
  (await fetch(address, { method: "DELETE" })).status))"""


@pytest.mark.allows_console("the server responded with a status of 4")
def test_fetch_touches_nothing(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url)
    before = everything(live_server)
    addresses = [f"/v1/collections/default/items/{tail}" for tail in TAILS]
    statuses = page.evaluate(DELETE, addresses)
    assert [status for status in statuses if not 400 <= status < 500] == []
    assert everything(live_server) == before


def everything(server: LiveServer) -> list[Any]:
    found = []
    for path in ("/v1/collections", "/v1/collections/default/items?limit=500"):
        with urllib.request.urlopen(server.url + path) as answer:
            found.append(json.load(answer))
    return found
