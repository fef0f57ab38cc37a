"""Photos on the page: made smaller, kept, cropped, on their way, and found again."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.browser import steps

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import FilePayload, Page, Route

    from tests.browser.steps import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

NO_PHOTO: FilePayload = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture\n"}
KEEP_WHAT_IS_SENT = """() => {
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (body) {
    window.sent = body.get("image");
    return send.call(this, body);
  };
}"""
KEY_WHEN_THE_ADDRESS_CHANGES = """() => {
  const push = history.pushState;
  history.pushState = function (...all) {
    history.pushState = push;
    push.apply(history, all);
    const key = { key: "ArrowLeft", shiftKey: true, bubbles: true, cancelable: true };
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", key));
  };
}"""
READ_WHAT_WAS_SENT = """async () => {
  const bytes = new Uint8Array(await window.sent.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


def test_a_large_photo_is_made_smaller_before_it_is_sent(
    start: Page, shopper_photo: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.open(shopper_photo).resize((4000, 3000)).save(large, quality=98, exif=exif)
    start.evaluate(KEEP_WHAT_IS_SENT)
    steps.search(start, large)
    sent = base64.b64decode(start.evaluate(READ_WHAT_WAS_SENT))
    assert Image.open(io.BytesIO(sent)).size == (768, 1024), "upright, 1,024 pixels long"
    assert len(sent) < large.stat().st_size / 4


def test_a_reload_keeps_the_photo_and_the_start_offers_it(searched: Page) -> None:
    before = steps.shown_ids(searched)
    searched.reload()
    steps.show_closest(searched)
    assert steps.shown_ids(searched) == before
    searched.get_by_role("link", name="Eyedex").click()
    again = searched.get_by_role("list", name="Searched lately").get_by_role("link")
    expect(again).to_have_count(1)
    again.click()
    steps.show_closest(searched)
    assert steps.shown_ids(searched) == before
    searched.get_by_role("link", name="Eyedex").click()
    searched.get_by_role("button", name="Forget 1").click()
    expect(again).to_have_count(0)


def test_a_photo_of_another_browser_is_said_to_be_elsewhere(
    page: Page, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}/?photo=elsewhere")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This photo is not in this browser")
    expect(alert.get_by_role("button", name="Choose another photo")).to_be_visible()


class TestCrop:
    def test_by_mouse(self, searched: Page) -> None:
        expect(searched.get_by_role("group", name="Part to search with")).to_be_visible()
        area = searched.locator(".crop").bounding_box()
        assert area is not None
        x, y, width, height = (area[side] for side in ("x", "y", "width", "height"))
        searched.mouse.move(x + width * 0.25, y + height * 0.25)
        searched.mouse.down()
        searched.mouse.move(x + width * 0.75, y + height * 0.75, steps=4)
        searched.mouse.up()
        expect(searched).to_have_url(re.compile("box=0.25"))
        steps.show_closest(searched)
        expect(searched.get_by_role("heading", name="Closest to this part")).to_be_visible()
        searched.mouse.move(x + width * 0.5, y + height * 0.5)
        searched.mouse.down()
        searched.mouse.move(x + width * 0.6, y + height * 0.5, steps=4)
        searched.mouse.up()
        expect(searched).to_have_url(re.compile("box=0.35"))
        searched.get_by_role("button", name="Whole photo").click()
        expect(searched).not_to_have_url(re.compile("box="))
        steps.show_closest(searched)

    def test_by_keys(self, searched: Page) -> None:
        searched.get_by_role("group", name="Part to search with").focus()
        for _ in range(10):
            searched.keyboard.press("Shift+ArrowLeft")
        searched.keyboard.press("ArrowRight")
        expect(searched).to_have_url(re.compile(r"box=0.02%2C0%2C0.8%2C1"))
        steps.show_closest(searched)

    def test_by_keys_with_a_search_between_them(self, searched: Page) -> None:
        box = searched.get_by_role("group", name="Part to search with")
        box.focus()
        searched.keyboard.press("Shift+ArrowLeft")
        expect(searched).to_have_url(re.compile(r"box=0%2C0%2C0.98%2C1"))
        steps.expect_answer(searched)
        expect(box).to_be_focused()
        searched.keyboard.press("Shift+ArrowLeft")
        expect(searched).to_have_url(re.compile(r"box=0%2C0%2C0.96%2C1"))
        searched.get_by_role("button", name="Whole photo").press("Enter")
        expect(searched.locator(".found-title")).to_be_focused()

    def test_a_key_while_the_address_follows_the_one_before(self, searched: Page) -> None:
        searched.get_by_role("group", name="Part to search with").focus()
        searched.evaluate(KEY_WHEN_THE_ADDRESS_CHANGES)
        searched.keyboard.press("Shift+ArrowLeft")
        expect(searched).to_have_url(re.compile(r"box=0%2C0%2C0.96%2C1"))

    def test_by_numbers(self, searched: Page) -> None:
        searched.get_by_text("Crop by numbers").click()
        searched.get_by_label("Width in percent").fill("50")
        searched.keyboard.press("Tab")
        expect(searched).to_have_url(re.compile(r"box=0%2C0%2C0.5%2C1"))

    def test_by_touch_in_a_sheet(
        self, page: Page, live_server: LiveServer, shopper_photo: Path
    ) -> None:
        page.set_viewport_size({"width": 360, "height": 740})
        steps.open_start(page, live_server)
        steps.search(page, shopper_photo)
        page.get_by_role("button", name="Choose a part").click()
        sheet = page.get_by_role("dialog", name="Choose a part")
        expect(sheet.get_by_role("group", name="Part to search with")).to_be_visible()
        sheet.locator(".crop").evaluate(
            """(area) => {
              const { x, y, width, height } = area.getBoundingClientRect();
              area.setPointerCapture = () => {};
              const touch = (kind, dx, dy) => area.dispatchEvent(new PointerEvent(kind, {
                bubbles: true, pointerId: 1, pointerType: "touch", button: 0,
                clientX: x + width * dx, clientY: y + height * dy }));
              touch("pointerdown", 0.1, 0.1);
              touch("pointermove", 0.6, 0.6);
              touch("lostpointercapture", 0.6, 0.6);
            }"""
        )
        expect(page).to_have_url(re.compile("box=0.1"))
        sheet.get_by_role("button", name="Done").click()
        steps.show_closest(page)
        expect(page.get_by_text("A part of it")).to_be_visible()


class TestOnItsWay:
    def test_cancel(self, start: Page, shopper_photo: Path) -> None:
        start.route("**/search", lambda route: None)  # never answered
        steps.choose(start, shopper_photo)
        expect(start.get_by_text(re.compile("Preparing|Uploading|Looking")).first).to_be_visible()
        start.get_by_role("button", name="Cancel").click()
        expect(steps.first_sample(start)).to_be_visible()
        expect(start.get_by_role("alert")).to_have_count(0)

    @pytest.mark.allows_console("ERR_")
    def test_goes_on_by_itself_when_the_network_is_back(
        self, start: Page, shopper_photo: Path
    ) -> None:
        start.context.set_offline(True)
        steps.choose(start, shopper_photo)
        expect(start.get_by_role("alert")).to_contain_text("No connection")
        expect(start.get_by_role("alert")).to_be_focused()
        start.context.set_offline(False)
        steps.show_closest(start)
        expect(start.get_by_role("alert")).to_have_count(0)

    @pytest.mark.allows_console("ERR_")
    def test_results_stay_without_a_network(self, searched: Page) -> None:
        before = steps.shown_ids(searched)
        searched.context.set_offline(True)
        searched.get_by_role("button", name="Group by product").click()
        expect(searched.get_by_role("alert")).to_contain_text("No connection")
        assert steps.shown_ids(searched) == before
        searched.context.set_offline(False)
        expect(searched.get_by_role("alert")).to_have_count(0)
        steps.expect_results(searched)


@pytest.mark.allows_console("status of 415")
def test_a_text_that_is_called_a_photo(start: Page) -> None:
    start.get_by_label("Photo").set_input_files(NO_PHOTO)
    alert = start.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("That is not a photo")
    expect(alert.get_by_role("button", name="Choose another photo")).to_be_visible()
    expect(alert.get_by_text("unsupported_type")).to_be_hidden()
    alert.get_by_text("Details").click()
    expect(alert.get_by_text("unsupported_type")).to_be_visible()
    expect(steps.results(start)).to_be_hidden()


@pytest.mark.allows_console("net::ERR_")
def test_a_folder_that_is_dropped(start: Page, tmp_path: Path) -> None:
    """It comes as a file that cannot be read; that is not for want of a connection."""
    dropping = start.context.new_cdp_session(start)
    data = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        dropping.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    alert = start.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("This file can’t be read")
    expect(alert.get_by_role("button", name="Choose another photo")).to_be_visible()
    start.goto(start.url.split("?")[0])
    expect(steps.first_sample(start)).to_be_visible()
    assert kept_photos(start) == 0


@pytest.mark.allows_console("status of 415")
def test_what_is_no_photo_is_not_offered_again(start: Page, shopper_photo: Path) -> None:
    steps.search(start, shopper_photo)
    for _ in range(6):  # as many as are offered
        start.get_by_label("Photo").set_input_files(NO_PHOTO)
        expect(start.get_by_role("alert")).to_be_visible()
        with start.expect_navigation():
            start.get_by_role("link", name="Eyedex").click()
    again = start.get_by_role("list", name="Searched lately").get_by_role("link")
    expect(again).to_have_count(1)
    start.get_by_role("button", name="Forget 1").click()
    expect(start.get_by_role("heading", name="Searched lately")).to_be_hidden()


def kept_photos(page: Page) -> int:
    return int(
        page.evaluate(
            """() => import("/static/js/photos/library.js")
              .then(({ recent }) => recent()).then((photos) => photos.length)"""
        )
    )


@pytest.mark.allows_console("status of 413")
def test_a_photo_that_is_too_big_is_told_its_size(start: Page, shopper_photo: Path) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=413, json={"title": "Too large", "code": "body_too_large"})

    start.route("**/search", refuse)
    steps.choose(start, shopper_photo)
    expect(start.get_by_role("alert")).to_contain_text("This photo is too big")
    expect(start.get_by_role("alert")).to_contain_text(re.compile(r"It has \d+ kB"))
