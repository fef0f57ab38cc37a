"""The view that classifies many photos, as an owner uses it."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.browser.catalog_view import get
from tests.browser.steps import SLOW_MS, Held, open_classify, overflow_px
from tests.browser.test_looks import findings

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(find_spec("openTSNE") is None, reason="no map without openTSNE")
expect = sync_api.expect


class TestClassify:
    @pytest.mark.allows_console("the server responded with a status of 422")
    def test_many_photos_are_classified_corrected_and_kept(
        self, page: Page, owned: LiveServer, sample: Path, tmp_path: Path
    ) -> None:
        photos = sorted((sample / "shopper").rglob("*.jpg"))[:6]
        damaged = tmp_path / "damaged.jpg"
        damaged.write_bytes(photos[0].read_bytes()[:300])
        page.goto(f"{owned.url}/classify")
        expect(page.get_by_text("Drop photos or a folder here")).to_be_visible()
        assert findings(page) == []
        held = Held(page, "**/calibration*")
        rows = open_classify(page, owned, [*photos, damaged])
        slider = page.get_by_role("slider", name="Right answers")
        expect(slider).to_be_disabled()
        held.let_go()
        expect(slider).to_be_enabled()
        expect(page.get_by_role("progressbar")).to_have_count(0)
        expect(rows.first).to_contain_text("This photo can’t be opened")  # nor certain of anything
        answered = page.locator(".numbers dd").first
        slider.press("End")
        few = int(answered.inner_text().split()[0])
        slider.press("Home")
        expect(page.get_by_text("Every photo gets an answer if anything")).to_be_visible()
        assert few < int(answered.inner_text().split()[0]) <= 6
        slider.press("End")
        expect(page).to_have_url(re.compile(r"[?&]promise=0\.\d"))
        proposed = rows.nth(1).get_by_role("combobox").get_attribute("placeholder")
        rows.nth(1).get_by_role("combobox").press("Enter")
        expect(rows.nth(2).get_by_role("combobox")).to_be_focused()
        page.keyboard.type("Toys/Robots")
        page.keyboard.press("Enter")
        expect(rows.nth(2)).to_contain_text("By you")
        assert findings(page) == []
        page.locator("#classify-show").select_option("Given by you")
        expect(rows).to_have_count(2)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as a table").click()
        saved = download.value.path().read_text(encoding="utf-8-sig").splitlines()
        assert len(saved) == 8
        assert [line for line in saved if "Toys/Robots" in line and ",yes," in line]
        page.get_by_role("button", name="Add 2 photos to default").click()
        expect(page.get_by_text("2 photos added.")).to_be_visible()
        page.get_by_role("link", name="See them in the catalog").click()
        expect(page.get_by_role("rowheader")).to_have_count(2)
        kept = get(page, owned, "collections/default/items?q=classified/")["items"]
        assert {each["label"] for each in kept} == {proposed, "Toys/Robots"}
        page.goto("about:blank")  # which asks for no pictures of what is deleted
        for each in kept:
            path = f"items/{each['item_id'].replace('/', '%2F')}"
            page.request.delete(f"{owned.url}/v1/collections/default/{path}")

    @pytest.mark.allows_console("net::ERR_INTERNET_DISCONNECTED")
    @pytest.mark.allows_console("status of 429")
    def test_it_is_cancelled_and_goes_on(self, page: Page, owned: LiveServer, sample: Path) -> None:
        photos = sorted((sample / "shopper").rglob("*.jpg"))[:5]
        page.route("**/classify", lambda route: None)  # never answered
        rows = open_classify(page, owned, photos, "?order=name")
        page.get_by_role("button", name="Cancel").click()
        page.unroute("**/classify")
        page.route("**/{classify,readyz}", lambda route: route.abort("internetdisconnected"))
        page.get_by_role("button", name="Go on with 5 photos").click()
        expect(page.get_by_text("No connection. This goes on by itself")).to_be_visible()
        refusal = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"code": "rate_limited"}}
        page.route("**/classify", lambda route: route.fulfill(**refusal))
        page.unroute("**/{classify,readyz}")
        expect(page.get_by_text("Many are searching at the moment")).to_be_visible()
        page.unroute("**/classify")
        expect(page.get_by_role("progressbar")).to_have_count(0, timeout=SLOW_MS)
        expect(rows.filter(has_text="Waiting")).to_have_count(0)
        page.set_viewport_size({"width": 360, "height": 740})
        assert overflow_px(page) <= 0
        page.emulate_media(color_scheme="dark")
        assert findings(page) == []

    @pytest.mark.allows_console("the server responded with a status of 422")
    def test_classes_are_named_where_texts_are_read(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        def reads_texts(route: Route) -> None:
            answer = route.fetch().json()
            for each in answer["collections"]:
                each["encoder"]["reads_texts"] = True
            route.fulfill(json=answer)

        page.goto(f"{owned.url}/classify")
        expect(page.get_by_text("Drop photos or a folder here")).to_be_visible()
        expect(page.get_by_label("Choose between classes that I name")).to_be_hidden()
        page.route("**/v1/collections", reads_texts)
        page.reload()
        page.get_by_label("Choose between classes that I name").check()
        page.get_by_label("Classes", exact=True).fill("mug\nplate")
        page.get_by_label("Classes", exact=True).press("Tab")
        with page.expect_request("**/classify") as asked:
            page.get_by_label("Choose photos").first.set_input_files(shopper_photo)
        assert b"mug,plate" in (asked.value.post_data_buffer or b"")
        expect(page.get_by_role("button", name="Try 1 photo again")).to_be_visible()
        expect(page.get_by_text("Nobody has measured how often")).to_be_visible()
