"""What shoppers and owners come for, done from start to end, in the steps that the guides name."""

from __future__ import annotations

import csv
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from search_engine.engine import SearchEngine
from tests.api.test_access import make_key
from tests.browser import steps
from tests.browser.conftest import DESK, PHONE, watched
from tests.browser.hands import Hands
from tests.conftest import copy_data, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator, Page

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| (?P<task>[^|]+?) \| (?P<counts>[\d– |]+) \|$", re.MULTILINE)


def named(guide: str) -> dict[str, list[str]]:
    """The tasks of a guide, with their steps."""
    text = (DOCS / guide).read_text(encoding="utf-8")
    return {row["task"]: row["counts"].split(" | ") for row in ROW.finditer(text)}


def begin(hands: Hands, server: LiveServer, photo: Path) -> None:
    """Results of a photo; those who came here already took these steps."""
    steps.open_start(hands.page, server)
    steps.search(hands.page, photo)
    hands.steps = 0


def card(hands: Hands, index: int) -> Locator:
    return steps.hits(hands.page).nth(index)


def find(hands: Hands, server: LiveServer, photo: Path) -> None:
    steps.open_start(hands.page, server)
    hands.choose(hands.page.get_by_text("Choose photo"), photo)
    steps.show_closest(hands.page)


def crop(hands: Hands, server: LiveServer, photo: Path) -> None:
    begin(hands, server, photo)
    if hands.touch:
        hands.press(hands.page.get_by_role("button", name="Choose a part"))
    expect(hands.page.get_by_role("group", name="Part to search with")).to_be_visible()
    hands.drag(hands.page.locator(".crop"), (0.25, 0.25), (0.4, 0.5), (0.75, 0.75))
    expect(hands.page).to_have_url(re.compile("box=0.25"))
    if hands.touch:
        hands.press(hands.page.get_by_role("button", name="Done"))
    steps.expect_answer(hands.page)


def narrow(hands: Hands, server: LiveServer, photo: Path) -> None:
    begin(hands, server, photo)
    if hands.touch:
        hands.press(hands.page.get_by_role("button", name="Filters"))
    hands.press(hands.page.get_by_role("group", name="Label").get_by_label("Clothing"))
    expect(hands.page).to_have_url(re.compile("label=Clothing"))
    hands.type(hands.page.get_by_label("price to"), "90")
    hands.key("Enter")
    expect(hands.page).to_have_url(re.compile("lte"))
    if hands.touch:
        hands.press(hands.page.get_by_role("button", name=re.compile(r"^Show \d+")))
    steps.expect_results(hands.page)


def ungroup(hands: Hands, server: LiveServer, photo: Path) -> None:
    begin(hands, server, photo)
    hands.press(hands.page.get_by_role("button", name="Group by product"))
    expect(hands.page).to_have_url(re.compile("group=off"))
    steps.expect_results(hands.page)


def refine(hands: Hands, server: LiveServer, photo: Path) -> None:
    begin(hands, server, photo)
    for index, verb in enumerate(("Like", "Dislike")):
        action = card(hands, index).get_by_role("button", name=re.compile(f"^{verb}: "))
        hands.pick(card(hands, index), action)
    hands.press(hands.page.get_by_role("button", name="Refine"))
    expect(hands.page).to_have_url(re.compile("like=.*unlike="))
    steps.expect_results(hands.page)


def compare(hands: Hands, server: LiveServer, photo: Path) -> None:
    begin(hands, server, photo)
    for index in range(2):
        action = card(hands, index).get_by_role("button", name=re.compile("^Compare: "))
        hands.pick(card(hands, index), action)
    hands.press(hands.page.get_by_role("button", name="Compare 2"))
    expect(hands.page.get_by_role("dialog", name="Compare")).to_be_visible()


def share(hands: Hands, server: LiveServer, photo: Path) -> None:
    begin(hands, server, photo)
    hands.press(steps.card_link(hands.page))
    dialog = hands.page.locator("dialog[open]")
    name = dialog.get_by_role("heading", level=2)
    expect(name).to_be_visible()
    said = name.inner_text()
    hands.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    hands.press(dialog.get_by_role("button", name="Copy link"))
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    hands.page.goto(hands.page.evaluate("navigator.clipboard.readText()"))
    expect(dialog.get_by_role("heading", level=2)).to_have_text(said)


def go_on_and_back(hands: Hands, server: LiveServer, photo: Path) -> None:
    begin(hands, server, photo)
    before = steps.shown_ids(hands.page)
    hands.pick(card(hands, 1), card(hands, 1).get_by_role("link", name="More like this"))
    expect(hands.page.get_by_role("heading", name="Similar to")).to_be_visible()
    hands.back()
    expect(hands.page.get_by_role("heading", name=steps.PHOTO_TITLE)).to_be_visible()
    steps.show_closest(hands.page)
    assert steps.shown_ids(hands.page) == before


