"""How the catalog view looks: what axe finds in it, on phones too, and that it is loaded late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.catalog_view import open_part
from tests.browser.steps import overflow_px
from tests.browser.test_looks import findings, in_both_themes

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

OF_ONE = ("items", "items&as=grid", "add", "jobs", "review")
PARTS = ["", *(f"collection=default&part={each}" for each in OF_ONE)]


def test_axe_finds_nothing_and_phones_hold_it(page: Page, owned: LiveServer) -> None:
    for part in PARTS:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{owned.url}/catalog?{part}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert in_both_themes(page) == [], part
        page.set_viewport_size({"width": 360, "height": 740})
        assert overflow_px(page) <= 0, part


def test_axe_finds_nothing_in_dialogs(page: Page, owned: LiveServer, tmp_path: Path) -> None:
    open_part(page, owned, "items")
    page.get_by_role("button", name="Edit").first.click()
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Choose all on this page").check()
    chosen = page.get_by_role("region", name="Chosen items")
    chosen.get_by_role("button", name="Edit").click()
    assert findings(page) == []
    page.keyboard.press("Escape")
    chosen.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete 50 items?")).to_be_visible()
    assert findings(page) == []
    page.keyboard.press("Escape")
    open_part(page, owned, "add")
    table = tmp_path / "table.csv"
    table.write_text("sku,photo,price\na,a.jpg,3\n")
    page.get_by_label("Files").set_input_files(table)
    expect(page.get_by_text("1 row, 3 columns")).to_be_visible()
    assert findings(page) == []


def test_the_shell_does_not_carry_it(page: Page, owned: LiveServer) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(owned.url)
    expect(page.get_by_role("link", name="Catalog")).to_be_visible()
    assert [url for url in asked if "/js/catalog/" in url or "catalog.css" in url] == []
    page.get_by_role("link", name="Catalog").click()
    expect(page.get_by_role("heading", name="Catalog")).to_be_visible()
    assert [url for url in asked if "/js/catalog/view.js" in url]
