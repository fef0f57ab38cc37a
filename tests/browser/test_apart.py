"""What happens elsewhere meanwhile: the server stops and starts again, another tab is at work."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.browser import steps
from tests.browser.catalog_view import stop_time
from tests.conftest import copy_data, serve

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


@pytest.mark.allows_console("ERR_CONNECTION_REFUSED")
@pytest.mark.allows_console("the server responded with a status of 404")
def test_a_server_that_stops_and_starts_again(
    page: Page, hsv_data: Path, tmp_path: Path, shopper_photo: Path
) -> None:
    """Results stay; a search goes on by itself, and so does the list of an owner."""
    data = copy_data(hsv_data, tmp_path / "data")
    with serve(data) as server:
        port = urlsplit(server.url).port or 0
        steps.open_start(page, server)
        steps.search(page, shopper_photo)
        before = steps.shown_ids(page)
        owner = page.context.new_page()
        owner.goto(f"{server.url}/catalog?collection=default&part=items")
        expect(owner.get_by_role("rowheader").first).to_be_visible()
    page.get_by_role("button", name="Group by product").click()
    expect(page.get_by_role("alert")).to_contain_text("No connection")
    assert steps.shown_ids(page) == before
    owner.get_by_label("Order").select_option("Id")
    expect(owner.get_by_role("alert").get_by_role("heading")).to_have_text("No connection")
    with serve(data, port=port):
        expect(page.get_by_role("alert")).to_have_count(0)
        steps.expect_results(page)
        assert set(steps.shown_ids(page)) >= {before[0]}
        expect(owner.get_by_role("alert").get_by_role("heading")).to_have_count(0)
        expect(owner.get_by_role("rowheader").first).to_be_visible()


def test_two_tabs_search_for_themselves_and_share_photos(
    start: Page, live_server: LiveServer, sample: Path
) -> None:
    one, other = sorted((sample / "shopper").rglob("*.jpg"))[:2]
    second = start.context.new_page()
    steps.open_start(second, live_server)
    steps.search(start, one)
    shown = steps.shown_ids(start)
    steps.search(second, other)
    assert steps.shown_ids(start) == shown
    assert steps.shown_ids(second) != shown
    start.get_by_role("link", name="Eyedex").click()
    lately = start.get_by_role("list", name="Searched lately").get_by_role("link")
    expect(lately).to_have_count(2)
    start.get_by_role("button", name="Forget 1").click()  # the photo of the other tab
    expect(lately).to_have_count(1)
    second.reload()
    expect(second.get_by_role("alert")).to_contain_text("This photo is not in this browser")


@pytest.mark.allows_console("the server responded with a status of 404")
def test_an_item_that_another_tab_deleted(page: Page, hsv_data: Path, tmp_path: Path) -> None:
    with serve(copy_data(hsv_data, tmp_path / "data")) as server:
        items = f"{server.url}/catalog?collection=default&part=items"
        page.goto(items)
        other = page.context.new_page()
        other.clock.install()
        other.goto(items)
        name = page.get_by_role("rowheader").first.inner_text()
        expect(other.get_by_role("rowheader").first).to_have_text(name)
        stop_time(other)
        path = f"{server.url}/v1/collections/default/items/{name}"
        other.get_by_role("row").nth(1).get_by_role("button", name="Delete").click()
        expect(other.get_by_role("status", name="Deleted")).to_contain_text("1 item deleted")
        with other.expect_response("**/items:batch"):
            other.clock.fast_forward(10_000)
        page.get_by_role("row").nth(1).get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Label", exact=True).fill("Elsewhere")
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_text("no longer here").first).to_be_visible()
        assert page.request.get(path).status == 404
        for each in (page, other):
            each.goto("about:blank")  # before there is no server to load pictures from