def take_photo(hands: Hands, server: LiveServer, photo: Path) -> None:
    steps.open_start(hands.page, server)
    take = hands.page.get_by_text("Take photo")
    if not hands.touch:
        expect(take).to_be_hidden()
        return
    expect(hands.page.locator("#camera")).to_have_attribute("capture", "environment")
    hands.choose(take, photo)
    steps.show_closest(hands.page)


def lose_connection(hands: Hands, server: LiveServer, photo: Path) -> None:
    begin(hands, server, photo)
    before = steps.shown_ids(hands.page)
    hands.page.context.set_offline(True)
    hands.page.get_by_role("button", name="Group by product").click()
    expect(hands.page.get_by_role("alert")).to_contain_text("No connection")
    assert steps.shown_ids(hands.page) == before
    hands.page.context.set_offline(False)
    expect(hands.page.get_by_role("alert")).to_have_count(0)
    steps.expect_results(hands.page)


SHOPPER: dict[str, Callable[[Hands, LiveServer, Path], None]] = {
    "find what a photo shows": find,
    "search with one thing on the photo": crop,
    "only one kind, up to a price": narrow,
    "every picture, not one of a product": ungroup,
    "like one, dislike one, refine": refine,
    "compare two": compare,
    "send somebody an item": share,
    "look at what is like a result, and go back": go_on_and_back,
    "take a photo and search with it": take_photo,
    "go on when the connection was gone": lose_connection,
}


def test_the_guide_has_these_tasks_of_shoppers() -> None:
    assert list(named("shopper-page.md")) == list(SHOPPER)


@pytest.mark.parametrize("task", SHOPPER)
@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
@pytest.mark.allows_console("ERR_INTERNET_DISCONNECTED")
def test_a_shopper(
    browser: Browser,
    request: pytest.FixtureRequest,
    live_server: LiveServer,
    shopper_photo: Path,
    task: str,
    touch: bool,
) -> None:
    with watched(browser, request, PHONE if touch else DESK) as page:
        hands = Hands(page, touch)
        SHOPPER[task](hands, live_server, shopper_photo)
    assert (str(hands.steps) if hands.steps else "–") == named("shopper-page.md")[task][touch]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, hsv_data: Path) -> Path:
    """A data directory with two indexes."""
    data = copy_data(hsv_data, tmp_path_factory.mktemp("shop") / "data")
    with SearchEngine(data) as engine:
        engine.live("default").rebuild(None)
    return data


@pytest.fixture(scope="module")
def key(shop: Path) -> str:
    return make_key(shop, "admin")


