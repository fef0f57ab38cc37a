"""Readers who do not wait: quick clicks, slow and broken answers, two tabs, a keyboard.

Nothing sleeps: answers are held back, and let go when the test says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser import steps
from tests.browser.catalog_view import get, jobs, look_for, open_part, put, row, stop_time
from tests.browser.steps import Held

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page, Route

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

SEARCH = "**/collections/default/search"
BROKEN = {"status": 200, "content_type": "application/json", "body": '{"neighbors": [{"item_'}
TWICE = "(all) => all.forEach((each) => each.click())"
"""Both clicks before the page did anything about the first."""


def box(page: Page, field: str, name: str) -> Locator:
    group = page.get_by_role("group", name=field, exact=True)
    return group.get_by_role("checkbox", name=re.compile(f"^{name}"))


def find_nothing(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), "neighbors": [], "next_cursor": None})


def scrolled_px(page: Page) -> int:
    return int(page.evaluate("scrollY"))


class TestSearch:
    def test_a_keyboard_user_ticks_filters_in_a_row(self, searched: Page) -> None:
        searched.mouse.wheel(0, 200)
        searched.wait_for_function("scrollY === 200")
        box(searched, "Label", "Home").focus()
        held = Held(searched, SEARCH)
        before = scrolled_px(searched)
        for name in ("Home", "Music"):
            box(searched, "Label", name).focus()
            searched.keyboard.press("Space")
            expect(searched).to_have_url(re.compile(f"label={name}"))
            expect(box(searched, "Label", name)).to_be_checked()
            expect(box(searched, "Label", name)).to_be_focused()
        held.let_go()
        steps.expect_results(searched)
        expect(box(searched, "Label", "Music")).to_be_focused()
        assert scrolled_px(searched) == before

    def test_what_is_typed_stays_when_the_filters_are_drawn_anew(self, searched: Page) -> None:
        expect(box(searched, "Label", "Home")).to_be_visible()  # filters come after the results
        held = Held(searched, "**/collections/default/facets*")
        box(searched, "Label", "Home").check()
        least = searched.get_by_role("group", name="price", exact=True).get_by_label("from")
        least.press_sequentially("1")
        held.let_go()
        steps.expect_results(searched)
        expect(least).to_be_focused()
        expect(least).to_have_value("1")
        searched.keyboard.press("Tab")
        expect(searched).to_have_url(re.compile("label=Home.*where=.*gte"))

    def test_an_item_opened_while_results_narrow_keeps_the_filter(self, searched: Page) -> None:
        held = Held(searched, SEARCH)
        box(searched, "Label", "Home").check()
        steps.card_link(searched).click()
        expect(searched).to_have_url(re.compile("/item/default.*label=Home"))
        held.let_go()
        searched.keyboard.press("Escape")
        steps.expect_results(searched)
        expect(box(searched, "Label", "Home")).to_be_checked()

    def test_what_was_picked_stays_when_results_narrow(self, searched: Page) -> None:
        steps.pick(searched, 0, "Like")
        box(searched, "Label", "Home").check()
        expect(searched).to_have_url(re.compile("label="))
        steps.expect_results(searched)
        expect(searched.get_by_role("list", name="Liked", exact=True)).to_be_visible()

    def test_words_that_are_not_sent_yet_stay(self, searched: Page) -> None:
        words = searched.get_by_role("searchbox", name="Words").last
        words.fill("red mug")
        box(searched, "Label", "Home").check()
        expect(searched).to_have_url(re.compile("label="))
        steps.expect_results(searched)
        expect(words).to_have_value("red mug")

    def test_an_answer_that_breaks_off_is_asked_for_again(self, searched: Page) -> None:
        searched.route(SEARCH, lambda route: route.fulfill(**BROKEN), times=1)
        box(searched, "Label", "Home").check()
        expect(searched).to_have_url(re.compile("label="))
        steps.expect_results(searched)
        expect(searched.get_by_role("alert")).to_have_count(0)

    def test_of_two_photos_the_last_counts(self, start: Page, sample: Path) -> None:
        first, last = sorted((sample / "shopper").rglob("*.jpg"))[:2]
        start.evaluate("""() => {
          const read = createImageBitmap;
          const first = new Promise((resolve) => (window.letGo = resolve));
          let asked = 0;
          window.createImageBitmap = async (file) => {
            asked += 1;
            if (asked === 1) await first;
            return read(file);
          };
        }""")
        steps.choose(start, first)
        steps.choose(start, last)
        expect(start).to_have_url(re.compile("photo="))
        address = start.url
        start.evaluate("letGo()")
        steps.expect_answer(start)
        assert start.url == address

    @pytest.mark.allows_console("net::ERR_FAILED")
    def test_an_item_whose_dialog_does_not_load_opens_by_itself(self, searched: Page) -> None:
        searched.route("**/js/item/dialog*.js", lambda route: route.abort(), times=1)
        steps.card_link(searched).click()
        expect(searched.get_by_role("alert")).to_contain_text("This goes on by itself")
        expect(searched.get_by_role("alert")).to_be_focused()
        expect(searched.locator("dialog[open]").get_by_role("heading", level=2)).to_be_visible()
        expect(searched.get_by_role("alert")).to_have_count(0)

    @pytest.mark.allows_console("net::ERR_FAILED")
    def test_which_filter_to_drop_is_said_once_that_is_known(self, searched: Page) -> None:
        searched.route("**/js/search/nothing_found*.js", lambda route: route.abort(), times=1)
        searched.route(SEARCH, find_nothing, times=1)
        box(searched, "Label", "Home").check()
        expect(searched.get_by_role("heading", name="No results")).to_be_visible()

    def test_a_double_click_opens_an_item(self, searched: Page) -> None:
        steps.card_link(searched).click()
        searched.keyboard.press("Escape")  # it may not be there yet
        expect(searched).not_to_have_url(re.compile("/item/"))
        steps.card_link(searched).dblclick()
        dialog = searched.locator("dialog[open]")
        expect(dialog.get_by_role("heading", level=2)).to_be_visible()
        close = dialog.get_by_role("button", name="Close").element_handle()
        searched.evaluate(TWICE, [close, close])
        expect(dialog).to_have_count(0)
        expect(searched.get_by_role("heading", name=steps.PHOTO_TITLE)).to_be_visible()


class TestItems:
    def test_two_tabs_change_the_same_item(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        put(page, owned, "both-1", shopper_photo, label="Toys", attributes='{"price": 3}')
        open_part(page, owned, "items")
        look_for(page, "both-1")
        row(page, "both-1").get_by_role("button", name="Edit").dblclick()
        dialog = page.get_by_role("dialog")
        address = f"{owned.url}/v1/collections/default/items/both-1"
        other = {"label": "Games", "attributes": {"price": 4, "color": "red"}}
        assert page.request.patch(address, data=other).ok
        dialog.get_by_label("Label").fill("Toys/Robots")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Somebody else changed this item")
        expect(dialog.get_by_role("alert")).to_contain_text("Label: Games")
        page.mouse.click(5, 5)
        expect(dialog.get_by_label("Label")).to_have_value("Toys/Robots")
        expect(dialog.get_by_role("textbox", name="price", exact=True)).to_have_value("4")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()
        expect(row(page, "both-1")).to_contain_text("Toys/Robots")
        item = get(page, owned, "collections/default/items/both-1")
        assert (item["label"], item["attributes"]) == ("Toys/Robots", {"price": 4, "color": "red"})

    def test_a_list_that_is_drawn_anew_leaves_the_focus_and_what_is_typed(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        for number in range(3):
            put(page, owned, f"stay-{number}", shopper_photo)
        page.clock.install()
        open_part(page, owned, "items")
        look_for(page, "stay-")
        stop_time(page)
        row(page, "stay-0").get_by_role("button", name="Delete").dblclick()
        toasts = page.get_by_role("status", name="Deleted")
        expect(toasts.get_by_role("button", name="Undo")).to_have_count(1)
        page.get_by_label("Label", exact=True).fill("not sent yet")
        choose = row(page, "stay-1").get_by_role("checkbox")
        choose.focus()
        with page.expect_response("**/items:batch"):
            page.clock.fast_forward(10_000)
        expect(toasts).to_be_empty()
        page.wait_for_load_state("networkidle")
        expect(choose).to_be_focused()
        expect(page.get_by_label("Label", exact=True)).to_have_value("not sent yet")

    def test_all_of_another_search_are_not_chosen(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        put(page, owned, "alone-1", shopper_photo)
        open_part(page, owned, "items")
        expect(page.get_by_text("1 to 50 of")).to_be_visible()
        held = Held(page, "**/items?*limit=500*")
        page.get_by_label("Choose all on this page").check()
        page.get_by_role("button", name="Choose all", exact=False).last.click()
        look_for(page, "alone-1")
        held.let_go()
        page.wait_for_load_state("networkidle")
        expect(page.get_by_role("region", name="Chosen items")).to_contain_text("50 chosen")

    @pytest.mark.allows_console("the server responded with a status of 503")
    def test_a_collection_that_is_not_deleted_is_told(self, page: Page, owned: LiveServer) -> None:
        page.goto(f"{owned.url}/catalog")
        page.get_by_label("New collection").fill("kept")
        made = page.get_by_role("button", name="Make").element_handle()
        page.evaluate(TWICE, [made, made])
        expect(page.get_by_role("heading", name="kept", level=1)).to_be_visible()
        page.get_by_role("link", name="All collections").click()
        busy = {"status": 503, "headers": {"Retry-After": "3"}, "json": {"code": "overloaded"}}
        page.route("**/v1/collections/kept*", lambda route: route.fulfill(**busy))
        page.get_by_role("button", name="Delete kept").dblclick()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("alert").get_by_role("heading")).to_be_visible()
        page.unroute_all()
        page.get_by_role("button", name="Delete kept").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("link", name="kept", exact=True)).to_have_count(0)


class TestJobs:
    def test_a_job_is_started_once(self, page: Page, owned: LiveServer) -> None:
        listed = Held(page, "**/v1/jobs?*")
        open_part(page, owned, "review")
        start = page.get_by_role("button", name="Find duplicates")
        expect(start).to_be_disabled()  # there may be one already
        listed.let_go()
        expect(start).to_be_enabled()
        held = Held(page, "**/collections/default/jobs", "POST")
        listed = Held(page, "**/v1/jobs?*")
        both = start.element_handle()
        page.evaluate(TWICE, [both, both])
        held.let_go()
        with page.expect_request("**/v1/jobs?*"):
            pass
        expect(start).to_be_disabled()
        listed.let_go()
        expect(page.get_by_role("list", name="Duplicates")).to_be_visible(timeout=steps.SLOW_MS)
        assert len(held.asked) == 1

    def test_one_of_a_group_is_kept_however_quickly(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        for name in ("pair-1", "pair-2"):
            put(page, owned, name, shopper_photo)
        open_part(page, owned, "review")
        page.get_by_role("button", name="Find duplicates").click()
        keep = page.get_by_role("button", name=re.compile("Keep only pair-"))
        expect(keep).to_have_count(2, timeout=steps.SLOW_MS)
        page.evaluate(TWICE, keep.element_handles())
        expect(keep).to_have_count(0)
        toasts = page.get_by_role("status", name="Deleted")
        expect(toasts.get_by_role("button", name="Undo")).to_have_count(1)

    def test_a_list_of_jobs_leaves_the_focus(self, page: Page, owned: LiveServer) -> None:
        address = f"{owned.url}/v1/collections/default/jobs"
        assert page.request.post(address, data={"kind": "duplicates"}).ok
        page.clock.install()
        open_part(page, owned, "jobs")
        download = jobs(page).first.get_by_role("button", name=re.compile("^Download"))
        download.focus(timeout=steps.SLOW_MS)
        before = jobs(page).count()
        assert page.request.post(address, data={"kind": "check"}).ok
        page.clock.fast_forward(11_000)
        expect(jobs(page)).to_have_count(before + 1)
        expect(jobs(page).first).to_contain_text("Done", timeout=steps.SLOW_MS)
        page.wait_for_load_state("networkidle")
        again = jobs(page).nth(1).get_by_role("button", name=re.compile("^Download"))
        expect(again).to_be_focused()

    @pytest.mark.allows_console("net::ERR_FAILED")
    def test_a_start_without_an_answer_is_repeated_under_its_key(
        self, page: Page, owned: LiveServer
    ) -> None:
        open_part(page, owned, "review")
        start = page.get_by_role("button", name="Find duplicates")
        expect(start).to_be_enabled()
        keys: list[str] = []

        def lose(route: Route) -> None:
            keys.append(route.request.headers["idempotency-key"])
            route.abort()

        page.route("**/collections/default/jobs", lose)
        start.click()
        alert = page.get_by_role("alert").filter(has=page.get_by_role("heading"))
        expect(alert).to_contain_text("Try again when it is back")  # nothing here goes on by itself
        page.unroute_all()
        held = Held(page, "**/collections/default/jobs", "POST")
        held.let_go()
        start.click()
        expect(page.get_by_role("list", name="Jobs").locator("> li")).to_be_visible()
        assert len({*keys, *held.asked}) == 1


class TestClassify:
    def test_a_class_being_typed_stays_while_rows_are_put_in_order(
        self, page: Page, owned: LiveServer, sample: Path
    ) -> None:
        photos = sorted((sample / "shopper").rglob("*.jpg"))[:5]
        held = Held(page, "**/classify", "POST")
        page.route("**/classify", lambda route: route.continue_(), times=2)
        rows = steps.open_classify(page, owned, photos)
        answered = rows.filter(has=page.locator("input:enabled")).first
        mine = rows.filter(has_text=answered.get_by_role("rowheader").inner_text())
        mine.get_by_role("combobox").press_sequentially("Mugs")
        held.let_go()
        expect(page.get_by_role("progressbar")).to_have_count(0)
        expect(mine.get_by_role("combobox")).to_be_focused()
        page.keyboard.press("Tab")
        expect(mine).to_contain_text("By you")
        expect(mine).to_contain_text("Mugs")

    def test_photos_are_kept_once(self, page: Page, owned: LiveServer, sample: Path) -> None:
        photos = sorted((sample / "shopper").rglob("*.jpg"))[:2]
        rows = steps.open_classify(page, owned, photos, "?order=name")
        expect(page.get_by_role("progressbar")).to_have_count(0)
        for line in rows.all():
            line.get_by_role("combobox").fill("Toys")
            line.get_by_role("combobox").press("Enter")
        held = Held(page, "**/items/classified*", "PUT")
        page.route("**/items/classified*", lambda route: route.continue_(), times=1)
        page.get_by_role("button", name="Add 2 photos").click()
        page.get_by_role("button", name=re.compile("^Add 1 photo")).click()
        held.let_go()
        expect(page.get_by_text("2 photos added.")).to_be_visible()
        assert len(held.asked) == 1


def test_an_answer_of_another_collection_comes_too_late(page: Page, owned: LiveServer) -> None:
    page.request.post(f"{owned.url}/v1/collections", data={"name": "other"})
    page.goto(f"{owned.url}/quality")
    start = page.get_by_role("button", name="Measure")
    expect(start).to_be_enabled()
    held = Held(page, "**/v1/collections")
    page.get_by_label("Collection").select_option("other")
    expect(page.locator(".view > .stack")).to_have_attribute("inert", "")
    held.let_go()
    expect(page.locator(".view > .stack")).not_to_have_attribute("inert", "")


@pytest.mark.allows_console("net::ERR_FAILED")
def test_a_view_whose_part_does_not_load_goes_on_by_itself(page: Page, owned: LiveServer) -> None:
    open_part(page, owned, "items")
    page.route("**/js/catalog/review/outliers*.js", lambda route: route.abort(), times=1)
    page.goto(f"{owned.url}/catalog?collection=default&part=review&review=outliers")
    expect(page.get_by_role("heading", name="Unlike all others")).to_be_visible()


def test_what_is_being_saved_is_not_left(
    page: Page, owned: LiveServer, shopper_photo: Path
) -> None:
    """Else a part of them were changed, and nothing would say so."""
    for number in range(2):
        put(page, owned, f"unleft-{number}", shopper_photo, label="Toys")
    open_part(page, owned, "items")
    look_for(page, "unleft-")
    page.get_by_label("Choose all on this page").check()
    page.get_by_role("region", name="Chosen items").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit 2 items")
    dialog.get_by_label("Label", exact=True).fill("Toys/Robots")
    held = Held(page, "**/items:batch")
    with page.expect_request("**/items:batch"):
        dialog.get_by_role("button", name="Save").click()
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_visible()
    held.let_go()
    expect(dialog).to_have_count(0)
    expect(row(page, "unleft-1")).to_contain_text("Toys/Robots")
