"""An item over the results, items side by side, and a search refined by likes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser import steps

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.browser.steps import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


def opened(page: Page) -> Locator:
    return page.locator("dialog[open]")


@pytest.fixture
def item(searched: Page) -> Page:
    """The first result, opened."""
    steps.card_link(searched).click()
    expect(opened(searched).get_by_role("heading", level=2)).to_be_visible()
    return searched


class TestItem:
    def test_has_an_address_views_and_attributes(self, item: Page) -> None:
        expect(item).to_have_url(re.compile(r"/item/default\?id="))
        views = opened(item).get_by_role("list", name="Views").get_by_role("button")
        expect(views).not_to_have_count(0)
        expect(opened(item).get_by_text("pattern", exact=True)).to_be_visible()
        expect(opened(item).get_by_text(re.compile(r"similarity \d\.\d\d of 1"))).to_be_visible()
        second = opened(item).get_by_role("button", name="View 2 of")
        second.click()
        expect(second).to_have_attribute("aria-current", "true")

    def test_esc_leads_back_to_the_card(self, item: Page) -> None:
        item.keyboard.press("Escape")
        expect(opened(item)).to_have_count(0)
        expect(item).not_to_have_url(re.compile("/item/"))
        expect(steps.card_link(item)).to_be_focused()
        expect(item.get_by_role("heading", name=steps.PHOTO_TITLE)).to_be_visible()

    def test_arrows_turn_to_the_next_and_back(self, searched: Page) -> None:
        item, ids = searched, steps.shown_ids(searched)
        steps.card_link(item).click()
        expect(opened(item).get_by_role("heading", level=2)).to_be_visible()
        item.keyboard.press("ArrowRight")
        expect(item).to_have_url(re.compile(f"id={re.escape(ids[1])}"))
        opened(item).get_by_role("button", name="Previous item").click()
        expect(item).to_have_url(re.compile(f"id={re.escape(ids[0])}"))
        expect(opened(item).get_by_role("button", name="Previous item")).to_be_disabled()
        item.go_back()  # turning makes no entries in the history
        expect(opened(item)).to_have_count(0)

    def test_similar(self, item: Page) -> None:
        opened(item).get_by_role("link", name="Similar", exact=True).click()
        expect(opened(item)).to_have_count(0)
        expect(item.get_by_role("heading", name="Similar to")).to_be_visible()
        steps.expect_results(item)

    def test_zoom(self, item: Page) -> None:
        stage = opened(item).locator(".zoom")
        opened(item).get_by_role("button", name="Zoom in").click()
        expect(stage).to_have_attribute("data-zoomed", "")
        stage.dblclick()
        expect(stage).not_to_have_attribute("data-zoomed", "")

    def test_a_copied_link_says_nothing_of_the_photo(self, item: Page) -> None:
        item.context.grant_permissions(["clipboard-read", "clipboard-write"])
        opened(item).get_by_role("button", name="Copy link").click()
        expect(opened(item).get_by_role("button", name="Copied")).to_be_visible()
        link = item.evaluate("navigator.clipboard.readText()")
        assert "/item/default?id=" in link
        assert "photo=" not in link

    def test_by_its_address_alone(self, page: Page, live_server: LiveServer, start: Page) -> None:
        sample = re.search(r"item=([^&]+)", steps.first_sample(start).get_attribute("href") or "")
        assert sample is not None
        page.goto(f"{live_server.url}/item/default?id={sample[1]}")
        expect(opened(page).get_by_role("heading", level=2)).to_be_visible()
        opened(page).get_by_role("button", name="Close").click()
        expect(page).to_have_url(re.compile(r"/(\?collection=default)?$"))
        expect(steps.first_sample(page)).to_be_visible()

    @pytest.mark.allows_console("status of 404")
    def test_that_is_no_more(self, page: Page, live_server: LiveServer) -> None:
        page.goto(f"{live_server.url}/item/default?id=no-such-item")
        expect(page.get_by_role("alert")).to_contain_text("no longer here")

    def test_only_safe_links_are_followed(self, start: Page) -> None:
        read = """async (link) => {
          const { itemLink } = await import("/static/js/format.js");
          const safe = "https://shop.example/1";
          return [itemLink({ attributes: { link } }), itemLink({ attributes: { URL: safe } })];
        }"""
        for link in ("javascript:alert(1)", "data:text/html,x", "//x", "ftp://x/y"):
            assert start.evaluate(read, link) == [None, "https://shop.example/1"]


class TestTray:
    def test_likes_and_dislikes_refine_the_search(self, searched: Page) -> None:
        ids = steps.shown_ids(searched)
        steps.pick(searched, 1, "Like")
        steps.pick(searched, 2, "Dislike")
        tray = searched.get_by_role("region", name="Picked")
        expect(tray.get_by_role("list", name="Liked", exact=True)).to_be_visible()
        tray.get_by_role("button", name="Refine").click()
        expect(searched.get_by_role("heading", name="Closer to what you like")).to_be_visible()
        steps.expect_results(searched)
        assert steps.shown_ids(searched) != ids
        assert not {ids[1], ids[2]} & set(steps.shown_ids(searched)), "examples are not found"
        searched.reload()
        steps.show_closest(searched)
        expect(tray.get_by_role("list", name="Disliked")).to_be_visible()
        tray.get_by_role("button", name="Clear picks").click()
        expect(tray).to_be_hidden()
        expect(searched).not_to_have_url(re.compile("like="))

    def test_the_same_item_is_not_liked_and_disliked(self, searched: Page) -> None:
        steps.pick(searched, 0, "Like")
        steps.pick(searched, 0, "Dislike")
        toggles = steps.hits(searched).first.get_by_role("button")
        assert [each.get_attribute("aria-pressed") for each in toggles.all()] == [
            "false", "true", "false",
        ]  # fmt: skip

    def test_items_side_by_side(self, searched: Page) -> None:
        for index in (0, 1, 3):
            steps.pick(searched, index, "Compare")
        searched.get_by_role("button", name="Compare 3").click()
        expect(searched).to_have_url(re.compile("compare=.*compare=.*compare="))
        table = opened(searched).get_by_role("table")
        expect(table.get_by_role("columnheader")).to_have_count(3)
        expect(table.get_by_role("rowheader", name="color")).to_be_visible()
        searched.keyboard.press("Escape")
        expect(opened(searched)).to_have_count(0)
        steps.expect_results(searched)

    def test_a_long_press_shows_what_can_be_done(self, searched: Page) -> None:
        card = steps.hits(searched).nth(2)
        card.dispatch_event("pointerdown", {"pointerType": "touch"})
        expect(card).to_have_attribute("data-actions", "")


def test_items_are_called_as_shops_call_them(start: Page) -> None:
    items: list[tuple[str, str | None, dict[str, object], str, str | None]] = [
        ("mug-1", "Mug", {"name": "Blue mug", "price": 5, "currency": "EUR"}, "Blue mug", "€5.00"),
        ("mug-1", None, {"Title": "Blue mug", "Variant Price": 5.5}, "Blue mug", "5.50"),
        ("m/mug-1", None, {"price": 5, "price_currency": "USD", "Vendor": "A"}, "mug-1", "$5.00"),
        ("mug-1/2", None, {"Preis": 5, "Preis_currency": "EUR"}, "mug-1/2", "€5.00"),
        ("Home/Mug/07.jpg", "Home/Mug", {}, "Mug", None),
        ("Home/Mug/07.jpg", None, {}, "Picture", None),
    ]
    for item_id, label, attributes, name, price in items:
        said = start.evaluate(
            """async (item) => {
              const { itemName, itemPrice } = await import("/static/js/format.js");
              return [itemName(item), itemPrice(item)];
            }""",
            {"item_id": item_id, "label": label, "attributes": attributes},
        )
        assert said == [name, price]


def test_labels_are_called_so_that_they_are_told_apart(start: Page) -> None:
    """Also where they are beside each other: what is taken for what, the legend of a map."""
    names = start.evaluate(
        """async (labels) => {
          await (await import("/static/js/language.js")).loadWords("quality");
          const { confusionList } = await import("/static/js/quality/confusions.js");
          const [truth, predicted] = labels;
          const found = { target: "label", worst_confusions: [
            { truth, predicted, count: 3, share: 0.5, examples: [] }] };
          const { shortLabels } = await import("/static/js/format.js");
          const list = confusionList("default", found).querySelector("h4");
          return [shortLabels(labels), list.textContent];
        }""",
        ["Men/Shirts", "Women/Shirts", "Women/Hats"],
    )
    told = "Men/Shirts taken for Women/Shirts"
    assert names == [["Men/Shirts", "Women/Shirts", "Hats"], told]


def test_a_missing_picture_leaves_its_name(start: Page) -> None:
    def missing(route: Route) -> None:
        route.fulfill(status=200, content_type="image/jpeg", body=b"")

    sample = steps.first_sample(start).get_attribute("href") or ""
    start.route("**/images/**", missing)
    start.goto(f"{start.url.rstrip('/')}{sample}")
    steps.expect_results(start)
    expect(steps.hits(start).first.locator(".picture-missing")).to_be_visible()


@pytest.mark.allows_console("status of 404")
def test_no_samples_are_offered_where_no_picture_is_there(
    page: Page, live_server: LiveServer
) -> None:
    page.route("**/images/**", lambda route: route.fulfill(status=404))
    page.goto(live_server.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("[data-loaded]")).to_be_visible()
    expect(page.get_by_role("heading", name="Try one of these")).to_be_hidden()
