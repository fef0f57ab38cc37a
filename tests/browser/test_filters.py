"""Narrowing by labels, values and ranges; counts, what is chosen, and what nothing fits."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.browser import steps

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

    from tests.browser.steps import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


@pytest.fixture
def found(start: Page) -> Page:
    """The page after a sample was chosen and answered."""
    steps.first_sample(start).click()
    steps.expect_results(start)
    expect(steps.choices(start, "view").first).to_be_visible()
    return start


def box(page: Page, field: str, text: str) -> Locator:
    group = page.get_by_role("group", name=field, exact=True)
    return group.get_by_role("checkbox", name=re.compile(f"^{text}"))


def check(page: Page, field: str, text: str) -> None:
    """Choose a value and wait until the page has it; boxes are drawn anew with the counts."""
    box(page, field, text).click()
    expect(box(page, field, text)).to_be_checked()
    steps.expect_results(page)


def count_of(page: Page, field: str, text: str) -> int:
    row = steps.choices(page, field).filter(has_text=re.compile(f"^{text}"))
    return int(row.locator(".choice-count").inner_text())


class TestLabels:
    def test_narrow_and_leave_the_class_alone(self, found: Page) -> None:
        before = steps.class_text(found)
        check(found, "Label", "Home")
        assert all(label.startswith("Home/") for label in steps.shown_labels(found))
        assert steps.class_text(found) == before, "the class is of the picture, not of the filter"

    def test_several_are_or(self, found: Page) -> None:
        check(found, "Label", "Home")
        check(found, "Label", "Music")
        roots = {label.partition("/")[0] for label in steps.shown_labels(found)}
        assert roots == {"Home", "Music"}
        active = found.get_by_role("list", name="Active filters").get_by_role("button")
        expect(active).to_have_count(3)  # and one that clears both
        found.get_by_role("button", name="Clear all").click()
        expect(found).not_to_have_url(re.compile("label="))

    def test_two_clicks_before_the_boxes_are_drawn_anew(self, found: Page) -> None:
        chosen = [box(found, "Label", name).element_handle() for name in ("Home", "Music")]
        found.evaluate("(boxes) => boxes.forEach((each) => setTimeout(() => each.click()))", chosen)
        expect(found).to_have_url(re.compile("label=Home&label=Music"))
        expect(box(found, "Label", "Home")).to_be_checked()
        expect(box(found, "Label", "Music")).to_be_checked()

    def test_a_branch_is_opened(self, found: Page) -> None:
        group = found.get_by_role("group", name="Label", exact=True)
        opener = group.get_by_role("button", name="Below Home", exact=True)
        opener.click()
        expect(opener).to_have_attribute("aria-expanded", "true")
        expect(opener).to_be_focused()
        expect(box(found, "Label", "Kitchen")).to_be_visible()

    def test_typing_finds_labels(self, found: Page) -> None:
        found.get_by_role("searchbox", name="Find a label").fill("acc umbrella")
        expect(steps.choices(found, "Label")).to_have_count(1)
        expect(steps.choices(found, "Label")).to_contain_text("Umbrella")

    def test_labels_that_are_too_many_for_the_page_are_looked_for_by_the_server(
        self, start: Page
    ) -> None:
        def two_only(route: Route) -> None:
            if "q=" in route.request.url or "under=" in route.request.url:
                route.continue_()
                return
            response = route.fetch()
            labels = response.json()["labels"][:2]
            route.fulfill(response=response, json={"labels": labels, "next_cursor": "more"})

        start.route("**/labels?*", two_only)
        start.reload()
        steps.first_sample(start).click()
        steps.expect_results(start)
        found = start.get_by_role("searchbox", name="Find a label")
        found.fill("acc UMBRELLA")
        expect(steps.choices(start, "Label")).to_have_count(1)
        steps.choices(start, "Label").click()
        steps.expect_results(start)
        expect(start).to_have_url(re.compile("label=Accessories%2FUmbrella"))


class TestValues:
    def test_values_of_a_field_are_or_and_fields_are_and(
        self, found: Page, live_server: LiveServer
    ) -> None:
        colors = count_of(found, "color", "cobalt"), count_of(found, "color", "teal")
        check(found, "color", "cobalt")
        assert count_of(found, "color", "teal") == colors[1], "its own choice does not count"
        check(found, "color", "teal")
        check(found, "view", "front")
        found.get_by_role("button", name="Group by product").click()
        expect(found).to_have_url(re.compile("group=off"))
        steps.expect_results(found)
        for item in steps.shown_ids(found):
            address = f"{live_server.url}/v1/collections/default/items/{quote(item, safe='')}"
            attributes = found.request.get(address).json()["attributes"]
            assert attributes["color"] in ("cobalt", "teal")
            assert attributes["view"] == "front"

    def test_what_is_chosen_comes_first_and_is_part_of_the_address(self, found: Page) -> None:
        check(found, "view", "front")
        expect(found.locator(".filters-fields > fieldset").first).to_have_attribute(
            "aria-label", "view"
        )
        narrowed = steps.shown_ids(found)
        found.reload()
        steps.expect_results(found)
        assert steps.shown_ids(found) == narrowed
        expect(box(found, "view", "front")).to_be_checked()
        found.get_by_role("list", name="Active filters").get_by_role("button").first.click()
        expect(found).not_to_have_url(re.compile("where="))

    def test_rarer_values_wait_behind_a_button(self, found: Page) -> None:
        group = found.get_by_role("group", name="color", exact=True)
        more = group.get_by_role("button", name="more")
        shown = group.locator(".choice:visible").count()
        hidden = int(more.inner_text().split()[0])
        more.click()
        expect(more).to_have_count(0)
        assert group.locator(".choice:visible").count() == shown + hidden

    def test_a_range_of_prices(self, found: Page) -> None:
        found.get_by_label("price from").fill("20")
        found.get_by_label("price to").fill("40")
        found.get_by_label("price to").press("Enter")
        expect(found).to_have_url(re.compile("lte"))
        steps.expect_results(found)
        prices = [float(each) for each in found.locator(".card-price").all_inner_texts()]
        assert prices
        assert all(20 <= price <= 40 for price in prices)

    def test_names_are_no_filter(self, found: Page) -> None:
        expect(found.get_by_role("group", name="name", exact=True)).to_have_count(0)


class TestNothing:
    def test_each_filter_can_be_let_go_with_what_would_be_found(
        self, page: Page, live_server: LiveServer, start: Page
    ) -> None:
        item = re.search(r"item=[^&]+", steps.first_sample(start).get_attribute("href") or "")
        assert item is not None
        where = json.dumps({"color": {"any": ["no such color"]}, "view": {"any": ["front"]}})
        page.goto(f"{live_server.url}/?{item[0]}&where={quote(where)}")
        expect(page.get_by_role("heading", name="No results")).to_be_visible()
        expect(box(page, "color", "no such color")).to_be_checked()
        without = page.get_by_role("button", name=re.compile("Without “no such color”: [1-9]"))
        without.click()
        steps.expect_results(page)
        expect(page).to_have_url(re.compile("view"))
        expect(page).not_to_have_url(re.compile("such"))

    def test_an_address_that_is_no_choice_is_taken_for_none(
        self, page: Page, live_server: LiveServer, start: Page
    ) -> None:
        item = (steps.first_sample(start).get_attribute("href") or "").removeprefix("/")
        for where in ("{", "7", "[]", '{"a": 7}', '{"a": {"any": []}}', '{"a": {"gte": "x"}}'):
            page.goto(f"{live_server.url}/{item}&where={quote(where)}&box=no&variety=x")
            steps.expect_results(page)
            expect(page.get_by_role("list", name="Active filters")).to_be_hidden()

    @pytest.mark.allows_console("status of 503")
    def test_results_do_not_fail_with_the_filters(self, start: Page) -> None:
        start.route(
            "**/facets?*", lambda route: route.fulfill(status=503, json={"code": "storage"})
        )
        steps.first_sample(start).click()
        steps.expect_results(start)
        expect(start.locator(".filters")).to_be_hidden()
        expect(start.get_by_role("alert")).to_have_count(0)


def test_numbers_and_dates_are_ranges_and_ids_no_filter(start: Page) -> None:
    facets = {
        "price": [{"value": each / 4, "count": 1} for each in range(12)],
        "season": [{"value": f"2026-{each:02}-01", "count": 1} for each in range(1, 13)],
        "size": [{"value": each, "count": 4} for each in (1, 2, 3)],
        "sku": [{"value": f"a{each}", "count": 1} for each in range(12)],
        "brand": [{"value": "one", "count": 12}],
    }
    found = start.evaluate(
        """(facets) => import("/static/js/search/fields.js")
          .then(({ worthFilters }) => worthFilters(Object.entries(facets), 12))""",
        facets,
    )
    kinds = {each["field"]: each["kind"] for each in found}
    assert kinds == {"price": "numbers", "season": "dates", "size": "values"}


def test_on_a_phone_filters_are_a_sheet(page: Page, live_server: LiveServer) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    steps.open_start(page, live_server)
    steps.first_sample(page).click()
    steps.expect_results(page)
    expect(page.get_by_role("group", name="color", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Filters").click()
    sheet = page.get_by_role("dialog", name="Filters")
    check(page, "view", "front")
    expect(sheet).to_be_visible()
    sheet.get_by_role("button", name=re.compile("^Show ")).click()
    expect(sheet).to_be_hidden()
    expect(page.get_by_role("button", name="Filters 1")).to_be_focused()


def test_the_photo_is_uploaded_once(searched: Page) -> None:
    sent: list[str] = []
    searched.on(
        "request",
        lambda one: sent.append(steps.kind_of_question(one)) if one.method == "POST" else None,
    )
    check(searched, "view", "front")
    assert set(sent) == {"token"}


@pytest.mark.allows_console("status of 404")
def test_a_photo_that_the_server_forgot_is_uploaded_again(searched: Page) -> None:
    sent: list[str] = []

    def forget(route: Route) -> None:
        sent.append(steps.kind_of_question(route.request))
        if sent[-1] == "photo":
            route.continue_()
        else:
            route.fulfill(status=404, json={"title": "Gone", "code": "query_expired"})

    searched.route("**/search", forget)
    check(searched, "view", "front")
    assert sent == ["token", "photo"]
    expect(searched.get_by_role("alert")).to_have_count(0)
