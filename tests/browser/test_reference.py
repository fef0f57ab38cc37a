"""The reference of the API as a reader meets it: off unless asked for, and without foreign code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.conftest import copy_data, serve

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


def test_it_is_off_unless_asked_for(live_server: LiveServer) -> None:
    assert httpx2.get(f"{live_server.url}/docs").status_code == 404


def test_every_operation_and_schema_can_be_read(page: Page, hsv_data: Path, tmp_path: Path) -> None:
    with serve(copy_data(hsv_data, tmp_path / "data"), "--docs") as server:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{server.url}/docs#putItem")
        document = httpx2.get(f"{server.url}/openapi.json").json()
        expect(page.get_by_role("heading", name="Problem", exact=True)).to_be_attached()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                section = page.get_by_role("region", name=operation["summary"], exact=True)
                expect(section.locator(".route")).to_have_text(f"{method.upper()} {path}")
        for name in document["components"]["schemas"]:
            expect(page.locator(f"#schema-{name}")).to_have_text(name)
        expect(page.locator("#putItem")).to_be_in_viewport()
        section = page.get_by_role("region", name="What looks like this", exact=True)
        section.get_by_text("Example").first.click()
        expect(section.locator("pre").first).to_contain_text("backpack-0001-a")
        assert {url.split("/")[2] for url in asked} == {server.url.split("/")[2]}
