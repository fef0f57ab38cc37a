"""Texts of a catalog that try to be more than text, in every field that the page shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.browser import steps
from tests.browser.payloads import TEXTS, plain
from tests.torture.network_page import VIEWS, Seen, not_run, spoil

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.browser.steps import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

OPEN = """(address) => {
  history.pushState({}, "", address);
  dispatchEvent(new PopStateEvent("popstate"));
}"""
"""Go on within the page, which is not loaded anew."""


@pytest.fixture(scope="module")
def hostile(browser: object, live_server: LiveServer, sample: Path) -> Iterator[list[str]]:
    """Items with these texts everywhere; their ids."""
    context = browser.new_context()  # type: ignore[attr-defined]
    items = f"{live_server.url}/v1/collections/default/items"
    picture = min((sample / "images").rglob("*.jpg"))
    image = {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": picture.read_bytes()}
    ids = []
    for number, text in enumerate(TEXTS):
        attributes = {"name": text, "hostile": text, "link": text, "price": text}
        form = {
            "image": image,
            "label": plain(text.replace("/", "|")),
            "product_id": plain(text[:200]),
            "attributes": json.dumps(attributes),
        }
        ids.append(f"hostile-{number}")
        stored = context.request.put(f"{items}/{ids[-1]}", multipart=form)
        assert stored.ok, f"{text!r}: {stored.status} {stored.text()}"
    yield ids
    for each in ids:
        context.request.delete(f"{items}/{each}")
    context.close()


def test_there_are_forty() -> None:
    assert len(set(TEXTS)) == 40


def test_they_stay_texts(page: Page, live_server: LiveServer, hostile: list[str]) -> None:
    page.goto(f"{live_server.url}/?item={hostile[0]}&group=off")
    steps.expect_results(page)
    expect(page.get_by_role("group", name="hostile", exact=True)).to_be_hidden()
    names = page.locator(".card-name").all_inner_texts()
    assert {"{{7*7}}", "<b>bold</b>", "__proto__", "</title><svg onload=alert(4)>"} <= set(names)
    for item in hostile:
        page.evaluate(OPEN, f"/item/default?id={item}&item={hostile[0]}&group=off")
        expect(page.locator("dialog[open]").get_by_text(item, exact=True)).to_be_visible()
        expect(page.locator("dialog[open]").get_by_role("heading", level=2)).to_be_visible()
        expect(page.locator("dialog[open]").get_by_text("hostile", exact=True)).to_be_visible()
        assert page.locator("dialog[open] :is(script, iframe, style, b, base, math)").count() == 0
        assert page.locator("dialog[open] a[target]").count() == 0, "no link is followed"


@pytest.mark.slow
def test_they_are_compared_and_narrowed_to(
    page: Page, live_server: LiveServer, hostile: list[str]
) -> None:
    four = "".join(f"&compare={each}" for each in hostile[:4])
    page.goto(f"{live_server.url}/?item={hostile[0]}{four}")
    expect(page.get_by_role("table").get_by_role("columnheader")).to_have_count(4)
    for text in TEXTS:
        where = quote(json.dumps({"hostile": {"any": [text]}, "view": {"any": ["front"]}}))
        page.goto(f"{live_server.url}/?item={hostile[0]}&where={where}")
        expect(page.get_by_role("heading", name="No results")).to_be_visible()
        assert page.locator(".results :is(script, iframe, style, b, base, math)").count() == 0


def test_no_text_of_an_answer_runs(
    browser: Browser, live_server: LiveServer, hostile: list[str]
) -> None:
    """In small what G23 measures; the policy that would stop them is set aside."""
    seen = Seen()
    item, other, *_ = hostile
    views = [each.format(collection="default", item=item, other=other) for each in VIEWS[:8]]
    spoil(browser, live_server.url, views, 0, seen)
    assert seen.is_good, seen.told()
    listed = "collections/items.items[]"
    assert {f"{listed}.label", f"{listed}.item_id", f"{listed}.attributes.name"} <= seen.drawn


@pytest.mark.slow
def test_each_payload_runs_where_texts_become_markup(browser: Browser) -> None:
    assert not_run(browser) == []
