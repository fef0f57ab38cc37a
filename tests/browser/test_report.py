"""The report of an evaluation in a real browser: offline, light and dark, on a phone, on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import once
from tests.faults.test_interruption import eyedex

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


@pytest.fixture(scope="module")
def report(shared: Path, sample: Path, hsv_data: Path) -> Path:
    """A report with every part that there is."""

    def make(folder: Path) -> None:
        folder.mkdir()
        queries = sample / "shopper" / "shopper.csv"
        command = ("evaluate", queries, "--data", hsv_data)
        before = eyedex(*command, "-k", 1, "--json", "--per-query")
        (folder / "before.json").write_text(before.stdout)
        parts = ("--hold-out-classes", 2, "--stress", "--stress-queries", 1)
        made = ("--compare", folder / "before.json", "--html", folder / "report.html")
        done = eyedex(*command, *parts, *made)
        assert (before.returncode, done.returncode) == (0, 0), before.stderr + done.stderr

    return once(shared / "evaluation-report", make) / "report.html"


@pytest.fixture
def opened(page: Page, report: Path) -> Page:
    """The report, opened from the disk without any network."""
    page.context.set_offline(True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.wait_for_load_state()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    return page


PARTS = (
    "In words", "Compared with before.json", "Classes", "Mistakes", "Confidence", "Search results",
    "Speed and index", "Unknown classes", "Hard photos", "How it was measured",
)  # fmt: skip


def overflow_px(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def test_every_part_is_there_and_can_be_gone_to(opened: Page) -> None:
    for name in PARTS:
        expect(opened.get_by_role("heading", name=name, exact=True)).to_be_visible()
    for link in opened.get_by_role("navigation").get_by_role("link").all():
        link.click()
        target = (link.get_attribute("href") or "#").removeprefix("#")
        expect(opened.locator(f"[id='{target}']")).to_be_in_viewport()


def test_pictures_and_plots_are_shown(opened: Page) -> None:
    widths = opened.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert len(widths) > 60
    assert min(widths) > 0
    assert max(widths) <= 128
    for plot in opened.locator("svg.plot").all():
        box = plot.bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["height"] > 100


def test_dark_follows_the_system_in_plots_too(opened: Page) -> None:
    colours = """() => [document.body, document.querySelector("svg.plot text")]
        .map((one) => getComputedStyle(one))
        .flatMap((style) => [style.backgroundColor, style.fill])"""
    light = opened.evaluate(colours)
    opened.emulate_media(color_scheme="dark")
    dark = opened.evaluate(colours)
    assert light[0] != dark[0]
    assert light[3] != dark[3]


def test_on_paper_it_is_light_and_nothing_is_cut_off(opened: Page) -> None:
    opened.emulate_media(media="print", color_scheme="dark")
    assert (
        opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    )
    opened.set_viewport_size({"width": 794, "height": 1123})
    assert overflow_px(opened) <= 0
    assert opened.pdf(format="A4")[:5] == b"%PDF-"


def test_no_overflow_on_a_phone(opened: Page) -> None:
    opened.set_viewport_size({"width": 360, "height": 740})
    assert overflow_px(opened) <= 0


def test_text_has_enough_contrast(opened: Page) -> None:
    """WCAG AA, 4.5 to 1, for ordinary text on its ground, light and dark."""
    measure = """() => {
      const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((value) => {
          const share = value / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = (element) => {
        for (let one = element; one; one = one.parentElement) {
          const colour = getComputedStyle(one).backgroundColor;
          if (!/, 0\\)$|transparent/.test(colour)) return colour;
        }
        return "rgb(255, 255, 255)";
      };
      const words = "p, li, th, td:not([style]), figcaption, .soft, summary";
      return [...document.querySelectorAll(words)]
        .filter((one) => one.checkVisibility() && one.textContent.trim())
        .map((one) => {
          const pair = [light(getComputedStyle(one).color), light(ground(one))];
          return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        });
    }"""
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        assert min(opened.evaluate(measure)) >= 4.5, scheme
