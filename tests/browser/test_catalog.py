"""The catalog view as an owner uses it: collections, uploads, jobs, items, duplicates."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from indexer.sources.folder_listing import PICTURE_SUFFIXES
from indexer.sources.reading import TABLE_SUFFIXES
from indexer.staged_files import ARCHIVE_SUFFIXES, kind_of
from tests.browser.payloads import PAYLOADS
from tests.browser.steps import fields_of, overflow_px
from tests.browser.test_looks import findings, in_both_themes
from tests.conftest import copy_data, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page, Route

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

SLOW_MS = 120_000
"""Jobs begin when a process of their own has started."""
OF_ONE = ("items", "items&as=grid", "add", "jobs", "review")
PARTS = ["", *(f"collection=default&part={each}" for each in OF_ONE)]


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory, hsv_data: Path) -> Iterator[LiveServer]:
    """A server whose catalog these tests change."""
    with serve(copy_data(hsv_data, tmp_path_factory.mktemp("owned") / "data")) as server:
        yield server


@pytest.fixture
def catalog(page: Page, owned: LiveServer) -> Page:
    """The overview of the collections."""
    page.goto(f"{owned.url}/catalog")
    expect(collections(page).get_by_role("link", name="default", exact=True)).to_be_visible()
    return page


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


def pictures_of(sample: Path, number: int, start: int = 0) -> list[Path]:
    return sorted((sample / "images").rglob("*.jpg"))[start : start + number]


def look_for(page: Page, text: str) -> None:
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page).to_have_url(re.compile("[?&]q="))
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


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
        catalog.get_by_label("New collection").fill("default")
        catalog.get_by_role("button", name="Make").click()
        expect(catalog.get_by_text("There is one of this name already")).to_be_visible()


class TestAdding:
    @pytest.mark.allows_console("the server responded with a status of 422")
    @pytest.mark.smoke
    def test_a_table_with_bad_rows(
        self, page: Page, owned: LiveServer, sample: Path, tmp_path: Path
    ) -> None:
        pictures = pictures_of(sample, 4)
        damaged = tmp_path / "damaged.jpg"
        damaged.write_bytes(pictures[0].read_bytes()[:600])
        table = tmp_path / "spring.csv"
        names = [each.name for each in pictures] + ["damaged.jpg", "nowhere.jpg"]
        lines = [
            f"s{number},{name},Spring/{number % 2},{number}.5" for number, name in enumerate(names)
        ]
        table.write_text("\n".join(["sku,photo,sort,cost", *lines, ""]))
        open_part(page, owned, "add")
        page.get_by_label("Files").set_input_files([table, damaged, *pictures])
        expect(page.get_by_text("6 rows, 4 columns")).to_be_visible()
        expect(page.get_by_label("Compare by")).to_have_count(0)  # it has an encoder
        page.get_by_label("sort becomes").select_option("Label")
        page.get_by_label("Type of cost").select_option("text")
        page.get_by_role("button", name="Check first").click()
        check = page.get_by_role("list", name="Check")
        expect(check.get_by_text("5 would be added · 1 refused")).to_be_visible(timeout=SLOW_MS)
        page.get_by_role("button", name="Add 5 items").click()
        job = jobs(page).first
        expect(job.get_by_text("Done")).to_be_visible(timeout=SLOW_MS)
        expect(job).to_contain_text("4 added · 2 refused")
        job.get_by_text("2 rows refused").click()
        expect(job.get_by_text("1 × names a picture that is not there")).to_be_visible()
        refused = job.get_by_role("region", name="Refused rows").get_by_role("row")
        expect(refused).to_have_count(3)
        with page.expect_download() as download:
            job.get_by_role("button", name="Download 2 as a table").click()
        saved = download.value.path().read_text(encoding="utf-8-sig").splitlines()
        assert saved[0] == "row,item_id,code,reason"
        assert len(saved) == 3
        page.get_by_role("link", name="Items").click()
        look_for(page, "Spring/1")
        expect(row(page, "s1")).to_contain_text("Spring/1")
        item = get(page, owned, "collections/default/items/s1")
        assert (item["label"], item["attributes"]) == ("Spring/1", {"cost": "1.5"})
        other = tmp_path / "other.csv"
        other.write_text(f"nr,shot\nc1,{pictures[0].name}\n")
        open_part(page, owned, "add")
        page.get_by_label("Files").set_input_files([other, pictures[0]])
        page.get_by_label("Column with the ids").fill("nr")
        page.get_by_role("button", name="Check first").click()
        expect(page.get_by_label("nr becomes")).to_have_value("item_id", timeout=SLOW_MS)

    def test_a_folder_whose_folders_are_labels(
        self, page: Page, owned: LiveServer, sample: Path, tmp_path: Path
    ) -> None:
        folder = made_folder(tmp_path, "chosen", pictures_of(sample, 3, 10))
        open_part(page, owned, "add")
        page.get_by_label("Folder", exact=True).set_input_files(folder)
        expect_added(page, 3)
        assert labels_of(page, owned, "chosen") == ["chosen-cups", "chosen-cups", "Home/chosen"]

    def test_a_folder_that_is_dropped(
        self, page: Page, owned: LiveServer, sample: Path, tmp_path: Path
    ) -> None:
        folder = made_folder(tmp_path, "dropped", pictures_of(sample, 3, 20))
        open_part(page, owned, "add")
        page.get_by_text("Drop pictures, a folder").scroll_into_view_if_needed()
        box = page.get_by_text("Drop pictures, a folder").bounding_box()
        assert box is not None
        session = page.context.new_cdp_session(page)
        data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            event = {"type": kind, "x": box["x"] + 5, "y": box["y"] + 5, "data": data}
            session.send("Input.dispatchDragEvent", event)
        expect_added(page, 3)
        assert labels_of(page, owned, "dropped") == ["dropped-cups", "dropped-cups", "Home/dropped"]

    @pytest.mark.allows_console("net::ERR_FAILED")
    @pytest.mark.allows_console("the server responded with a status of 415")
    def test_what_is_no_picture_is_left_out_by_name(
        self, page: Page, owned: LiveServer, sample: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "notes.doc").write_text("no picture")
        (tmp_path / "fake.jpg").write_text("no picture either")
        open_part(page, owned, "add", "left")
        files = [tmp_path / "notes.doc", tmp_path / "fake.jpg", *pictures_of(sample, 1)]
        page.get_by_label("Files").set_input_files(files)
        page.get_by_text("2 files left out").click()
        expect(page.get_by_text("notes.doc is neither a picture nor a table")).to_be_visible()
        expect(page.get_by_text("fake.jpg is not a picture")).to_be_visible()
        page.get_by_label("Compare by").select_option("Colours alone")
        page.route("**/left/jobs", lambda route: route.abort())
        with page.expect_request("**/left/jobs") as asked:
            page.get_by_role("button", name="Check first").click()
        assert fields_of(asked.value)["encoder"] == "hsv"

    def test_an_upload_is_cancelled(self, page: Page, owned: LiveServer, sample: Path) -> None:
        open_part(page, owned, "add")
        page.route("**/files/*", lambda route: None)  # never answered
        with page.expect_request("**/files/*"):
            page.get_by_label("Files").set_input_files(pictures_of(sample, 2))
        expect(page.get_by_role("heading", name="Uploading 2 files")).to_be_visible()
        expect(page.get_by_role("progressbar", name="Uploading")).to_be_visible()
        with page.expect_response(lambda answer: answer.request.method == "DELETE") as deleted:
            page.get_by_role("button", name="Cancel").click()
        assert deleted.value.status == 204
        expect(page.get_by_text("Drop pictures, a folder, a zip or a table here")).to_be_visible()

    @pytest.mark.allows_console("net::ERR_INTERNET_DISCONNECTED")
    def test_an_upload_goes_on_after_the_connection_broke(
        self, page: Page, owned: LiveServer, sample: Path
    ) -> None:
        sent: list[str] = []

        def break_second(route: Route) -> None:
            sent.append(route.request.url)
            if 2 <= len(sent) <= 3:
                route.abort("internetdisconnected")
            else:
                route.continue_()

        page.route("**/files/*", break_second)
        open_part(page, owned, "add", "broken")
        page.get_by_label("Files").set_input_files(pictures_of(sample, 4))
        expect(page.get_by_text("4 files,")).to_be_visible(timeout=SLOW_MS)
        assert len(set(sent)) == 4


def made_folder(place: Path, name: str, pictures: list[Path]) -> Path:
    folder = place / "shop"
    inside = (f"Home/{name}/a.jpg", f"{name}-cups/b.jpg", f"{name}-cups/c.jpg")
    for file, picture in zip(inside, pictures, strict=True):
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture.read_bytes())
    return folder


def expect_added(page: Page, number: int) -> None:
    expect(page.get_by_text(f"{number} files,")).to_be_visible()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(jobs(page).first.get_by_text("Done")).to_be_visible(timeout=SLOW_MS)
    expect(jobs(page).first).to_contain_text(f"{number} added")


def labels_of(page: Page, server: LiveServer, text: str) -> list[str]:
    items = get(page, server, f"collections/default/items?q={text}")["items"]
    return sorted((each["label"] for each in items), key=str.lower)


def test_files_are_told_apart_as_the_server_does(page: Page, owned: LiveServer) -> None:
    names = [f"a.{each}" for each in PICTURE_SUFFIXES]
    names += [f"a{each}" for each in (*TABLE_SUFFIXES, ".csv.gz", *ARCHIVE_SUFFIXES)]
    names += [each.upper() for each in names]
    page.goto(owned.url)
    told = page.evaluate(
        """async (names) => {
          const { kindOf } = await import("/static/js/catalog/chosen_files.js");
          return names.map(kindOf);
        }""",
        [*names, "notes.doc", "shop/.hidden.jpg", "jpg"],
    )
    assert told == [*map(kind_of, names), None, None, None]


def test_no_cell_of_a_table_becomes_a_formula(page: Page, owned: LiveServer) -> None:
    page.goto(owned.url)
    text = page.evaluate(
        """async (rows) => {
          const { csvOf } = await import("/static/js/catalog/download.js");
          return csvOf(rows).text();
        }""",
        [["=1+1", 'a "b", c', None, -3]],
    )
    assert text == '\'=1+1,"a ""b"", c",,\'-3\r\n'


def test_a_job_is_cancelled(page: Page, owned: LiveServer) -> None:
    address = f"{owned.url}/v1/collections/default/jobs"
    for _ in range(3):  # one at a time: the last one waits
        page.request.post(address, data={"kind": "duplicates"})
    open_part(page, owned, "jobs")
    last = jobs(page).first
    last.get_by_role("button", name="Cancel").click()
    expect(last.get_by_text("Cancelled")).to_be_visible(timeout=SLOW_MS)
    expect(last.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(jobs(page).nth(2).get_by_text("Done")).to_be_visible(timeout=SLOW_MS)


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
        page.get_by_label("Order").select_option("Id")
        first = page.get_by_role("rowheader").first
        expect(page.get_by_text("1 to 50 of")).to_be_visible()
        page.wait_for_load_state("networkidle")
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
    twins.get_by_role("button", name="Keep only twin-2").click()
    expect(page.get_by_role("status", name="Deleted")).to_contain_text("items deleted")
    expect(twins).to_be_hidden()
    with page.expect_response("**/items:batch"):
        page.clock.fast_forward(10_000)
    left = [
        each["item_id"] for each in get(page, owned, "collections/default/items?q=twin-")["items"]
    ]
    assert left == ["twin-2"]


class TestLooks:
    def test_axe_finds_nothing_and_phones_hold_it(self, page: Page, owned: LiveServer) -> None:
        for part in PARTS:
            page.set_viewport_size({"width": 1280, "height": 900})
            page.goto(f"{owned.url}/catalog?{part}")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.locator("[aria-busy=true]")).to_have_count(0)
            assert in_both_themes(page) == [], part
            page.set_viewport_size({"width": 360, "height": 740})
            assert overflow_px(page) <= 0, part

    def test_axe_finds_nothing_in_dialogs(
        self, page: Page, owned: LiveServer, tmp_path: Path
    ) -> None:
        open_part(page, owned, "items")
        page.get_by_role("button", name="Edit").first.click()
        assert findings(page) == []
        page.keyboard.press("Escape")
        page.get_by_label("Choose all on this page").check()
        chosen = page.get_by_role("region", name="Chosen items")
        chosen.get_by_role("button", name="Edit").click()
        assert findings(page) == []
        page.keyboard.press("Escape")
        chosen.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", name="Delete 50 items?")).to_be_visible()
        assert findings(page) == []
        page.keyboard.press("Escape")
        open_part(page, owned, "add")
        table = tmp_path / "table.csv"
        table.write_text("sku,photo,price\na,a.jpg,3\n")
        page.get_by_label("Files").set_input_files(table)
        expect(page.get_by_text("1 row, 3 columns")).to_be_visible()
        assert findings(page) == []

    def test_the_shell_does_not_carry_it(self, page: Page, owned: LiveServer) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(owned.url)
        expect(page.get_by_role("link", name="Catalog")).to_be_visible()
        assert [url for url in asked if "/js/catalog/" in url or "catalog.css" in url] == []
        page.get_by_role("link", name="Catalog").click()
        expect(page.get_by_role("heading", name="Catalog")).to_be_visible()
        assert [url for url in asked if "/js/catalog/view.js" in url]
