"""A real browser for the page: headless Chromium driven by Playwright.

All of it takes minutes: `make test` runs what is marked `smoke`, `make test-browser` the rest too.
Skips, with the reason, where either is missing. A test fails at its end when the page logged an
error (a broken Content-Security-Policy is one), threw, or opened a dialog; what a test provokes on
purpose is allowed with `@pytest.mark.allows_console("text")`.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import copy_data, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

    from tests.conftest import LiveServer

WAITED_MS = 20_000
"""What is expected comes at once, or late on a busy machine."""
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not marked `smoke`, unless these tests were asked for."""
    here = Path(__file__).parent
    if any("browser" in argument for argument in config.args) or config.getoption("--slow"):
        return
    left_out = {
        item
        for item in items
        if here in item.path.parents and item.get_closest_marker("smoke") is None
    }
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=[*left_out])


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory, hsv_data: Path) -> Iterator[LiveServer]:
    """As the one of all tests, but quick to answer: what it sees in pictures is not looked at."""
    data = copy_data(hsv_data, tmp_path_factory.mktemp("browsed") / "data")
    with serve(data) as server:
        yield server


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory, hsv_data: Path) -> Iterator[LiveServer]:
    """A server whose catalog the tests of a module change."""
    with serve(copy_data(hsv_data, tmp_path_factory.mktemp("owned") / "data")) as server:
        yield server


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for these tests; Playwright's event loop must not outlive them."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the PATH, and CHROMIUM is not set")
    sync_api.expect.set_options(timeout=WAITED_MS)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page, light and without motion, that keeps a list of everything that went wrong."""
    with watched(browser, request, DESK) as page:
        yield page


@contextmanager
def watched(
    browser: Browser, request: pytest.FixtureRequest, device: dict[str, Any]
) -> Iterator[Page]:
    """A page on a device; at its end nothing may have gone wrong but what the test allows."""
    allowed = [mark.args[0] for mark in request.node.iter_markers("allows_console")]
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(text in message.text for text in allowed):
            complaints.append(f"console: {message.text}")

    def on_dialog(dialog: Dialog) -> None:
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    context = browser.new_context(color_scheme="light", reduced_motion="reduce", **device)
    page = context.new_page()
    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("dialog", on_dialog)
    try:
        yield page
    finally:
        context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def start(page: Page, live_server: LiveServer) -> Page:
    """The page as it opens, with its samples loaded."""
    from tests.browser.steps import open_start

    open_start(page, live_server)
    return page


@pytest.fixture
def searched(start: Page, shopper_photo: Path) -> Page:
    """The page after a photo was chosen and answered."""
    from tests.browser.steps import search

    search(start, shopper_photo)
    return start
