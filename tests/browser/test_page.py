"""The web page as a shopper meets it: real browser, real server, real photo."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, unquote_plus

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page, Request, Route

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

SOME_TEXT = re.compile(r"\S")
PHOTO_TITLE = "Closest to your photo"

# Builds a File from base64 and hands it to the page the way a browser would.
HAND_OVER = """([kind, name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const options = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(kind === "drop"
    ? new DragEvent("drop", { ...options, dataTransfer: transfer })
    : new ClipboardEvent("paste", { ...options, clipboardData: transfer }));
}"""


class LiveServer(Protocol):
    """A running Eyedex with a small catalog."""

    @property
    def url(self) -> str: ...


@pytest.fixture
def start(page: Page, live_server: LiveServer) -> Page:
    """The page as it opens, with its samples loaded."""
    page.goto(live_server.url)
    expect(page.get_by_role("list", name="Try one of these")).to_be_visible()
    return page


@pytest.fixture
def searched(start: Page, shopper_photo: Path) -> Page:
    """The page after a photo was chosen and answered."""
    start.get_by_label("Photo").set_input_files(shopper_photo)
    expect_results(start)
    return start


def kind_of_question(request: Request) -> str:
    """How a request names the photo it asks about: by itself, or by its token."""
    return "photo" if "multipart/" in request.headers["content-type"] else "token"


def narrow_by_first_chip(page: Page) -> list[str]:
    """Filter by the first value that is offered; how the photo was named in the requests."""
    sent: list[str] = []
    page.on("request", lambda one: sent.append(kind_of_question(one)) if one.post_data else None)
    page.locator("#facets .chip").first.click()
    expect(page.locator(".chip[aria-current]")).to_have_count(1)
    expect_results(page)
    return sent


def results(page: Page) -> Locator:
    return page.get_by_role("list", name="Results")


def first_sample(page: Page) -> Locator:
    return page.get_by_role("list", name="Try one of these").get_by_role("link").first


def class_text(page: Page) -> str:
    return page.get_by_role("status", name="Class").inner_text()


def expect_results(page: Page) -> None:
    """Settled: at least one hit, and a class or the reason for none."""
    expect(results(page).get_by_role("listitem").first).to_be_visible()
    expect(results(page)).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("status", name="Class")).to_have_text(SOME_TEXT)


def shown_labels(page: Page) -> list[str]:
    return results(page).locator(".card-label").all_inner_texts()


def shown_ids(page: Page) -> list[str]:
    links = results(page).get_by_role("link", name="More like this").all()
    found = [re.search(r"item=([^&]+)", link.get_attribute("href") or "") for link in links]
    return [unquote_plus(match[1]) for match in found if match]


def chips(page: Page, field: str) -> Locator:
    return page.get_by_role("group", name=field).locator("a")


def hand_over(page: Page, kind: str, photo: Path) -> None:
    page.evaluate(HAND_OVER, [kind, photo.name, base64.b64encode(photo.read_bytes()).decode()])


def overflow_px(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


class TestStartingASearch:
    def test_by_file(self, searched: Page) -> None:
        hits = results(searched).get_by_role("listitem")
        assert hits.count() > 0
        plural = "" if hits.count() == 1 else "s"
        expect(searched.get_by_text(f"{hits.count()} result{plural}", exact=True)).to_be_visible()
        expect(hits.first.get_by_text(re.compile(r"^-?[01]\.\d\d$"))).to_be_visible()
        assert class_text(searched).strip()

    @pytest.mark.parametrize("kind", ["drop", "paste"])
    def test_by_drop_and_paste(self, start: Page, shopper_photo: Path, kind: str) -> None:
        hand_over(start, kind, shopper_photo)
        expect_results(start)
        expect(start.get_by_role("heading", name=PHOTO_TITLE)).to_be_visible()

    def test_by_sample(self, start: Page) -> None:
        first_sample(start).click()
        expect_results(start)
        expect(start).to_have_url(re.compile(r"[?&]item="))

    def test_the_same_file_twice(self, searched: Page, shopper_photo: Path) -> None:
        searched.get_by_role("button", name="Clear", exact=True).click()
        expect(results(searched)).to_be_hidden()
        searched.get_by_label("Photo").set_input_files(shopper_photo)
        expect_results(searched)


class TestNarrowing:
    def test_label_filter(self, searched: Page) -> None:
        before = class_text(searched)
        combobox = searched.get_by_role("combobox", name="Label")
        combobox.click()
        choices = searched.get_by_role("listbox", name="Choices").get_by_role("option")
        choices.nth(1).click()  # the first is "All labels"
        path = combobox.input_value()
        expect_results(searched)
        labels = shown_labels(searched)
        assert labels
        assert all(label == path or label.startswith(f"{path}/") for label in labels)
        assert class_text(searched) == before, "the class belongs to the photo, not to the filter"

    def test_label_filter_by_typing(self, searched: Page) -> None:
        wanted = shown_labels(searched)[-1]
        combobox = searched.get_by_role("combobox", name="Label")
        combobox.fill(wanted)
        combobox.press("Enter")
        expect(combobox).to_have_value(wanted)
        expect_results(searched)
        assert set(shown_labels(searched)) == {wanted}
        searched.get_by_role("button", name="Clear filter").click()
        expect(combobox).to_have_value("")

    def test_labels_that_are_too_many_for_the_page_are_looked_for_by_the_server(
        self, start: Page
    ) -> None:
        def two_only(route: Route) -> None:
            if "q=" in route.request.url:
                route.continue_()
                return
            response = route.fetch()
            labels = response.json()["labels"][:2]
            route.fulfill(response=response, json={"labels": labels, "next_cursor": "more"})

        start.route("**/labels?*", two_only)
        start.reload()
        first_sample(start).click()
        expect_results(start)
        combobox = start.get_by_role("combobox", name="Label")
        options = start.get_by_role("listbox", name="Choices").get_by_role("option")
        combobox.click()
        expect(options.first).to_contain_text("All labels")
        assert all(re.search(r"[0-9]", text) is None for text in options.all_inner_texts()[1:])
        combobox.fill("acc UMBRELLA")
        expect(options).to_have_count(1)
        expect(options.first).to_contain_text(re.compile("Umbrella.*[0-9]", re.DOTALL))
        combobox.press("Enter")
        expect(combobox).to_have_value(re.compile("/Umbrella$"))
        expect_results(start)

    def test_number_of_results(self, searched: Page) -> None:
        searched.get_by_role("radio", name="12").check()
        expect(searched).to_have_url(re.compile(r"[?&]k=12"))
        expect_results(searched)
        assert results(searched).get_by_role("listitem").count() <= 12


class TestFacets:
    def test_a_chip_narrows_the_results_and_widens_them_again(
        self, searched: Page, live_server: LiveServer
    ) -> None:
        before, all_ids = class_text(searched), shown_ids(searched)
        chip = chips(searched, "view").first
        value, items = chip.inner_text().split("\n")
        chip.click()
        expect(searched).to_have_url(re.compile(r"[?&]only="))
        chosen = chips(searched, "view").first
        expect(chosen).to_have_attribute("aria-current", "true")
        expect(chosen).to_be_focused()
        expect_results(searched)
        found = shown_ids(searched)
        assert len(found) == min(24, int(items))
        for item in found:
            address = f"{live_server.url}/v1/collections/default/items/{quote(item, safe='')}"
            assert searched.request.get(address).json()["attributes"]["view"] == value
        assert class_text(searched) == before, "the class belongs to the photo, not to the filter"
        expect(searched.get_by_role("heading", name=PHOTO_TITLE)).to_be_visible()
        chosen.click()
        expect(chips(searched, "view").first).not_to_have_attribute("aria-current", "true")
        expect_results(searched)
        assert shown_ids(searched) == all_ids

    def test_chips_add_up_and_are_part_of_the_address(self, start: Page) -> None:
        first_sample(start).click()
        expect_results(start)
        chips(start, "view").first.click()
        expect(chips(start, "view").first).to_have_attribute("aria-current", "true")
        expect(chips(start, "view")).to_have_count(1)
        label = chips(start, "color").first.inner_text().split("\n")
        chips(start, "color").first.click()
        expect(chips(start, "color")).to_have_count(1)
        expect_results(start)
        assert len(shown_ids(start)) in (
            int(label[1]),
            int(label[1]) - 1,
        )  # without the item itself
        narrowed = shown_ids(start)
        start.reload()
        expect_results(start)
        assert shown_ids(start) == narrowed
        expect(chips(start, "color").first).to_contain_text(label[0])

    def test_colours_in_the_pictures_are_swatches_that_narrow(
        self, searched: Page, live_server: LiveServer
    ) -> None:
        colors = chips(searched, "Colours in the picture")
        expect(colors.first.locator(".swatch")).to_be_visible()
        name, count = colors.first.inner_text().split("\n")
        colors.first.click()
        expect(colors.first).to_have_attribute("aria-current", "true")
        expect_results(searched)
        found = shown_ids(searched)
        assert 0 < len(found) <= int(count)
        for item in found:
            address = f"{live_server.url}/v1/collections/default/items/{quote(item, safe='')}"
            palette = searched.request.get(f"{address}?include=palette").json()["palette"]
            assert name in {each["name"] for each in palette}

    def test_rarer_values_wait_behind_a_button(self, searched: Page) -> None:
        more = searched.get_by_role("group", name="color").get_by_role("button", name="more")
        expect(more).to_be_visible()
        shown = chips(searched, "color").locator("visible=true").count()
        hidden = int(more.inner_text().split()[0])
        more.click()
        expect(more).to_have_count(0)
        assert chips(searched, "color").locator("visible=true").count() == shown + hidden

    def test_values_that_nothing_has_together_can_be_let_go(
        self, page: Page, live_server: LiveServer, start: Page
    ) -> None:
        item = re.search(r"item=[^&]+", first_sample(start).get_attribute("href") or "")
        assert item is not None
        nothing = quote(json.dumps([["color", "no such color"], ["view", "no such view"]]))
        page.goto(f"{live_server.url}/?{item[0]}&only={nothing}")
        expect(page.get_by_role("heading", name="No results")).to_be_visible()
        expect(chips(page, "view").first).to_contain_text("no such view")
        page.get_by_role("button", name="Show everything").click()
        expect_results(page)
        expect(page).not_to_have_url(re.compile("only="))

    def test_an_address_that_is_no_choice_is_taken_for_none(
        self, page: Page, live_server: LiveServer, start: Page
    ) -> None:
        item = first_sample(start).get_attribute("href")
        for wrong in ("{", "7", '[["a"]]', "[[1, 2]]", '[["color", null]]', '[["color", ["x"]]]'):
            page.goto(f"{live_server.url}/{item}&only={quote(wrong)}")
            expect_results(page)
            expect(page.locator(".chip[aria-current]")).to_have_count(0)

    @pytest.mark.allows_console("status of 503")
    def test_results_do_not_fail_with_the_facets(self, start: Page) -> None:
        start.route(
            "**/facets?*", lambda route: route.fulfill(status=503, json={"code": "storage"})
        )
        first_sample(start).click()
        expect_results(start)
        expect(start.locator("#facets")).to_be_hidden()
        expect(start.get_by_role("alert")).to_have_count(0)

    def test_the_photo_is_uploaded_once(self, searched: Page) -> None:
        sent = narrow_by_first_chip(searched)
        assert set(sent) == {"token"}

    @pytest.mark.allows_console("status of 404")
    def test_a_photo_that_the_server_forgot_is_uploaded_again(self, searched: Page) -> None:
        def forget(route: Route) -> None:
            if kind_of_question(route.request) == "photo":
                route.continue_()
            else:
                route.fulfill(status=404, json={"title": "Gone", "code": "query_expired"})

        searched.route("**/search", forget)
        assert narrow_by_first_chip(searched) == ["token", "photo"]
        expect(searched.get_by_role("alert")).to_have_count(0)


class TestGoingOn:
    def test_more_like_this_and_back(self, searched: Page) -> None:
        first = results(searched).get_by_role("listitem").first.inner_text()
        results(searched).get_by_role("link", name="More like this").first.click()
        expect(searched).to_have_url(re.compile(r"[?&]item="))
        expect(searched.get_by_role("heading", name="Similar to")).to_be_visible()
        expect_results(searched)
        searched.go_back()
        expect(searched.get_by_role("heading", name=PHOTO_TITLE)).to_be_visible()
        expect_results(searched)
        assert results(searched).get_by_role("listitem").first.inner_text() == first

    def test_deep_link(self, searched: Page, live_server: LiveServer) -> None:
        link = results(searched).get_by_role("link", name="More like this").first
        address = link.get_attribute("href")
        searched.goto(f"{live_server.url}/{address}")
        expect(searched.get_by_role("heading", name="Similar to")).to_be_visible()
        expect_results(searched)

    def test_keys(self, searched: Page) -> None:
        searched.on("filechooser", lambda _: None)  # intercepted well before the key is pressed
        searched.keyboard.press("/")
        expect(searched.get_by_role("combobox", name="Label")).to_be_focused()
        searched.keyboard.press("Escape")
        with searched.expect_file_chooser():
            searched.keyboard.press("u")
        searched.keyboard.press("Escape")
        expect(results(searched)).to_be_hidden()


class TestNoAnswer:
    @pytest.mark.allows_console("status of 415")
    def test_text_file_named_jpg(self, start: Page) -> None:
        text = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture\n"}
        start.get_by_label("Photo").set_input_files(text)  # type: ignore[arg-type]
        alert = start.get_by_role("alert")
        expect(alert).to_contain_text("unsupported_type")
        expect(alert.get_by_role("heading")).to_have_text(SOME_TEXT)
        expect(results(start)).to_be_hidden()

    @pytest.mark.allows_console("status of 404")
    def test_unknown_item(self, page: Page, live_server: LiveServer) -> None:
        page.goto(f"{live_server.url}/?item=no-such-item")
        expect(page.get_by_role("alert").get_by_role("heading")).to_have_text(SOME_TEXT)

    @pytest.mark.allows_console("status of 503")
    def test_not_ready_goes_on_by_itself(self, page: Page, live_server: LiveServer) -> None:
        refusals = iter([503, 503])

        def answer(route: Route) -> None:
            if next(refusals, None) is None:
                route.continue_()
                return
            problem = {"title": "Not ready", "status": 503, "code": "not_ready", "detail": "Soon."}
            route.fulfill(
                status=503, content_type="application/problem+json", body=json.dumps(problem)
            )

        page.route("**/readyz", answer)
        page.goto(live_server.url)
        waiting = page.get_by_role("status", name="Starting")
        expect(waiting).to_contain_text("Soon.")
        expect(waiting).to_be_hidden()
        expect(page.get_by_role("list", name="Try one of these")).to_be_visible()

    def test_abstaining_gives_the_reason(self, start: Page) -> None:
        def abstain(route: Route) -> None:
            response = route.fetch()
            unsure = {"label": None, "abstained": True, "reason": "too_far"}
            route.fulfill(response=response, json={**response.json(), **unsure})

        start.route("**/classify", abstain)
        first_sample(start).click()
        expect_results(start)
        assert class_text(start) == "Not sure: nothing in the catalog looks close enough."

    def test_the_class_is_as_deep_as_it_is_sure(self, start: Page) -> None:
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
        first_sample(start).click()
        expect_results(start)
        assert [line for line in class_text(start).splitlines() if line] == [
            "Apple",
            "Fruit",
            "Likely: about 72% of such answers are right",
            "Perhaps Gala, 40% sure",
        ]

    def test_no_results(self, start: Page) -> None:
        def empty(route: Route) -> None:
            response = route.fetch()
            route.fulfill(response=response, json={**response.json(), "neighbors": []})

        start.route("**/similar/*", empty)
        first_sample(start).click()
        expect(start.get_by_text("0 results", exact=True)).to_be_visible()
        expect(start.get_by_role("heading", name="No results")).to_be_visible()


class TestLooks:
    def test_no_overflow_on_a_phone(self, page: Page, live_server: LiveServer) -> None:
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(live_server.url)
        expect(first_sample(page)).to_be_visible()
        assert overflow_px(page) <= 0
        first_sample(page).click()
        expect_results(page)
        expect(chips(page, "color").first).to_be_visible()
        assert overflow_px(page) <= 0
        page.get_by_role("combobox", name="Label").click()
        assert overflow_px(page) <= 0

    def test_dark_follows_the_system_until_chosen(self, start: Page) -> None:
        background = "getComputedStyle(document.body).backgroundColor"
        light = start.evaluate(background)
        start.emulate_media(color_scheme="dark")
        dark = start.evaluate(background)
        assert dark != light
        start.get_by_role("button", name="Theme: system").click()
        assert start.evaluate(background) == light
        start.reload()
        expect(start.get_by_role("button", name="Theme: light")).to_be_visible()
        assert start.evaluate(background) == light

    def test_controls_are_large_enough_to_hit(self, searched: Page) -> None:
        small = searched.evaluate(
            """() => [...document.querySelectorAll("a, button, select, summary, [role=combobox]")]
              .filter((el) => el.checkVisibility() && !el.matches(".skip-link"))
              .map((el) => [el.textContent.trim(), el.getBoundingClientRect()])
              .filter(([, box]) => box.width < 24 || box.height < 24)
              .map(([text, box]) => `${text}: ${box.width}x${box.height}`)"""
        )
        assert small == []


PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "javascript:alert(3)",
    "{{7*7}}",
    "</title><svg onload=alert(4)>",
)


def test_metadata_is_shown_literally(
    page: Page, live_server: LiveServer, shopper_photo: Path
) -> None:
    items = f"{live_server.url}/v1/collections/default/items"
    image = {
        "name": "photo.jpg",
        "mimeType": "image/jpeg",
        "buffer": shopper_photo.read_bytes(),
    }
    for number, payload in enumerate(PAYLOADS):
        form = {"image": image, "label": payload, "attributes": json.dumps({"name": payload})}
        stored = page.request.put(f"{items}/literal-{number}", multipart=form)  # type: ignore[arg-type]
        assert stored.ok, f"the server does not take the item: {stored.status} {stored.text()}"
    try:
        for number, payload in enumerate(PAYLOADS):
            page.goto(f"{live_server.url}/?item=literal-{number}")
            heading = page.get_by_role("heading", name="Similar to")
            expect(heading).to_have_text(f"Similar to {payload}")
            expect_results(page)
        page.get_by_label("Photo").set_input_files(shopper_photo)
        expect(page.get_by_role("heading", name=PHOTO_TITLE)).to_be_visible()
        expect_results(page)
        for payload in PAYLOADS:
            expect(results(page).get_by_role("heading", name=payload, exact=True)).to_be_visible()
            assert payload in shown_labels(page)
    finally:
        page.goto("about:blank")  # no picture may still be on its way
        for number in range(len(PAYLOADS)):
            page.request.delete(f"{items}/literal-{number}")


@pytest.mark.parametrize(
    ("item_id", "attributes", "name", "price"),
    [
        ("mug-1", {"name": "Blue mug", "price": 5, "currency": "EUR"}, "Blue mug", "€5.00"),
        ("mug-1", {"Title": "Blue mug", "Variant Price": 5.5}, "Blue mug", "5.50"),
        ("m/mug-1", {"price": 5, "price_currency": "USD", "Vendor": "A"}, "mug-1", "$5.00"),
        ("mug-1/2", {"Preis": 5, "Preis_currency": "EUR"}, "mug-1/2", "€5.00"),
        ("Home/Mug/07.jpg", {}, "07.jpg", None),
    ],
)
def test_items_are_called_as_shops_call_them(
    start: Page, item_id: str, attributes: dict[str, object], name: str, price: str | None
) -> None:
    said = start.evaluate(
        """async (item) => {
          const { itemName, itemPrice } = await import("/static/js/format.js");
          return [itemName(item), itemPrice(item)];
        }""",
        {"item_id": item_id, "attributes": attributes},
    )
    assert said == [name, price]
