"""Quality and the reviews of a catalog as an owner uses them."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

import pytest

from search_engine.maintenance.findings import Code
from tests.api.test_page_words import all_words
from tests.browser.payloads import TEXTS
from tests.browser.reviewed_data import look_through
from tests.browser.steps import SLOW_MS, Held, overflow_px, walk
from tests.browser.test_looks import findings, in_both_themes
from tests.conftest import once, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(find_spec("openTSNE") is None, reason="no map without openTSNE")
expect = sync_api.expect


REVIEWS = ("labels", "outliers", "map")
MARKUP = ":is(script, iframe, style, b, base, math, template)"

# What is said of a measurement beside itself, and beside one by another field.
COMPARED = """async (found) => {
  const { comparison } = await import("/static/js/quality/runs.js");
  const others = [found, { ...found, target: "price" }];
  return others.map((result) =>
    comparison({ created_at: "1", result: found }, { created_at: "2", result }).textContent);
}"""


@pytest.fixture(scope="module")
def owned(
    tmp_path_factory: pytest.TempPathFactory, shared: Path, hsv_data: Path, sample: Path
) -> Iterator[LiveServer]:
    """A server with what jobs found, two indexes, and a collection of hostile texts."""
    made = once(shared / "reviewed", lambda folder: look_through(folder, hsv_data, sample))
    data = shutil.copytree(made / "data", tmp_path_factory.mktemp("owned") / "data")
    with serve(data) as server:
        yield server


def get(page: Page, server: LiveServer, path: str) -> Any:
    return page.request.get(f"{server.url}/v1/collections/default/{path}").json()


def open_review(page: Page, server: LiveServer, review: str, collection: str = "default") -> None:
    page.goto(f"{server.url}/catalog?collection={collection}&part=review&review={review}")
    expect(page.get_by_text("Looked at", exact=False)).to_be_visible()


class TestReviews:
    def test_labels_are_settled_by_a_key_each(self, page: Page, owned: LiveServer) -> None:
        open_review(page, owned, "labels")
        rows = page.get_by_role("list", name="Suspects").locator("> li")
        first = get(page, owned, "mislabelled?limit=1")["suspects"][0]
        path = f"items/{first['item_id']}"
        rows.first.focus()
        page.keyboard.press("Enter")
        said = page.get_by_role("status").filter(has_text="now.")
        expect(said).to_be_visible()
        assert get(page, owned, path)["label"] == first["suggested"]
        expect(rows.first).to_be_focused()
        page.keyboard.press("z")
        expect(page.get_by_text("Taken back.")).to_be_visible()
        assert get(page, owned, path)["label"] == first["label"]
        expect(rows.first).to_contain_text(first["item_id"])
        page.keyboard.press("k")
        expect(rows.filter(has_text=first["item_id"])).to_have_count(0)
        page.keyboard.press("d")
        expect(page.get_by_role("status", name="Deleted")).to_contain_text("1 item deleted")
        expect(rows.first).to_be_focused()
        page.keyboard.press("z")
        expect(page.get_by_role("status", name="Deleted")).to_be_empty()
        page.keyboard.press("e")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        page.reload()
        expect(rows.first).to_be_visible()
        expect(rows.filter(has_text=first["item_id"])).to_have_count(0)  # it is remembered

    def test_quick_keys_meet_each_item_once(self, page: Page, owned: LiveServer) -> None:
        open_review(page, owned, "outliers")
        found = get(page, owned, "outliers?limit=60")["suspects"]
        assert len(found) > 45
        rows = page.get_by_role("list", name="Outliers").locator("> li")
        rows.first.focus()
        held = Held(page, "**/outliers?*cursor=*")
        for _ in range(20):
            page.keyboard.press("k")
        expect(rows).to_have_count(0)
        held.let_go()
        expect(rows).to_have_count(20)
        ids = rows.locator(".suspect-own .note").all_inner_texts()
        assert ids == [each["item_id"] for each in found[20:40]]
        expect(rows.first).to_be_focused()

    def test_the_map_is_chosen_from_and_relabelled(self, page: Page, owned: LiveServer) -> None:
        page.set_viewport_size({"width": 1280, "height": 1200})
        open_review(page, owned, "map")
        chosen = page.get_by_role("region", name="Chosen items")
        group = page.get_by_role("list", name="Groups that look alike").locator("> li").first
        size = int(re.findall(r"\d+(?= item)", group.inner_text())[0])
        group.get_by_role("button", name="Choose").press("Enter")
        expect(chosen).to_contain_text(f"{size} chosen")
        expect(chosen.locator("img").first).to_be_visible()
        chosen.get_by_role("button", name="Choose none").click()
        canvas = page.get_by_role("img", name=re.compile("Map of 115 items"))
        box = canvas.bounding_box()
        assert box is not None
        left, top, wide, tall = box["x"], box["y"], box["width"], box["height"]
        page.mouse.move(left + 10, top + 10)
        page.mouse.down()
        for x, y in ((wide - 10, 10), (wide - 10, tall - 10), (10, tall - 10)):
            page.mouse.move(left + x, top + y, steps=3)
        page.mouse.up()
        expect(chosen).to_contain_text("115 chosen")
        chosen.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", name="Delete 115 items?")).to_be_visible()
        page.keyboard.press("Escape")
        chosen.get_by_role("button", name="Choose none").click()
        canvas.focus()
        for key in ("+", "ArrowLeft", "0"):
            page.keyboard.press(key)
        group.get_by_role("button", name="Choose").click()
        before = {
            each["item_id"]: each["label"] for each in get(page, owned, "items?limit=200")["items"]
        }
        chosen.get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Label", exact=True).fill("Mapped")
        dialog.get_by_role("button", name="Save").click()
        expect(chosen).to_contain_text(f"{size} × Mapped")
        changed = get(page, owned, "items?limit=200&filter=label%20%3D%20'Mapped'")["items"]
        assert len(changed) == size
        operations = [
            {"op": "patch", "item_id": each["item_id"], "label": before[each["item_id"]]}
            for each in changed
        ]
        address = f"{owned.url}/v1/collections/default/items:batch"
        assert page.request.post(address, data={"operations": operations}).ok

    def test_what_is_chosen_on_a_phone_comes_into_sight(
        self, page: Page, owned: LiveServer
    ) -> None:
        page.set_viewport_size({"width": 360, "height": 740})
        open_review(page, owned, "map")
        groups = page.get_by_role("list", name="Groups that look alike").locator("> li")
        groups.last.get_by_role("button", name="Choose").click()
        expect(page.get_by_role("region", name="Chosen items")).to_be_in_viewport()

    @pytest.mark.parametrize("review", REVIEWS)
    def test_it_is_accessible_and_fits_phones(
        self, page: Page, owned: LiveServer, review: str
    ) -> None:
        open_review(page, owned, review)
        assert in_both_themes(page) == []
        assert walk(page) > 12
        page.set_viewport_size({"width": 360, "height": 740})
        assert overflow_px(page) <= 0


class TestQuality:
    def test_results_are_compared_and_all_parts_accessible(
        self, page: Page, owned: LiveServer
    ) -> None:
        page.goto(f"{owned.url}/quality")
        expect(page.get_by_role("heading", name="How good it is")).to_be_visible()
        jobs = f"{owned.url}/v1/jobs?kind=evaluate&collection=default"
        job = page.request.get(jobs).json()["jobs"][0]
        accuracy = f"{job['result']['accuracy']:.1%}"
        expect(page.locator(".headline-value").first).to_have_text(accuracy)
        worst = page.get_by_role("list", name="What is taken for what").locator("> li").first
        expect(worst.get_by_role("img").first).to_be_visible()
        assert findings(page) == []
        measure = page.get_by_role("button", name="Measure")
        measure.press("Enter")
        expect(measure).to_be_disabled()
        runs = page.get_by_role("region", name="Earlier measurements")
        expect(runs.get_by_role("row")).to_have_count(3, timeout=SLOW_MS)
        expect(measure).to_be_enabled()
        expect(measure).to_be_focused()
        measured = page.request.get(jobs).json()["jobs"][0]["result"]
        assert measured["split"] == "leave one product or scene out"
        runs.get_by_role("link", name=re.compile("^Compare with")).click()
        compared = page.get_by_role("region", name="Compared")
        expect(compared).to_be_in_viewport()
        expect(compared).to_contain_text("Measured otherwise")  # the first was by folds
        expect(compared).not_to_contain_text("no difference beyond chance")
        texts = page.evaluate(COMPARED, measured)
        assert ["otherwise" in text for text in texts] == [False, True]
        assert ["no difference beyond chance" in text for text in texts] == [True, False]
        expect(page.get_by_text("Measured just now by Label, with 115 photos.")).to_be_visible()
        for part in ("improve", "health", "results"):
            page.get_by_role("link", name=part.title(), exact=True).click()
            expect(page).to_have_url(re.compile("part=" if part != "results" else "/quality"))
            expect(page.locator("[aria-busy=true]")).to_have_count(0)
            assert in_both_themes(page) == []
            page.set_viewport_size({"width": 360, "height": 740})
            assert overflow_px(page) <= 0
            page.set_viewport_size({"width": 1280, "height": 900})

    def test_health_is_checked_and_the_index_rolled_back(
        self, page: Page, owned: LiveServer
    ) -> None:
        page.goto(f"{owned.url}/quality?part=health")
        expect(page.get_by_role("heading", name="It answers")).to_be_visible()
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.get_by_text("Everything is sound.")).to_be_visible(timeout=SLOW_MS)
        used = (
            page.get_by_role("region", name="Indexes").get_by_role("row").filter(has_text="In use")
        )
        expect(
            page.get_by_role("region", name="Indexes").get_by_role("row").nth(1)
        ).to_contain_text("In use")
        page.get_by_role("button", name="Go back to the one before").click()
        page.get_by_role("dialog").get_by_role("button", name="Go back").click()
        expect(
            page.get_by_role("region", name="Indexes").get_by_role("row").nth(2)
        ).to_contain_text("In use")
        expect(used).to_have_count(1)
        expect(page.get_by_text("There is no earlier one to go back to.")).to_be_visible()
        described = page.request.get(f"{owned.url}/v1/collections/default").json()
        assert described["generation"] == "gen-000001"

    def test_a_job_that_failed_says_why(self, page: Page, owned: LiveServer) -> None:
        page.goto(f"{owned.url}/quality?collection=hostile&part=improve")
        jobs = page.get_by_role("list", name="Jobs").locator("> li")
        expect(jobs.first).to_contain_text("Failed")
        expect(page.get_by_text("Nothing was tried yet.")).to_be_visible()


class TestStates:
    @pytest.mark.parametrize("path", ["/classify", "/quality"])
    @pytest.mark.allows_console("ERR_INTERNET_DISCONNECTED")
    def test_each_is_told(self, page: Page, owned: LiveServer, path: str) -> None:
        page.route("**/v1/collections", lambda route: route.fulfill(json={"collections": []}))
        page.goto(owned.url + path)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        assert findings(page) == []
        page.unroute("**/v1/collections")
        page.route("**/v1/collections", lambda route: route.abort("internetdisconnected"))
        page.reload()
        expect(page.get_by_role("heading", name="No connection")).to_be_visible()
        page.unroute("**/v1/collections")
        expect(page.get_by_role("alert").get_by_role("heading")).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).to_have_text(path[1:].title())
        page.goto(f"{owned.url}{path}?collection=none")
        expect(page.get_by_role("heading", name="There is no such collection")).to_be_visible()
        page.get_by_role("button", name="To the start of this view").click()
        expect(page.get_by_label("Collection")).to_have_value("default")
        refused = {"scope": "read", "collections": None, "anonymous": "read", "read_only": True}
        page.route("**/v1/access", lambda route: route.fulfill(json=refused))
        page.goto(owned.url + path)
        expect(page.get_by_role("heading", name="Nothing can be changed here")).to_be_visible()
        expect(page.get_by_role("navigation", name="Views")).to_be_hidden()
        assert findings(page) == []

    def test_views_are_loaded_when_they_open(self, page: Page, owned: LiveServer) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(owned.url)
        expect(page.get_by_role("link", name="Quality")).to_be_visible()
        assert not re.search("/(classify|quality)/|/review|charts|owner_view", " ".join(asked))


def test_all_is_german_and_fits_a_phone(page: Page, owned: LiveServer, shopper_photo: Path) -> None:
    german = {str(text) for text in all_words("de").values()}
    foreign = {*all_words(), *map(str, all_words().values())} - german
    review = "/catalog?collection=default&part=review&review="
    settled = {f"{review}{each}": "Angesehen" for each in REVIEWS}
    settled |= {f"{review}duplicates": "eine Aufgabe", "/quality": "Gemessen"}
    settled |= {"/quality?part=improve": "Noch wurde", "/quality?part=health": "Entstanden"}
    page.set_extra_http_headers({"Accept-Language": "de"})
    page.set_viewport_size({"width": 360, "height": 740})
    for address, text in {**settled, "/classify": "Fotos oder"}.items():
        page.goto(owned.url + address)
        expect(page.get_by_text(text).first).to_be_visible()
        if address == "/classify":
            page.get_by_label("Fotos wählen").first.set_input_files(shopper_photo)
            expect(page.get_by_role("rowheader")).to_be_visible()
        shown = {line.strip() for line in page.locator("body").inner_text().splitlines()}
        assert shown & foreign == set(), address
        assert overflow_px(page) <= 0, address
        for tab in page.locator(".tab[aria-current]").all():
            expect(tab).to_be_in_viewport(ratio=0.99)


def test_findings_are_said_in_the_language_of_the_page(page: Page, owned: LiveServer) -> None:
    """Each kind of them, of things with hostile names; what the log says is below "Details"."""
    found = [
        {"level": "error", "code": code, "where": f"at {text}", "what": f"broken {text}"}
        | {"parameters": {("item", "collection", "file")[number % 3]: text, "count": 2}}
        for number, (code, text) in enumerate(zip(get_args(Code), TEXTS, strict=False))
    ]
    result = {"sound": False, "findings": found, "findings_total": len(found)}
    job = page.request.get(f"{owned.url}/v1/jobs?state=done&limit=1").json()["jobs"][0]
    answer = {"jobs": [{**job, "kind": "check", "result": result}], "next_cursor": None}
    page.route("**/v1/jobs?*", lambda route: route.fulfill(json=answer))
    page.set_extra_http_headers({"Accept-Language": "de"})
    page.goto(f"{owned.url}/quality?part=health")
    said = page.locator(".form-problem > li")
    expect(said).to_have_count(11)  # ten, and how many more
    for text in said.all_inner_texts()[:10]:
        assert re.match("(Artikel|Sammlung|Datei) ", text)
        assert "broken" not in text
    expect(page.get_by_text("broken").first).to_be_hidden()
    page.get_by_text("Einzelheiten").click()
    expect(page.get_by_text(f"broken {TEXTS[0]}")).to_be_visible()
    assert page.locator(f"main {MARKUP}").count() == 0


def test_hostile_texts_of_jobs_and_encoders(page: Page, owned: LiveServer) -> None:
    """Why a job failed, what it counted and refused; what encoders are said to be."""

    def fails(route: Route) -> None:
        answer = route.fetch().json()
        for text, job in zip(TEXTS, answer["jobs"] * len(TEXTS), strict=False):
            error = {"code": text, "message": text, "fix": text}
            counts, reasons = {"added": 1, text: 1, "rejected": 1}, {text: 1}
            told = {"stage": text, "counts": counts, "reasons": reasons, "params": {"target": text}}
            jobs.append({**job, **told, "id": text, "state": "failed", "error": error})
        route.fulfill(json={"jobs": jobs, "next_cursor": None})

    def are_others(route: Route) -> None:
        answer = route.fetch().json()
        ready = {"ready": True, "installed": True}
        answer["encoders"] = [
            {**answer["encoders"][0], **ready, "name": f"n{number}", "about": text}
            for number, text in enumerate(TEXTS)
        ]
        route.fulfill(json=answer)

    jobs: list[dict[str, Any]] = []
    page.route("**/v1/jobs?*", fails)
    page.route("**/v1/encoders", are_others)
    page.goto(f"{owned.url}/catalog?collection=default&part=jobs")
    rows = page.get_by_role("list", name="Jobs").locator("> li")
    expect(rows).to_have_count(len(TEXTS))
    rows.first.get_by_text("Details").click()
    expect(rows.first.get_by_text(TEXTS[0], exact=True).first).to_be_visible()
    assert page.locator(f"main {MARKUP}").count() == 0
    page.unroute("**/v1/jobs?*")
    page.goto(f"{owned.url}/quality?part=improve")
    expect(page.locator("option", has_text=TEXTS[0])).to_have_count(1)
    assert page.locator(f"main {MARKUP}").count() == 0


def test_hostile_reasons_of_a_gate(page: Page, owned: LiveServer) -> None:
    job = page.request.get(f"{owned.url}/v1/jobs?state=done&limit=1").json()["jobs"][0]
    because = [{"code": text, "measures": [text]} for text in TEXTS]
    result = {"accepted": False, "changed": False, "refusals": TEXTS, "refused_because": because}
    tried = {"kind": "tune", "collection": "default", "params": {}, "result": result}
    answer = {"jobs": [{**job, **tried}], "next_cursor": None}
    page.route("**/v1/jobs?*", lambda route: route.fulfill(json=answer))
    page.goto(f"{owned.url}/quality?part=improve")
    reasons = page.locator("section.panel details").filter(has_text=TEXTS[0])
    reasons.locator("summary").click()
    expect(reasons.get_by_role("listitem")).to_have_count(len(TEXTS))
    expect(reasons.get_by_text(TEXTS[0], exact=True)).to_be_visible()
    assert page.locator(f"main {MARKUP}").count() == 0


def test_hostile_texts_stay_texts(page: Page, owned: LiveServer) -> None:
    lists = {"labels": "Suspects", "outliers": "Outliers", "map": "Groups that look alike"}
    for review, name in lists.items():
        page.goto(f"{owned.url}/catalog?collection=hostile&part=review&review={review}")
        expect(page.get_by_role("list", name=name).locator("> li").first).to_be_visible()
        assert page.locator(f"main {MARKUP}").count() == 0
    page.goto(f"{owned.url}/quality?collection=hostile")
    classes = page.get_by_role("region", name="Classes").get_by_role("rowheader")
    expect(classes.first).to_be_visible()
    assert page.locator(f"main {MARKUP}").count() == 0
    page.get_by_role("button", name=re.compile(r"^\+ ")).click()
    assert {"{{7*7}}", "__proto__"} <= set(classes.all_inner_texts())
