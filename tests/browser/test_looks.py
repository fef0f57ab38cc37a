"""How the page looks and is reached: phones, dark, sizes, keyboard alone, an audit by axe-core."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.app import GZIP_LEVEL
from api.routes.site import shortened
from tests.browser import steps

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

    from tests.browser.steps import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

WEB = Path(__file__).parents[2] / "api" / "web"
SHORTENED = {".js", ".css"}
PHONE: ViewportSize = {"width": 360, "height": 740}
ITEMS_A_PAGE = 50
IMPORTED = re.compile(r'^(?:import|export) [^;]*?from "(\..+?)";', re.MULTILINE)
SHIFTS = """() => {
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""


def findings(page: Page, *rules: str) -> list[str]:
    """What axe-core finds on the page as it is, best practices included; or by some rules alone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core")
    options = {"runOnly": rules} if rules else None
    found = axe.Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def in_both_themes(page: Page) -> list[str]:
    """All findings in the light; in the dark only colors differ."""
    found = findings(page)
    page.emulate_media(color_scheme="dark")
    found += findings(page, "color-contrast")
    page.emulate_media(color_scheme="light")
    return found


def test_axe_finds_nothing_on_phones(
    page: Page, live_server: LiveServer, shopper_photo: Path
) -> None:
    page.set_viewport_size(PHONE)
    steps.open_start(page, live_server)
    steps.search(page, shopper_photo)
    assert in_both_themes(page) == []
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_role("dialog", name="Filters")).to_be_visible()
    assert in_both_themes(page) == []


def test_axe_finds_nothing(page: Page, live_server: LiveServer, shopper_photo: Path) -> None:
    steps.open_start(page, live_server)
    assert in_both_themes(page) == []
    steps.choose(page, shopper_photo)
    expect(page.get_by_role("button", name="Show the closest anyway")).to_be_visible()
    assert in_both_themes(page) == []
    steps.show_closest(page)
    page.get_by_text("Why?").click()
    steps.pick(page, 0, "Like")
    steps.pick(page, 1, "Compare")
    steps.pick(page, 2, "Compare")
    assert in_both_themes(page) == []
    page.get_by_role("button", name="Compare 2").click()
    expect(page.get_by_role("table")).to_be_visible()
    assert in_both_themes(page) == []
    page.keyboard.press("Escape")
    steps.card_link(page).click()
    expect(page.get_by_role("list", name="Views")).to_be_visible()
    assert in_both_themes(page) == []


@pytest.mark.allows_console("status of 404")
def test_axe_finds_nothing_in_a_problem(page: Page, live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/?item=no-such-item")
    expect(page.get_by_role("alert")).to_be_visible()
    assert findings(page) == []


class TestPhone:
    def test_the_first_result_is_seen_without_scrolling(
        self, page: Page, live_server: LiveServer, shopper_photo: Path
    ) -> None:
        page.set_viewport_size(PHONE)
        steps.open_start(page, live_server)
        steps.search(page, shopper_photo)
        card = steps.hits(page).first.bounding_box()
        assert card is not None
        assert card["y"] + card["height"] <= PHONE["height"]
        assert page.evaluate("scrollY") == 0

    def test_nothing_is_wider_than_the_screen(
        self, page: Page, live_server: LiveServer, shopper_photo: Path
    ) -> None:
        page.set_viewport_size(PHONE)
        steps.open_start(page, live_server)
        assert steps.overflow_px(page) <= 0
        steps.search(page, shopper_photo)
        assert steps.overflow_px(page) <= 0
        steps.card_link(page).click()
        expect(page.get_by_role("list", name="Views")).to_be_visible()
        assert steps.overflow_px(page) <= 0

    def test_large_text_breaks_buttons_rather_than_the_screen(self, start: Page) -> None:
        """A phone of 480 pixels with text twice as large has room as one of 240."""
        start.set_viewport_size({"width": 240, "height": 400})
        assert steps.overflow_px(start) <= 0

    @pytest.mark.parametrize("width", [320, 390, 640, 760])
    def test_every_view_and_collection_can_be_reached(
        self, page: Page, owned: LiveServer, width: int
    ) -> None:
        made = page.request.post(f"{owned.url}/v1/collections", data={"name": f"shop-{width}"})
        assert made.status == 201
        page.set_viewport_size({"width": width, "height": 740})
        steps.open_start(page, owned)
        collections = page.get_by_role("combobox", name="Collection").bounding_box()
        assert collections is not None
        assert collections["width"] > 100
        for tab in page.get_by_role("navigation", name="Views").get_by_role("link").all():
            expect(tab).to_be_in_viewport(ratio=1)
        words = page.locator(".brand-name, .collection-caption")
        assert max(words.evaluate_all("(all) => all.map((it) => it.offsetHeight)")) < 40  # one line

    def test_the_query_stays_while_scrolling(self, page: Page, live_server: LiveServer) -> None:
        page.set_viewport_size(PHONE)
        steps.open_start(page, live_server)
        steps.first_sample(page).click()
        steps.expect_results(page)
        page.evaluate("scrollTo(0, 900)")
        expect(page.get_by_role("button", name="Clear", exact=True)).to_be_in_viewport()


def test_results_do_not_jump(page: Page, live_server: LiveServer, shopper_photo: Path) -> None:
    page.add_init_script(f"({SHIFTS})()")
    steps.open_start(page, live_server)
    steps.search(page, shopper_photo)
    page.wait_for_timeout(500)
    assert page.evaluate("window.shift") < 0.05


def test_the_bar_does_not_move_under_a_click(page: Page, live_server: LiveServer) -> None:
    held = steps.Held(page, "**/search", "POST")
    steps.open_start(page, live_server)
    steps.first_sample(page).click()
    more = page.get_by_role("button", name="More", exact=True)
    expect(more).to_be_visible()
    before = more.bounding_box()
    held.let_go()
    steps.expect_results(page)
    expect(page.get_by_role("group", name="Label", exact=True)).to_be_visible()
    assert more.bounding_box() == before


def test_three_tab_stops_lead_to_the_first_result(searched: Page) -> None:
    for _ in range(3):
        searched.keyboard.press("Tab")
        if searched.evaluate("document.activeElement.matches('.card-link')"):
            return
    pytest.fail("more than three tab stops")


def test_tab_goes_through_all_of_each_view(
    page: Page, live_server: LiveServer, shopper_photo: Path
) -> None:
    steps.open_start(page, live_server)
    assert steps.walk(page) > 12
    steps.search(page, shopper_photo)
    expect(page.get_by_role("group", name="Label")).to_be_visible()
    assert steps.walk(page) > 60
    page.evaluate("scrollTo(0, 0)")
    steps.card_link(page).click()
    expect(page.get_by_role("list", name="Views")).to_be_visible()
    assert steps.walk(page) > 8
    default = "?collection=default"
    for part in ("", default, f"{default}&part=add", f"{default}&part=jobs"):
        page.goto(f"{live_server.url}/catalog{part}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert steps.walk(page) > 4


def test_by_keyboard_alone(start: Page) -> None:
    for _ in range(40):
        start.keyboard.press("Tab")
        if start.evaluate("document.activeElement.matches('.sample')"):
            break
    start.keyboard.press("Enter")
    steps.expect_results(start)
    start.keyboard.press("Tab")
    start.keyboard.press("Enter")
    dialog = start.locator("dialog[open]")
    expect(dialog.get_by_role("heading", level=2)).to_be_visible()
    for _ in range(15):
        start.keyboard.press("Tab")
        if start.evaluate("document.activeElement.textContent === 'Similar'"):
            break
    start.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    steps.expect_results(start)


def test_the_focus_is_not_lost_with_what_had_it(searched: Page, live_server: LiveServer) -> None:
    def is_focused(selector: str) -> None:
        expect(searched.locator(selector)).to_be_focused()

    searched.get_by_role("group", name="Label", exact=True).get_by_role("checkbox").first.press(" ")
    chip = searched.get_by_role("list", name="Active filters").get_by_role("button").first
    chip.press("Enter")
    expect(searched).not_to_have_url(re.compile("label="))
    is_focused(".found-title")
    searched.keyboard.press("Escape")
    is_focused("main")
    searched.get_by_role("button", name="Forget 1").press("Enter")
    expect(steps.first_sample(searched)).to_be_focused()
    searched.goto(f"{live_server.url}/catalog?collection=default&part=items")
    searched.get_by_role("link", name="Next").press("Enter")
    expect(searched.get_by_role("link", name="Previous")).to_be_visible()
    expect(searched.get_by_role("link", name="Next")).to_be_focused()
    pages = searched.get_by_role("navigation", name="Pages")
    last = ITEMS_A_PAGE
    total = int(re.findall(r"of (\d+)", pages.inner_text())[0])
    while (last := last + ITEMS_A_PAGE) < total:
        searched.get_by_role("link", name="Next").press("Enter")
        expect(pages).to_contain_text(f"{last + 1} to")
    expect(searched.get_by_role("link", name="Previous")).to_be_focused()


def test_forced_colors_tell_which_tab_is_shown(start: Page) -> None:
    start.emulate_media(forced_colors="active")
    here = start.locator(".tab[aria-current]")
    underlined = here.screenshot()
    here.evaluate("(it) => (it.style.textDecoration = 'none')")
    assert here.screenshot() != underlined


def test_dark_follows_the_system_until_chosen(start: Page) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = start.evaluate(background)
    start.emulate_media(color_scheme="dark")
    assert start.evaluate(background) != light
    start.get_by_role("button", name="Theme: system").click()
    assert start.evaluate(background) == light
    start.reload()
    expect(start.get_by_role("button", name="Theme: light")).to_be_visible()
    assert start.evaluate(background) == light


def test_controls_are_large_enough_to_hit(searched: Page) -> None:
    small = searched.evaluate(
        """() => [...document.querySelectorAll("a, button, select, summary, label, [type=number]")]
          .filter((el) => el.checkVisibility() && !el.matches(".skip-link, .visually-hidden"))
          .map((el) => [el.className || el.textContent.trim(), el.getBoundingClientRect()])
          .filter(([, box]) => box.width < 24 || box.height < 24)
          .map(([text, box]) => `${text}: ${box.width}x${box.height}`)"""
    )
    assert small == []


def closure(module: Path) -> set[Path]:
    """A module with all that it imports before it runs."""
    found, waiting = set(), [module]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            names = IMPORTED.findall(one.read_text())
            waiting += [(one.parent / name).resolve() for name in names]
    return found


def kilobytes(files: set[Path], packed: bool = False) -> float:
    """Of files as they are served."""
    sent = [
        shortened(each.read_text()).encode() if each.suffix in SHORTENED else each.read_bytes()
        for each in files
    ]
    if packed:
        sent = [gzip.compress(each, GZIP_LEVEL) for each in sent]
    return sum(map(len, sent)) / 1000


def test_the_shell_is_small_and_so_is_all_of_the_page() -> None:
    """In one language; browsers take it packed."""
    css, js, words = WEB / "css", WEB / "js", WEB / "words"
    shell = closure(js / "main.js") | {js / "theme.js", WEB / "index.html", words / "en.json"}
    shell |= {css / f"{name}.css" for name in ("tokens", "layout", "components")}
    assert kilobytes(shell) < 29
    to_results = shell | closure(js / "search" / "view.js") | closure(js / "photos" / "crop.js")
    to_results |= {words / f"en.{name}.json" for name in ("search", "problems")}
    to_results |= {css / f"{name}.css" for name in ("search", "photo", "filters")}
    assert kilobytes(to_results) < 149
    reference = {js / "docs.js", css / "docs.css", WEB / "docs.html", WEB / "tsconfig.json"}
    everything = {each for each in WEB.rglob("*") if each.is_file()} - reference
    everything -= set(words.glob("de*"))
    catalog = {each for each in (js / "catalog").iterdir() if each.is_file()}
    catalog |= {css / "catalog.css", words / "en.catalog.json"}
    catalog |= {js / f"{name}.js" for name in ("attempts", "client", "owner_server")}
    review = {*(js / "catalog" / "review").iterdir(), css / "review.css", words / "en.review.json"}
    shared = {js / "charts.js", css / "charts.css", js / "owner_view.js"}
    classify = {*(js / "classify").iterdir(), css / "classify.css", words / "en.classify.json"}
    quality = {*(js / "quality").iterdir(), css / "quality.css", words / "en.quality.json"}
    others = everything - catalog - review - shared - classify - quality
    for files, most, most_packed in (
        (others, 186, 72),
        (catalog, 107, 41),
        (review, 46, 18),
        (classify | shared, 41, 16),
        (quality | shared, 46, 17),
    ):
        assert kilobytes(files) < most
        assert kilobytes(files, packed=True) < most_packed
