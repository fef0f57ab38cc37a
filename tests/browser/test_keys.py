"""Keys on the page: asked for once, kept in the tab, and only what they allow is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.api.test_access import make_key
from tests.conftest import copy_data, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

REFUSED = pytest.mark.allows_console("the server responded with a status of 40")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, hsv_data: Path) -> Path:
    return copy_data(hsv_data, tmp_path_factory.mktemp("keyed") / "data")


@pytest.fixture(scope="module")
def keys(data: Path) -> dict[str, str]:
    return {scope: make_key(data, scope) for scope in ("read", "write", "admin")}


@pytest.fixture(scope="module")
def guarded(data: Path, keys: dict[str, str]) -> Iterator[LiveServer]:
    assert keys
    with serve(data) as server:
        yield server


def enter(page: Page, key: str) -> None:
    dialog = page.get_by_role("dialog", name="Key")
    dialog.get_by_label("Key", exact=True).fill(key)
    dialog.get_by_role("button", name="Use this key").click()


@REFUSED
def test_a_key_is_asked_for_once(page: Page, guarded: LiveServer, keys: dict[str, str]) -> None:
    page.goto(guarded.url)
    enter(page, "eyedex_wrong")
    expect(page.get_by_text("This key is not taken")).to_be_visible()
    enter(page, keys["write"])
    expect(page.get_by_role("link", name="Catalog")).to_be_visible()
    sample = page.get_by_role("list", name="Try one of these").get_by_role("link").first
    expect(sample).to_be_visible()
    shown = sample.locator("img")
    expect(shown).to_have_attribute("src", re.compile("^blob:"))
    expect(shown).to_have_js_property("complete", True)
    assert shown.evaluate("(image) => image.naturalWidth > 0")
    page.goto(f"{guarded.url}/catalog?collection=default")
    expect(page.get_by_role("rowheader").first).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert keys["write"] not in page.url


@REFUSED
def test_a_key_that_only_reads_shows_no_catalog(
    page: Page, guarded: LiveServer, keys: dict[str, str]
) -> None:
    page.goto(f"{guarded.url}/catalog")
    enter(page, keys["read"])
    expect(page.get_by_role("heading", name="Your key does not allow this")).to_be_visible()
    expect(page.get_by_role("link", name="Catalog")).to_be_hidden()
    page.get_by_role("button", name="Enter a key").click()
    enter(page, keys["admin"])
    expect(page.get_by_role("list", name="Collections").get_by_text("default")).to_be_visible()
    expect(page.get_by_role("link", name="Catalog")).to_be_visible()


@REFUSED
def test_who_gives_no_key_is_told(page: Page, guarded: LiveServer) -> None:
    page.goto(f"{guarded.url}/catalog")
    expect(page.get_by_role("dialog", name="Key")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="This needs a key")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_without_keys_none_is_asked_for(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url)
    expect(page.get_by_role("link", name="Catalog")).to_be_visible()
    expect(page.get_by_role("button", name="Key")).to_be_hidden()


@pytest.mark.allows_console("the server responded with a status of 403")
def test_a_server_that_only_reads_shows_search_alone(page: Page, data: Path) -> None:
    with serve(data, "--read-only", env={"EYEDEX_ANONYMOUS": "read"}) as server:
        page.goto(server.url)
        expect(page.get_by_role("list", name="Try one of these")).to_be_visible()
        expect(page.get_by_role("navigation", name="Views")).to_be_hidden()
        page.goto(f"{server.url}/catalog")
        expect(page.get_by_role("heading", name="Nothing can be changed here")).to_be_visible()
        page.goto("about:blank")  # before there is no server to ask


@REFUSED
def test_a_key_that_expired_meanwhile_is_asked_for_again(
    page: Page, guarded: LiveServer, data: Path, keys: dict[str, str]
) -> None:
    """What was being done goes on with the new one."""
    page.goto(guarded.url)
    enter(page, make_key(data, "write"))
    sample = page.get_by_role("list", name="Try one of these").get_by_role("link").first
    expect(sample).to_be_visible()
    expired = make_key(data, "write", expires=1.0)
    page.evaluate("(key) => sessionStorage.setItem('eyedex-key', key)", expired)
    page.goto(f"{guarded.url}/catalog?collection=default&part=items")
    dialog = page.get_by_role("dialog", name="Key")
    expect(dialog.get_by_text("This key is not taken")).to_be_visible()
    enter(page, keys["write"])
    expect(page.get_by_role("rowheader").first).to_be_visible()
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_count(0)


@REFUSED
def test_a_key_of_another_collection_does_not_see_this_one_as_empty(
    page: Page, guarded: LiveServer, data: Path
) -> None:
    page.goto(f"{guarded.url}/catalog?collection=default&part=add")
    enter(page, make_key(data, "write", ("other",)))
    expect(page.get_by_role("heading", name="Your key does not allow this")).to_be_visible()
    expect(page.get_by_text("0 items")).to_be_hidden()
    expect(page.get_by_label("Add pictures")).to_be_hidden()
