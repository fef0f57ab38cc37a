"""Pictures, folders and tables added in the catalog view, and the jobs that take them in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from indexer.sources.folder_listing import PICTURE_SUFFIXES
from indexer.sources.reading import TABLE_SUFFIXES
from indexer.staged_files import ARCHIVE_SUFFIXES, kind_of
from tests.browser.catalog_view import get, jobs, look_for, open_part, pictures_of, row
from tests.browser.steps import SLOW_MS, Held, fields_of

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


class TestAdding:
    @pytest.mark.allows_console("the server responded with a status of 422")
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
        expect(page.get_by_role("alert")).to_contain_text("no column of ids and none of pictures")
        expect(page.get_by_role("alert")).to_contain_text("found: nr, shot")
        expect(page.locator("main")).not_to_contain_text("--")  # nobody has a command line here
        page.get_by_label("Column with the ids").fill("nr")
        check = page.get_by_role("button", name="Check first")
        check.press("Enter")
        expect(page.get_by_role("button", name="Add", exact=True)).to_be_disabled()
        expect(page.get_by_label("nr becomes")).to_have_value("item_id", timeout=SLOW_MS)
        expect(check).to_be_focused()

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

    def test_what_cannot_be_read_of_a_drop_is_named(self, page: Page, owned: LiveServer) -> None:
        open_part(page, owned, "add")
        page.evaluate(
            """() => {
              const file = (_, refuse) => refuse(new DOMException("gone", "NotFoundError"));
              const entry = { isFile: true, fullPath: "/gone.jpg", file };
              DataTransferItem.prototype.webkitGetAsEntry = () => entry;
              const dataTransfer = new DataTransfer();
              dataTransfer.items.add(new File([], "gone.jpg"));
              document.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
            }"""
        )
        expect(page.get_by_text("gone.jpg cannot be read")).to_be_visible()
        Held(page, "**/catalog/jobs.js")  # whoever is back before it was shown was elsewhere too
        page.get_by_role("link", name="Jobs").click()
        expect(page).to_have_url(re.compile("part=jobs"))
        page.get_by_role("link", name="Add", exact=True).click()
        expect(page.get_by_text("Drop pictures, a folder")).to_be_visible()
        expect(page.get_by_text("gone.jpg cannot be read")).to_be_hidden()

    @pytest.mark.allows_console("net::ERR_FAILED")
    @pytest.mark.allows_console("the server responded with a status of 415")
    def test_what_is_no_picture_is_left_out_by_name(
        self, page: Page, owned: LiveServer, sample: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "notes.doc").write_text("no picture")
        (tmp_path / "fake.jpg").write_text("no picture either")
        held = Held(page, "**/v1/collections")  # what tells that this one is new
        open_part(page, owned, "add", "left")
        files = [tmp_path / "notes.doc", tmp_path / "fake.jpg", *pictures_of(sample, 1)]
        with page.expect_response(re.compile("/uploads/[^/]*[?]")):
            page.get_by_label("Files").set_input_files(files)
        held.let_go()
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


@pytest.mark.allows_console("net::ERR_")
def test_a_file_that_is_gone_is_left_out(
    page: Page, owned: LiveServer, sample: Path, tmp_path: Path
) -> None:
    files = [tmp_path / each.name for each in pictures_of(sample, 2)]
    for copy, picture in zip(files, pictures_of(sample, 2), strict=True):
        copy.write_bytes(picture.read_bytes())
    open_part(page, owned, "add")
    held = Held(page, "**/collections/default/uploads", "POST")
    page.get_by_label("Files").set_input_files(files)
    expect(page.get_by_role("progressbar", name="Uploading")).to_be_visible()
    files[0].unlink()
    held.let_go()
    page.get_by_text("1 file left out").click()
    expect(page.get_by_text(f"{files[0].name} cannot be read")).to_be_visible()


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


def test_notes_on_a_table_are_without_flags(page: Page, owned: LiveServer, tmp_path: Path) -> None:
    table = tmp_path / "dates.csv"
    table.write_text("sku,photo,day\nd1,a.jpg,01.02.2024\n")
    open_part(page, owned, "add")
    page.get_by_label("Files").set_input_files(table)
    day = page.get_by_role("row").filter(has_text="the day or the month first")
    expect(day).to_contain_text("kept as text")
    expect(day).not_to_contain_text("--type")


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
    page.clock.install()
    with page.expect_response("**/v1/jobs?*"):
        open_part(page, owned, "jobs")
    address = f"{owned.url}/v1/collections/default/jobs"
    for _ in range(6):  # one at a time: the last one waits
        page.request.post(address, data={"kind": "duplicates"})
    page.clock.fast_forward(11_000)  # the page looks for jobs of others
    last = jobs(page).first
    last.get_by_role("button", name="Cancel").click()
    expect(last.get_by_text("Cancelled")).to_be_visible(timeout=SLOW_MS)
    expect(last.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(jobs(page).nth(5).get_by_text("Done")).to_be_visible(timeout=SLOW_MS)
