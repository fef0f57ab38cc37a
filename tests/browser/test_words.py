"""What goes wrong, in words: every code of the server has a title, a sentence and what to do."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import pytest

from api.problems import known_codes
from tests.browser import steps
from tests.conftest import serve

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from tests.browser.steps import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

OF_THE_PAGE = {"network", "photo_gone", "unreadable"}
TECHNICAL = re.compile(r"HTTP|JSON|\b[45]\d\d\b|_|index|embedding|encoder", re.IGNORECASE)


def test_every_code_has_words(start: Page) -> None:
    words = start.evaluate(
        """() => import("/static/js/words.js").then(({ PROBLEMS, wordsOf }) =>
          Object.fromEntries(
            Object.keys(PROBLEMS).map((code) => [code, wordsOf({ code, status: 500 })])))"""
    )
    assert set(words) == {*known_codes(), *OF_THE_PAGE}
    for title, text, action in words.values():
        assert action in ("photo", "again", "start", "search", "key", "none")
        assert TECHNICAL.search(f"{title} {text}") is None


@pytest.mark.allows_console("the server responded with a status of")
def test_nothing_technical_is_read_outside_of_details(start: Page) -> None:
    for code in ("corrupt_image", "bad_filter", "bug", "storage", "not_a_code"):
        problem: dict[str, object] = {"title": "Server Error", "code": code, "status": 500}
        problem["detail"] = "x_y: 0x7"
        start.unroute("**/search")
        start.route("**/search", partial(refuse, problem))
        steps.first_sample(start).click()
        alert = start.get_by_role("alert")
        expect(alert).to_be_focused()
        assert TECHNICAL.search(alert.inner_text()) is None
        assert alert.get_by_role("button").count() == 1
        alert.get_by_text("Details").click()
        expect(alert.get_by_text("x_y: 0x7")).to_be_visible()
        start.get_by_role("link", name="Eyedex").click()


def refuse(problem: dict[str, object], route: Route) -> None:
    route.fulfill(status=500, json=problem)


@pytest.mark.allows_console("status of 503")
def test_a_busy_server_is_asked_again_after_a_countdown(start: Page) -> None:
    problem = {"title": "Busy", "code": "storage_busy", "status": 503}
    busy = {"status": 503, "json": problem, "headers": {"Retry-After": "1"}}
    start.route("**/search", lambda route: route.fulfill(**busy))
    steps.first_sample(start).click()
    expect(start.get_by_role("button", name="Trying again in 1 s")).to_be_visible()
    start.unroute("**/search")
    steps.expect_results(start)


@pytest.mark.allows_console("status of 503")
def test_a_server_that_starts_is_waited_for(page: Page, live_server: LiveServer) -> None:
    problem = {"title": "Not ready", "status": 503, "code": "not_ready", "detail": "Soon."}
    page.route("**/readyz", lambda route: route.fulfill(status=503, json=problem))
    page.goto(live_server.url)
    waiting = page.get_by_role("status", name="Starting")
    expect(waiting).to_contain_text("getting ready")
    page.unroute("**/readyz")
    expect(waiting).to_be_hidden()
    expect(steps.first_sample(page)).to_be_visible()


@pytest.mark.allows_console("status of 404")
def test_an_item_that_is_no_more(page: Page, live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/?item=no-such-item")
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("This item is no longer here")
    alert.get_by_role("button", name="Start over").click()
    expect(steps.first_sample(page)).to_be_visible()


@pytest.mark.allows_console("ERR_")
def test_a_view_that_does_not_load_says_so(page: Page, live_server: LiveServer) -> None:
    page.route("**/search/view.js", lambda route: route.abort())
    page.on("pageerror", lambda _: None)
    page.add_init_script("addEventListener('unhandledrejection', (one) => one.preventDefault())")
    page.goto(live_server.url)
    expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    expect(page.get_by_role("button", name="Load again")).to_be_visible()


def test_an_empty_catalog_says_so_until_there_is_something_in_it(
    page: Page, live_server: LiveServer
) -> None:
    page.route("**/v1/collections", lambda route: route.fulfill(json={"collections": []}), times=1)
    page.goto(live_server.url)
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    page.get_by_role("link", name="Eyedex").click()
    expect(steps.first_sample(page)).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing here yet")).to_have_count(0)


def test_a_server_that_has_no_collection_yet(
    page: Page, tmp_path: Path, shopper_photo: Path
) -> None:
    with serve(tmp_path / "data") as server:
        page.goto(server.url)
        nothing = page.get_by_role("heading", name="Nothing here yet")
        expect(nothing).to_be_visible()
        steps.choose(page, shopper_photo)
        expect(page).to_have_url(re.compile("photo="))
        expect(nothing).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_count(0)
        expect(page.get_by_role("alert")).to_have_count(0)
