"""Where things are in the catalog view, and a server asked past it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


def open_part(page: Page, server: LiveServer, part: str, collection: str = "default") -> None:
    page.goto(f"{server.url}/catalog?collection={collection}&part={part}")
    expect(page.get_by_role("heading", name=collection, level=1)).to_be_visible()


def collections(page: Page) -> Locator:
    return page.get_by_role("list", name="Collections")


def jobs(page: Page) -> Locator:
    return page.get_by_role("list", name="Jobs").locator("> li")


def row(page: Page, item_id: str) -> Locator:
    found = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=item_id))
    expect(found).to_be_visible()
    return found


def get(page: Page, server: LiveServer, path: str) -> Any:
    return page.request.get(f"{server.url}/v1/{path}").json()


def put(page: Page, server: LiveServer, item_id: str, picture: Path, **known: Any) -> None:
    image = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": picture.read_bytes()}
    form = {"image": image, **known}
    answer = page.request.put(
        f"{server.url}/v1/collections/default/items/{item_id}",
        multipart=form,
    )
    assert answer.ok, answer.text()


def stop_time(page: Page) -> None:
    """What the page does in some seconds it does when the test says so; it has its own clock."""
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))


def pictures_of(sample: Path, number: int, start: int = 0) -> list[Path]:
    return sorted((sample / "images").rglob("*.jpg"))[start : start + number]


def look_for(page: Page, text: str) -> None:
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page).to_have_url(re.compile("[?&]q="))
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