@pytest.fixture(scope="module")
def server(shop: Path, key: str) -> Iterator[LiveServer]:
    assert key
    with serve(shop) as server:
        yield server


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """A table with its pictures, of which one is damaged and one is not there."""
    pictures = sorted((sample / "images").rglob("*.jpg"))[:6]
    names = [each.name for each in pictures] + ["damaged.jpg", "nowhere.jpg"]
    made = tmp_path_factory.mktemp("archive")
    with (made / "mugs.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[f"m{number}", name, "Mugs"] for number, name in enumerate(names)]
        csv.writer(file).writerows([["item_id", "image", "label"], *rows])
    with zipfile.ZipFile(made / "mugs.zip", "w") as packed:
        packed.write(made / "mugs.csv", "mugs.csv")
        packed.writestr("damaged.jpg", pictures[0].read_bytes()[:600])
        for each in pictures:
            packed.write(each, each.name)
    return made / "mugs.zip"


class Owner:
    """An owner who did nothing yet; each task goes on where the one before ended."""

    def __init__(self, page: Page, server: LiveServer, archive: Path, photos: list[Path]) -> None:
        self.hands = Hands(page, touch=False)
        self.page, self.server, self.archive, self.photos = page, server, archive, photos

    def link(self, name: str) -> None:
        self.hands.press(self.page.get_by_role("link", name=name, exact=True))

    def button(self, name: str | re.Pattern[str], within: Locator | None = None) -> None:
        exact = isinstance(name, str)
        found = (within or self.page).get_by_role("button", name=name, exact=exact)
        self.hands.press(found.first)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def sign_in(self, key: str) -> None:
        self.page.goto(self.server.url)
        self.hands.type(self.dialog.get_by_label("Key", exact=True), key)
        self.hands.key("Enter")
        expect(self.page.get_by_role("link", name="Catalog")).to_be_visible()

    def make_collection(self) -> None:
        self.link("Catalog")
        self.hands.type(self.page.get_by_label("New collection"), "mugs")
        self.hands.key("Enter")
        expect(self.page.get_by_role("heading", name="mugs", level=1)).to_be_visible()

    def add_archive(self) -> None:
        self.hands.choose(self.page.get_by_text("Choose files"), self.archive)
        self.page.get_by_label("Compare by").select_option("Colours alone")  # quick to test
        self.button("Add")
        expect(self.page.get_by_role("list", name="Jobs").locator("> li")).to_have_count(1)

    def take_refused(self) -> None:
        job = self.page.get_by_role("list", name="Jobs").locator("> li").first
        expect(job.get_by_text("Done")).to_be_visible(timeout=steps.SLOW_MS)
        expect(job).to_contain_text("6 added · 2 refused")
        self.hands.press(job.get_by_text("2 rows refused"))
        with self.page.expect_download() as download:
            self.button("Download 2 as a table", job)
        saved = download.value.path().read_text(encoding="utf-8-sig").splitlines()
        assert len(saved) == 3

    def edit_many(self) -> None:
        self.link("Items")
        self.hands.press(self.page.get_by_label("Choose all on this page"))
        self.button("Edit", self.page.get_by_role("region", name="Chosen items"))
        self.hands.type(self.dialog.get_by_label("Label", exact=True), "Cups")
        self.button("Save", self.dialog)
        expect(self.page.get_by_role("row").nth(6)).to_contain_text("Cups")

    def delete_and_undo(self) -> None:
        rows = self.page.get_by_role("rowheader")
        expect(rows).to_have_count(6)
        self.button(re.compile("^Delete"), self.page.get_by_role("row").nth(1))
        expect(rows).to_have_count(5)
        self.button("Undo")
        expect(rows).to_have_count(6)

    def keep_one_of_duplicates(self) -> None:
        self.page.goto(f"{self.server.url}/catalog?collection=default")
        self.link("Review")
        self.button("Find duplicates")
        groups = self.page.get_by_role("list", name="Duplicates").locator("> li")
        expect(groups.first).to_be_visible(timeout=steps.SLOW_MS)
        count = groups.count()
        self.button(re.compile("^Keep only "), groups.first)
        expect(groups).to_have_count(count - 1)

    def relabel_on_map(self) -> None:
        self.link("Map")
        self.button("Draw the map")
        canvas = self.page.get_by_role("img", name=re.compile(r"Map of \d+ items"))
        expect(canvas).to_be_visible(timeout=steps.SLOW_MS)
        canvas.evaluate("(map) => map.scrollIntoView({ block: 'end' })")
        self.hands.drag(canvas, (0.03, 0.1), (0.97, 0.1), (0.97, 0.95), (0.03, 0.95))
        chosen = self.page.get_by_role("region", name="Chosen items")
        self.button("Edit", chosen)
        self.hands.type(self.dialog.get_by_label("Label", exact=True), "Everything")
        self.button("Save", self.dialog)
        expect(chosen).to_contain_text("× Everything")

    def classify_and_correct(self) -> None:
        self.link("Classify")
        button = self.page.get_by_text("Choose photos", exact=True)
        self.hands.choose(button.first, self.photos)
        rows = self.page.get_by_role("table", name="Photos").locator("tbody tr")
        expect(self.page.get_by_role("progressbar")).to_have_count(0, timeout=steps.SLOW_MS)
        field = rows.nth(1).get_by_role("combobox")
        self.hands.type(field, "Toys/Robots")
        self.hands.key("Enter")
        self.button("Add 1 photo to default")
        expect(self.page.get_by_text("1 photo added.")).to_be_visible()

    def roll_back(self) -> None:
        self.link("Quality")
        self.link("Health")
        self.button("Go back to the one before")
        self.button(re.compile("^Go back"), self.dialog)
        table = self.page.get_by_role("region", name="Indexes")
        expect(table.get_by_role("row").nth(2)).to_contain_text("In use")


OWNER: dict[str, Callable[[Owner, str], None]] = {
    "sign in with a key": Owner.sign_in,
    "make a collection": lambda owner, _: owner.make_collection(),
    "add a zip to it": lambda owner, _: owner.add_archive(),
    "take away what was refused": lambda owner, _: owner.take_refused(),
    "change the label of many items": lambda owner, _: owner.edit_many(),
    "delete an item, and take it back": lambda owner, _: owner.delete_and_undo(),
    "find duplicates, and keep one": lambda owner, _: owner.keep_one_of_duplicates(),
    "draw a line around look-alikes, and relabel them": lambda owner, _: owner.relabel_on_map(),
    "classify photos, correct one, and add it": lambda owner, _: owner.classify_and_correct(),
    "go back to the index before": lambda owner, _: owner.roll_back(),
}


@pytest.mark.allows_console("the server responded with a status of 401")
@pytest.mark.allows_console("the server responded with a status of 422")
def test_an_owner(
    page: Page, server: LiveServer, key: str, archive: Path, shopper_photo: Path
) -> None:
    pytest.importorskip("openTSNE", reason="no map without openTSNE")
    photos = sorted(shopper_photo.parent.rglob("*.jpg"))[:3]
    owner = Owner(page, server, archive, photos)
    counted = {}
    for task, do in OWNER.items():
        owner.hands.steps = 0
        do(owner, key)
        counted[task] = [str(owner.hands.steps)]
    assert named("catalog-owner.md") == counted
