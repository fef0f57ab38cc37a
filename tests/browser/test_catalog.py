"""The catalog view as an owner uses it: collections, items, duplicates, looks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.catalog_view import (
    collections,
    get,
    look_for,
    open_part,
    put,
    row,
    stop_time,
)
from tests.browser.payloads import PAYLOADS
from tests.browser.steps import SLOW_MS, Held

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, FilePayload, Page

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


@pytest.fixture
def catalog(page: Page, owned: LiveServer) -> Page:
    """The overview of the collections."""
    page.goto(f"{owned.url}/catalog")
    expect(collections(page).get_by_role("link", name="default", exact=True)).to_be_visible()
    return page


class TestCollections:
    def test_made_and_deleted(self, catalog: Page, owned: LiveServer) -> None:
        catalog.get_by_label("New collection").fill("mugs")
        catalog.get_by_role("button", name="Make").click()
        expect(catalog.get_by_role("heading", name="mugs", level=1)).to_be_visible()
        expect(
            catalog.get_by_text("Drop pictures, a folder, a zip or a table here")
        ).to_be_visible()
        catalog.get_by_role("link", name="All collections").click()
        catalog.get_by_role("button", name="Delete mugs").click()
        catalog.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(collections(catalog).get_by_role("link", name="mugs", exact=True)).to_be_hidden()
        assert "mugs" not in [
            each["name"] for each in get(catalog, owned, "collections")["collections"]
        ]

    def test_made_where_the_search_view_was_open(self, page: Page, owned: LiveServer) -> None:
        page.goto(owned.url)
        expect(page.locator("[data-loaded]")).to_be_visible()
        page.get_by_role("link", name="Catalog").click()
        page.get_by_label("New collection").fill("later")
        page.get_by_role("button", name="Make").click()
        expect(page.get_by_role("heading", name="later", level=1)).to_be_visible()
        page.get_by_role("link", name="Search", exact=True).click()
        listed = page.get_by_role("combobox", name="Collection").locator("option", has_text="later")
        expect(listed).to_have_count(1)

    def test_of_items_only_when_its_name_is_typed(self, catalog: Page) -> None:
        catalog.get_by_role("button", name="Delete default").click()
        dialog = catalog.get_by_role("dialog")
        delete = dialog.get_by_role("button", name="Delete")
        expect(delete).to_be_disabled()
        dialog.get_by_role("textbox").fill("defaul")
        expect(delete).to_be_disabled()
        dialog.get_by_role("textbox").fill("default")
        expect(delete).to_be_enabled()
        catalog.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(collections(catalog).get_by_role("link", name="default", exact=True)).to_be_visible()

    @pytest.mark.allows_console("the server responded with a status of 409")
    def test_of_a_name_that_is_taken(self, catalog: Page) -> None:
        name, told = catalog.get_by_label("New collection"), "There is one of this name already"

        def make() -> None:
            name.fill("default")
            catalog.get_by_role("button", name="Make").click()
            expect(catalog.get_by_text(told)).to_be_visible()
            expect(name).to_have_accessible_description(re.compile(told))

        make()
        name.fill("other")
        expect(catalog.get_by_text(told)).to_be_hidden()
        make()
        catalog.get_by_role("link", name="default", exact=True).click()
        catalog.get_by_role("link", name="All collections").click()
        expect(name).to_be_visible()
        expect(catalog.get_by_text(told)).to_be_hidden()


class TestItems:
    def test_found_by_text_label_and_filter(self, page: Page, owned: LiveServer) -> None:
        open_part(page, owned, "items")
        label = get(page, owned, "collections/default/labels")["labels"][0]
        page.get_by_label("Label", exact=True).fill(label["label"])
        page.get_by_label("Filter", exact=True).fill("price < 1000")
        page.get_by_role("button", name="Find", exact=True).click()
        expect(page.get_by_text(f"of {label['count']}")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Label", exact=True)).to_have_value(label["label"])
        expect(page.get_by_role("row").nth(1)).to_contain_text(label["label"].split("/")[0])

    @pytest.mark.allows_console("the server responded with a status of 422")
    def test_a_filter_that_is_none_says_why(self, page: Page, owned: LiveServer) -> None:
        open_part(page, owned, "items")
        page.get_by_label("Filter", exact=True).fill("prize <")
        page.get_by_role("button", name="Find", exact=True).click()
        expect(page.get_by_role("alert").filter(has_text="filters don’t fit")).to_be_visible()
        expect(page.get_by_label("Filter", exact=True)).to_have_value("prize <")

    def test_pages(self, page: Page, owned: LiveServer) -> None:
        open_part(page, owned, "items")
        expect(page.get_by_text("1 to 50 of")).to_be_visible()
        held = Held(page, "**/items?*sort=item_id*")
        page.get_by_label("Order").select_option("Id")
        page.get_by_role("link", name="Next").click()  # it is of the order before
        expect(page).to_have_url(re.compile("sort=item_id"))
        held.let_go()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        first = page.get_by_role("rowheader").first
        named = first.inner_text()
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_text("51 to 100 of")).to_be_visible()
        expect(first).not_to_have_text(named)
        page.get_by_role("link", name="Previous").click()
        expect(first).to_have_text(named)

    def test_one_is_changed(self, page: Page, owned: LiveServer, shopper_photo: Path) -> None:
        known = json.dumps({"price": 3, "name": "Old"})
        put(page, owned, "changed-1", shopper_photo, label="Toys", attributes=known)
        open_part(page, owned, "items")
        look_for(page, "changed-1")
        row(page, "changed-1").get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Label").fill("Toys/Robots")
        dialog.get_by_role("textbox", name="price", exact=True).fill("many")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_text("price is a number, such as 3.")).to_be_visible()
        dialog.get_by_role("textbox", name="price", exact=True).fill("4.5")
        dialog.get_by_role("button", name="Remove name").click()
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()
        expect(row(page, "changed-1")).to_contain_text("Toys/Robots")
        item = get(page, owned, "collections/default/items/changed-1")
        assert (item["label"], item["attributes"]) == ("Toys/Robots", {"price": 4.5})

    def test_numbers_are_written_as_readers_write_them(
        self, browser: Browser, owned: LiveServer, shopper_photo: Path
    ) -> None:
        page = browser.new_context(locale="de-DE").new_page()
        put(page, owned, "zahl-1", shopper_photo, attributes='{"price": 3.5}')
        open_part(page, owned, "items")
        page.goto(f"{page.url}&q=zahl-1")
        row(page, "zahl-1").get_by_role("button", name="Bearbeiten").click()
        dialog = page.get_by_role("dialog")
        price = dialog.get_by_role("textbox", name="price", exact=True)
        for typed in ("0x10", "1.299,00", "Infinity", "1e999"):
            price.fill(typed)
            dialog.get_by_role("button", name="Speichern").click()
            expect(dialog.get_by_text("price ist eine Zahl, etwa 3,5.")).to_be_visible()
        price.fill("12,50")
        dialog.get_by_role("button", name="Speichern").click()
        expect(dialog).to_have_count(0)
        known = get(page, owned, "collections/default/items/zahl-1")["attributes"]
        page.context.close()
        assert known == {"price": 12.5}

    def test_many_are_changed(self, page: Page, owned: LiveServer, shopper_photo: Path) -> None:
        for number in range(3):
            put(page, owned, f"many-{number}", shopper_photo, label="Toys")
        open_part(page, owned, "items")
        look_for(page, "many-")
        page.get_by_label("Choose all on this page").check()
        chosen = page.get_by_role("region", name="Chosen items")
        expect(chosen).to_contain_text("3 chosen")
        chosen.get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog", name="Edit 3 items")
        dialog.get_by_text("Remove the label").click()
        dialog.get_by_role("button", name="Add an attribute").click()
        dialog.get_by_label("Name of attribute 1").fill("season")
        dialog.get_by_label("Value of attribute 1").fill("spring")
        dialog.get_by_role("button", name="Save").click()
        expect(row(page, "many-2")).to_contain_text("spring")
        items = get(page, owned, "collections/default/items?q=many-")["items"]
        assert [(each["label"], each["attributes"]) for each in items] == [
            (None, {"season": "spring"})
        ] * 3

    def test_deleted_and_taken_back(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        put(page, owned, "gone-1", shopper_photo)
        page.clock.install()
        open_part(page, owned, "items")
        look_for(page, "gone-1")
        stop_time(page)
        row(page, "gone-1").get_by_role("button", name="Delete").press("Enter")
        expect(page.get_by_role("status", name="Deleted")).to_contain_text("1 item deleted")
        expect(page.get_by_role("rowheader", name="gone-1")).to_be_hidden()
        expect(page.get_by_role("button", name="Undo")).to_be_focused()
        page.keyboard.press("Enter")
        row(page, "gone-1").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("rowheader", name="gone-1")).to_be_hidden()
        assert page.request.get(f"{owned.url}/v1/collections/default/items/gone-1").ok
        with page.expect_response("**/items:batch") as answer:
            page.clock.fast_forward(10_000)
        assert answer.value.json()["results"][0]["status"] == 204
        expect(page.get_by_role("status", name="Deleted")).to_be_empty()

    def test_what_a_failed_deletion_leaves_is_named(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        for number in range(2):
            put(page, owned, f"stays-{number}", shopper_photo)
        broken = {"status": 500, "problem": {"title": "It failed", "code": "internal_error"}}
        page.route(
            "**/items:batch",
            lambda route: route.fulfill(json={"results": [{"status": 204}, broken]}),
        )
        page.clock.install()
        open_part(page, owned, "items")
        look_for(page, "stays-")
        first, second = [each.inner_text() for each in page.get_by_role("rowheader").all()]
        stop_time(page)
        page.get_by_label("Choose all on this page").check()
        page.get_by_role("region", name="Chosen items").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("status", name="Deleted")).to_contain_text("2 items deleted")
        page.clock.fast_forward(10_000)
        told = page.get_by_role("status", name="Deleted")
        expect(told).to_contain_text(f"Still here (1): {second}")
        expect(told).not_to_contain_text(first)

    def test_a_value_without_a_name_is_not_lost(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        put(page, owned, "nameless", shopper_photo)
        open_part(page, owned, "items")
        look_for(page, "nameless")
        row(page, "nameless").get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Add an attribute").click()
        dialog.get_by_label("Value of attribute 1").fill("spring")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_text("Name the attribute of each value.")).to_be_visible()
        expect(dialog.get_by_label("Name of attribute 1")).to_be_focused()
        expect(dialog.get_by_label("Value of attribute 1")).to_have_value("spring")

    @pytest.mark.allows_console("the server responded with a status of 422")
    def test_a_problem_of_a_field_is_told_there_until_it_is_changed(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        long = json.dumps({"cost": 3, "name": "A name as long as shops have it " * 3})
        put(page, owned, "wrong", shopper_photo, attributes=long)
        page.set_viewport_size({"width": 360, "height": 740})
        open_part(page, owned, "items")
        look_for(page, "wrong")
        row(page, "wrong").get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog")
        box = dialog.bounding_box()
        assert box is not None
        assert (box["x"], box["width"]) == (0, 360)  # a sheet as wide as the phone
        assert dialog.evaluate("(it) => it.scrollWidth <= it.clientWidth")
        for name, wrong, right, told in (
            ("cost", "cheap", "4", "cost is a number, such as 3."),
            ("Label", "x" * 3000, "Home", "the label has 3,000 bytes; give at most 1,024"),
        ):
            field = dialog.get_by_label(name, exact=True)
            field.fill(wrong)
            field.press("Enter")
            expect(field).to_have_accessible_description(told)
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(field).to_be_focused()
            field.fill(right)
            expect(dialog.get_by_text(told)).to_be_hidden()
            expect(field).not_to_have_attribute("aria-invalid", "true")

    def test_deleted_when_the_page_is_left(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        put(page, owned, "left-1", shopper_photo)
        open_part(page, owned, "items")
        look_for(page, "left-1")
        row(page, "left-1").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.goto("about:blank")
        for _ in range(50):
            if page.request.get(f"{owned.url}/v1/collections/default/items/left-1").status == 404:
                return
            page.wait_for_timeout(100)
        pytest.fail("the item is still there")

    def test_metadata_is_shown_literally(
        self, page: Page, owned: LiveServer, shopper_photo: Path
    ) -> None:
        for number, payload in enumerate(PAYLOADS[:4]):
            attributes = json.dumps({"name": payload})
            put(
                page,
                owned,
                f"literal-{number}",
                shopper_photo,
                label=payload,
                attributes=attributes,
            )
        for layout in ("table", "grid"):
            page.goto(f"{owned.url}/catalog?collection=default&q=literal-&as={layout}")
            for payload in PAYLOADS[:4]:
                expect(page.get_by_text(payload, exact=True).first).to_be_visible()
        page.get_by_role("button", name="Edit").first.click()
        expect(page.get_by_role("dialog")).to_be_visible()


def test_many_deletions_do_not_cover_the_view(catalog: Page) -> None:
    top, undo = catalog.evaluate(
        """async () => {
          const { Deletions } = await import("/static/js/catalog/deletions.js");
          const deletions = new Deletions(() => {});
          document.body.append(deletions.element);
          const ids = Array.from({ length: 40 }, (_, n) => `x${n}`);
          const takeBack = ids.map((id) => deletions.add("default", [id]));
          const tops = [deletions.element, document.activeElement]
            .map((each) => each.getBoundingClientRect().top / innerHeight);
          takeBack.forEach((each) => each());
          return tops;
        }"""
    )
    assert top > 0.5
    assert 0.9 < undo < 1  # the last one is seen


def test_duplicates_are_reviewed(page: Page, owned: LiveServer, shopper_photo: Path) -> None:
    for name in ("twin-1", "twin-2", "twin-3"):
        put(page, owned, name, shopper_photo)
    page.clock.install()
    open_part(page, owned, "review")
    page.get_by_role("button", name="Find duplicates").click()
    groups = page.get_by_role("list", name="Duplicates").locator("> li")
    twins = groups.filter(has_text="twin-2").filter(has_text="The same file")
    expect(twins).to_be_visible(timeout=SLOW_MS)
    expect(twins.get_by_role("img")).to_have_count(0)  # each is named by its text
    stop_time(page)
    twins.get_by_role("button", name="Keep only twin-2").click()
    expect(page.get_by_role("status", name="Deleted")).to_contain_text("items deleted")
    expect(twins).to_be_hidden()
    with page.expect_response("**/items:batch"):
        page.clock.fast_forward(10_000)
    left = [
        each["item_id"] for each in get(page, owned, "collections/default/items?q=twin-")["items"]
    ]
    assert left == ["twin-2"]


def test_a_new_attribute_is_a_filter_of_the_search_that_was_open(
    page: Page, owned: LiveServer, shopper_photo: Path
) -> None:
    assert page.request.post(f"{owned.url}/v1/collections", data={"name": "shelves"}).ok
    items = f"{owned.url}/v1/collections/shelves/items"
    image: FilePayload = {
        "name": "a.jpg", "mimeType": "image/jpeg", "buffer": shopper_photo.read_bytes()
    }  # fmt: skip
    for number in range(4):
        room = json.dumps({"name": "a jar", "room": f"room {number // 2}"})
        put = page.request.put(f"{items}/{number}", multipart={"image": image, "attributes": room})
        assert put.ok
    page.goto(f"{owned.url}/?collection=shelves&q=jar")
    expect(page.get_by_role("group", name="Room")).to_be_visible()
    page.get_by_role("link", name="Catalog").click()
    expect(page.get_by_role("heading", name="Catalog")).to_be_visible()
    for number in range(4):
        shelf = {"attributes": {"shelf": f"shelf {number // 2}"}}
        assert page.request.patch(f"{items}/{number}", data=shelf).ok
    page.go_back()
    page.get_by_role("group", name="Room").get_by_role("checkbox").first.click()
    expect(page.get_by_role("group", name="Shelf")).to_be_visible()
