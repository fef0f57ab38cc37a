"""Searching as a shopper does: a photo or an item, its class, results, and going on from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.browser import steps

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


@pytest.mark.smoke
class TestStarting:
    def test_by_file(self, searched: Page) -> None:
        hits = steps.hits(searched)
        assert hits.count() > 0
        expect(hits.first).to_contain_text(re.compile("close|alike|same", re.IGNORECASE))
        assert re.search(r"\d\.\d\d", hits.first.locator(".card-closeness").inner_text()) is None
        expect(searched.get_by_role("heading", name=steps.PHOTO_TITLE)).to_be_focused()

    @pytest.mark.parametrize("kind", ["drop", "paste"])
    def test_by_drop_and_paste(self, start: Page, shopper_photo: Path, kind: str) -> None:
        steps.hand_over(start, kind, shopper_photo)
        steps.show_closest(start)
        expect(start.get_by_role("heading", name=steps.PHOTO_TITLE)).to_be_visible()

    def test_of_several_the_first_is_taken_and_that_is_said(
        self, start: Page, shopper_photo: Path
    ) -> None:
        steps.hand_over(start, "drop", shopper_photo, count=2)
        steps.show_closest(start)
        expect(start.get_by_text("Only the first of 2 files")).to_be_visible()

    @pytest.mark.parametrize("kind", ["drop", "paste"])
    def test_a_text_is_no_photo(self, start: Page, shopper_photo: Path, kind: str) -> None:
        steps.hand_over(start, kind, shopper_photo, count=0)
        expect(start.get_by_role("alert")).to_contain_text("That is not a photo")

    def test_by_sample(self, start: Page) -> None:
        steps.first_sample(start).click()
        steps.expect_results(start)
        expect(start).to_have_url(re.compile(r"[?&]item="))
        expect(start.get_by_role("heading", name="Similar to")).to_be_visible()

    def test_the_same_file_twice(self, searched: Page, shopper_photo: Path) -> None:
        searched.get_by_role("button", name="Clear", exact=True).click()
        expect(steps.results(searched)).to_be_hidden()
        steps.search(searched, shopper_photo)

    def test_the_view_is_a_landmark_of_its_name(self, start: Page) -> None:
        expect(start.get_by_role("main", name="Search")).to_be_visible()
        views = start.get_by_role("navigation", name="Views")
        expect(views.get_by_role("link", name="Search")).to_have_attribute("aria-current", "page")


@pytest.mark.smoke
class TestResults:
    def test_views_of_a_product_are_one_result(self, searched: Page) -> None:
        ids = steps.shown_ids(searched)
        products = [each.rpartition("-")[0] for each in ids]
        assert len(products) == len(set(products))
        views = steps.results(searched).get_by_text(re.compile(r"^\+\d views?$"))
        expect(views.first).to_be_visible()
        searched.get_by_role("button", name="Group by product").click()
        expect(searched).to_have_url(re.compile("group=off"))
        steps.expect_results(searched)
        products = [each.rpartition("-")[0] for each in steps.shown_ids(searched)]
        assert len(products) > len(set(products))

    def test_more_come_when_the_end_is_seen_and_none_twice(self, searched: Page) -> None:
        searched.get_by_role("button", name="Group by product").click()
        expect(searched).to_have_url(re.compile("group=off"))
        steps.expect_results(searched)
        searched.mouse.move(800, 600)
        for _ in range(20):
            searched.mouse.wheel(0, 4000)
            searched.wait_for_timeout(100)
        expect(searched.get_by_role("button", name="Show more")).to_be_hidden()
        ids = steps.shown_ids(searched)
        assert len(ids) > 60
        assert len(ids) == len(set(ids))

    def test_sorted_by_price_and_varied(self, searched: Page) -> None:
        searched.get_by_label("Sort").select_option("price: low to high")
        expect(searched).to_have_url(re.compile("sort=price"))
        steps.expect_results(searched)
        texts = steps.results(searched).locator(".card-price").all_inner_texts()
        prices = [float(text.replace(",", "")) for text in texts]
        assert prices == sorted(prices)
        searched.get_by_label("Variety").select_option("Variety: more")
        expect(searched).to_have_url(re.compile("variety=0.6"))
        expect(searched).not_to_have_url(re.compile("sort="))
        steps.expect_results(searched)

    def test_back_finds_the_same_results_at_the_same_place(self, searched: Page) -> None:
        before = steps.shown_ids(searched)
        searched.evaluate("scrollTo(0, 500)")
        steps.hits(searched).nth(4).hover()
        steps.hits(searched).nth(4).get_by_role("link", name="More like this").click()
        expect(searched.get_by_role("heading", name="Similar to")).to_be_visible()
        steps.expect_results(searched)
        searched.go_back()
        expect(searched.get_by_role("heading", name=steps.PHOTO_TITLE)).to_be_visible()
        steps.expect_results(searched)
        assert steps.shown_ids(searched) == before
        searched.wait_for_function("scrollY > 300")

    def test_an_address_can_be_shared(self, searched: Page, page: Page) -> None:
        steps.hits(searched).first.hover()
        link = steps.hits(searched).first.get_by_role("link", name="More like this")
        address = link.get_attribute("href")
        searched.goto(f"{searched.url.partition('?')[0]}{address[1:] if address else ''}")
        expect(searched.get_by_role("heading", name="Similar to")).to_be_visible()
        steps.expect_results(searched)


class TestWords:
    def test_alone(self, start: Page) -> None:
        box = start.get_by_role("searchbox", name="Search by words").first
        box.fill("backpack")
        box.press("Enter")
        expect(start.get_by_role("heading", name="Results for “backpack”")).to_be_visible()
        expect(start).to_have_url(re.compile(r"/\?q=backpack$"))
        expect(steps.hits(start).first).to_be_visible()
        names = steps.results(start).locator(".card-name").all_inner_texts()
        assert names
        assert all("backpack" in name for name in names)
        assert set(steps.results(start).locator(".card-closeness").all_inner_texts()) <= {
            "", "+1 view", "+2 views"
        }  # fmt: skip
        expect(start.get_by_label("Variety")).to_be_hidden()
        shown = start.get_by_role("searchbox", name="Search by words").last
        expect(shown).to_have_value("backpack")
        shown.fill("zzzz")
        shown.press("Enter")
        expect(start.get_by_text("Nothing has these words.")).to_be_visible()
        start.go_back()
        expect(start.get_by_role("heading", name="Results for “backpack”")).to_be_visible()
        start.go_back()
        expect(steps.first_sample(start)).to_be_visible()

    def test_beside_a_photo(self, searched: Page) -> None:
        box = searched.get_by_role("searchbox", name="Search by words").last
        with searched.expect_request("**/search") as asked:
            box.fill("teal")
            box.press("Enter")
        question = steps.fields_of(asked.value)
        assert (question["q"], bool(question["query_token"])) == ("teal", True)
        expect(searched).to_have_url(re.compile("photo=.*&q=teal"))
        steps.expect_results(searched)
        expect(searched.get_by_role("heading", name=steps.PHOTO_TITLE)).to_be_visible()

    @pytest.mark.allows_console("status of 422")
    def test_say_what_a_picture_shows_where_the_encoder_reads_texts(
        self, page: Page, live_server: LiveServer
    ) -> None:
        """What is asked; the encoder of this catalog reads none, and so refuses."""

        def claim(route: Route) -> None:
            response = route.fetch()
            found = response.json()
            for each in found["collections"]:
                each["encoder"]["reads_texts"] = True
            route.fulfill(response=response, json=found)

        page.route("**/v1/collections", claim)
        with page.expect_request("**/search") as asked:
            page.goto(f"{live_server.url}/?q=red+mug")
        question = steps.fields_of(asked.value)
        assert (question["text"], question["q"]) == ("red mug", "red mug")
        expect(page.get_by_role("alert")).to_be_visible()


class TestMore:
    def test_each_picture_once_instead_of_each_product(self, searched: Page) -> None:
        searched.get_by_role("button", name="More", exact=True).click()
        sheet = searched.get_by_role("dialog", name="More")
        with searched.expect_request("**/search") as asked:
            sheet.get_by_label("Each picture once").check()
        question = steps.fields_of(asked.value)
        assert question["fold"] is True
        assert "group_by" not in question
        sheet.get_by_role("button", name="Done").click()
        expect(searched).to_have_url(re.compile("group=off&fold=on"))
        steps.expect_results(searched)
        group = searched.get_by_role("button", name="Group by product")
        expect(group).to_have_attribute("aria-pressed", "false")
        group.click()
        expect(searched).not_to_have_url(re.compile("fold=on|group=off"))

    def test_a_photo_that_is_turned_finds_what_it_would_upright(
        self, searched: Page, shopper_photo: Path, tmp_path: Path
    ) -> None:
        upright = steps.shown_ids(searched)
        with Image.open(shopper_photo) as photo:
            photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png")
        steps.choose(searched, tmp_path / "turned.png")
        searched.get_by_role("button", name="Search it turned, too").click()
        expect(searched).to_have_url(re.compile("turns=any"))
        steps.show_closest(searched)
        assert steps.shown_ids(searched)[0] == upright[0]
        searched.get_by_role("button", name="More", exact=True).click()
        searched.get_by_label("The photo may be turned").uncheck()
        searched.get_by_role("button", name="Done").click()
        expect(searched).not_to_have_url(re.compile("turns=any"))
        expect(searched.get_by_role("button", name="Choose a part")).to_be_hidden()  # it is beside


class TestClass:
    def test_the_line_says_how_sure_and_why(self, start: Page) -> None:
        def unsure_of_the_kind(route: Route) -> None:
            response = route.fetch()
            path = [("Fruit", 0.99), ("Fruit/Apple", 0.72), ("Fruit/Apple/Gala", 0.4)]
            answer = {
                "label": "Fruit/Apple/Gala",
                "confidence": 0.4,
                "calibrated": True,
                "abstained": False,
                "levels": [{"label": label, "confidence": sure} for label, sure in path],
            }
            route.fulfill(response=response, json={**response.json(), **answer})

        start.route("**/classify", unsure_of_the_kind)
        steps.first_sample(start).click()
        steps.expect_results(start)
        assert steps.class_text(start) == "Apple · likely · perhaps Gala"
        start.get_by_text("Why?").click()
        expect(start.get_by_role("heading", name="closest items vote")).to_be_visible()
        expect(start.get_by_text("72%")).to_be_visible()

    def test_abstaining_gives_the_reason(self, start: Page) -> None:
        _answer_classify(start, {"label": None, "abstained": True, "reason": "disagree"})
        steps.first_sample(start).click()
        steps.expect_results(start)
        assert steps.class_text(start) == "Not sure: the closest items don’t agree on a class"

    def test_nothing_alike_is_a_banner_before_the_results(self, start: Page) -> None:
        _answer_classify(start, {"label": None, "abstained": True, "reason": "too_far"})
        steps.first_sample(start).click()
        expect(start.get_by_role("heading", name="Nothing here looks like this")).to_be_visible()
        expect(steps.results(start)).to_be_hidden()
        start.get_by_role("button", name="Show the closest anyway").click()
        steps.expect_results(start)

    def test_a_catalog_without_labels_has_no_class(self, start: Page) -> None:
        _answer_classify(
            start, {"label": None, "abstained": True, "reason": "no_labels", "votes": []}
        )
        steps.first_sample(start).click()
        expect(steps.hits(start).first).to_be_visible()
        expect(start.get_by_role("status", name="Class")).to_have_count(0)

    def test_a_vote_leads_to_its_label(self, searched: Page) -> None:
        searched.get_by_text("Why?").click()
        searched.locator(".votes a").first.click()
        expect(searched).to_have_url(re.compile("label="))
        steps.expect_results(searched)
        assert len(set(steps.shown_labels(searched))) == 1


def _answer_classify(page: Page, change: dict[str, object]) -> None:
    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), **change})

    page.route("**/classify", answer)


def test_keys(searched: Page) -> None:
    searched.on("filechooser", lambda _: None)  # intercepted well before the key is pressed
    searched.keyboard.press("/")
    expect(searched.get_by_role("searchbox", name="Find a label")).to_be_focused()
    searched.keyboard.press("Tab")
    with searched.expect_file_chooser():
        searched.keyboard.press("u")
    searched.keyboard.press("Escape")
    expect(steps.results(searched)).to_be_hidden()


def test_arrows_go_from_result_to_result(searched: Page) -> None:
    steps.card_link(searched).focus()
    searched.keyboard.press("ArrowRight")
    expect(steps.card_link(searched, 1)).to_be_focused()
    searched.keyboard.press("ArrowLeft")
    expect(steps.card_link(searched)).to_be_focused()
    searched.keyboard.press("ArrowDown")
    assert searched.evaluate("document.activeElement.matches('li:nth-child(n + 3) .card-link')")


def test_arrows_with_alt_are_those_of_the_browser(searched: Page) -> None:
    """They go back and forward there."""
    left = """(at) => at.dispatchEvent(new KeyboardEvent("keydown",
      { key: "ArrowLeft", altKey: true, bubbles: true, cancelable: true }))"""
    assert steps.card_link(searched, 1).evaluate(left)
    assert searched.get_by_role("group", name="Part to search with").evaluate(left)
    steps.card_link(searched, 1).click()
    dialog = searched.locator("dialog[open]")
    expect(dialog.get_by_role("heading", level=2)).to_be_visible()
    address = searched.url
    assert dialog.evaluate(left)
    assert searched.url == address
