"""How quick the page is: first paint, results, scrolling, a large photo on a slow link.

    python -m benchmarks.page [--json] [--count N [--encoder NAME] | --url URL] [--runs R]
                              [--scrolled RESULTS]

A server holds N items that share a picture, with vectors that are made up, or is one that runs.
Headless Chromium (`chromium` on the PATH, or CHROMIUM) opens the page with nothing kept, searches
with a photo of the clothing dataset and scrolls through 2,000 results; kilobytes are of the page's
own files, unpacked. Then the link is 1.5 Mbit/s either way with 40 ms of delay, and the photo has
12 megapixels; and a phone of 360 x 740 pixels searches, where the first result has to end above
740. Times are as the browser measures them; the server and the browser share the machine.
100,000 items are quicker made with `--encoder hsv`, and `--scrolled 300` does not wait for so many
pages of them; the page is told the same.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.machine import DATASETS, parser_of, report, spread
from benchmarks.query import started
from benchmarks.scale import NAME, fill
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths

SCROLLED = 2_000
LARGE_PX = (4_000, 3_000)
LARGE_QUALITY = 92
SLOW_BYTES_S, SLOW_MS = 1_500_000 / 8, 40
MANY_MS = 120_000
POLLED_MS = 100
GROUPS = 200
DESK, PHONE = (1280, 900), (360, 740)
WATCH = """() => {
  Object.assign(window, { shift: 0, longest: 0, drawn: 0 });
  const watch = (type, see) => new PerformanceObserver((list) => list.getEntries().forEach(see))
    .observe({ type, buffered: true });
  watch("layout-shift", (entry) => { if (!entry.hadRecentInput) window.shift += entry.value; });
  watch("longtask", (entry) => { window.longest = Math.max(window.longest, entry.duration); });
  const seen = new MutationObserver(() => {
    if (window.drawn || !document.querySelector(".card")) return;
    requestAnimationFrame(() => { window.drawn ||= performance.now(); });
  });
  document.addEventListener("change", () => { window.chosen = performance.now(); }, true);
  const all = { childList: true, subtree: true };
  addEventListener("DOMContentLoaded", () => seen.observe(document.body, all));
}"""
ANSWERED = """() => Math.max(...performance.getEntriesByType("resource")
  .filter(({ name }) => /[/](search|classify)$/.test(name))
  .map(({ responseEnd }) => responseEnd)
  .filter((answered) => answered < window.drawn))"""
LOADED = """() => performance.getEntriesByType("resource")
  .filter(({ name }) => /[/]static[/]/.test(name))
  .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    """Measure and report."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="one with small embeddings")
    parser.add_argument("--url", help="of a server with a catalog, in place of one that is made")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scrolled", type=int, default=SCROLLED, help="results to scroll through")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, chromium() as browser:
        photos = photos_in(Path(made), given.runs + 1)
        with served(given, Path(made) / "data", photos[0][0]) as url:
            rounds = [measured(browser, url, *pair, given.scrolled) for pair in photos]
    names = list(rounds[0])
    rows = [{"what": name, **spread([each[name] for each in rounds[1:]])} for name in names]
    report(rows, given.json, items=given.url or given.count)


@contextmanager
def served(given: argparse.Namespace, data: Path, picture: Path) -> Iterator[str]:
    """The address of a server: the one that is given, or one of a catalog that is made."""
    if given.url:
        yield given.url
        return
    make_catalog(data, given.encoder, given.count, picture)
    with started(data) as server:
        yield f"http://127.0.0.1:{server.port}"


def make_catalog(data: Path, encoder: str, count: int, picture: Path) -> None:
    """A collection of items around some points, which all look the same."""
    spec = create_encoder(EncoderRequest(encoder)).spec
    random = np.random.default_rng(0)
    points = random.standard_normal((GROUPS, spec.dimension), np.float32)
    vectors = random.standard_normal((count, spec.dimension), np.float32)
    vectors += 2 * points[random.integers(GROUPS, size=count)]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with Catalog(DataPaths(data)) as catalog:
        fill(
            catalog,
            vectors,
            encoder=spec.name,
            fingerprint=spec.fingerprint,
            picture=str(picture.resolve()),
        )
        LiveCollection(catalog, catalog.collection(NAME), Settings(data=data)).compact()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def photos_in(folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Photos as they are, each with a large one, as phones take them."""
    found = sorted((DATASETS / "clothing" / "validation").rglob("*.jpg"))[:count]
    pairs = []
    for number, photo in enumerate(found):
        large = folder / f"{number}.jpg"
        Image.open(photo).resize(LARGE_PX).save(large, quality=LARGE_QUALITY)
        pairs.append((photo, large))
    return pairs


def measured(
    browser: Browser, url: str, photo: Path, large: Path, scrolled: int
) -> dict[str, float]:
    """One round: milliseconds, and the shift of the layout."""
    page = opened(browser, url)
    painted = page.evaluate(PAINTED)
    opened_bytes = page.evaluate(LOADED)
    search(page, photo)
    drawn = page.evaluate("window.drawn") - page.evaluate(ANSWERED)
    shift = page.evaluate("window.shift")
    searched_bytes = page.evaluate(LOADED)
    page.evaluate("window.longest = 0")
    scroll(page, scrolled)
    longest = page.evaluate("window.longest")
    page.context.close()
    page = opened(browser, url)
    link: Any = page.context.new_cdp_session(page)
    limits = {"downloadThroughput": SLOW_BYTES_S, "uploadThroughput": SLOW_BYTES_S}
    link.send("Network.enable")
    link.send("Network.emulateNetworkConditions", {"offline": False, "latency": SLOW_MS, **limits})
    search(page, large)
    slow = page.evaluate("window.drawn - window.chosen")
    page.context.close()
    page = opened(browser, url, PHONE)
    search(page, photo)
    box = page.locator(".card").first.bounding_box()
    assert box is not None
    page.context.close()
    return {
        "first_paint_ms": painted,
        "kilobytes_to_open": opened_bytes / 1000,
        "kilobytes_with_results": searched_bytes / 1000,
        "drawn_after_the_answer_ms": drawn,
        "layout_shift": shift,
        "longest_task_while_scrolling_ms": longest,
        "large_photo_on_a_slow_link_ms": slow,
        "first_result_ends_on_a_phone_px": box["y"] + box["height"],
    }


def opened(browser: Browser, url: str, size: tuple[int, int] = DESK) -> Page:
    """The page in a browser that has kept nothing."""
    width, height = size
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.add_init_script(f"({WATCH})()")
    page.goto(url)
    page.locator("#photo").wait_for(state="attached")
    page.wait_for_timeout(500)
    return page


def search(page: Page, photo: Path) -> None:
    """Choose a photo and wait for its results; vectors that were made up are like no photo."""
    page.locator("#photo").set_input_files(photo)
    page.locator(".card, .found .button, .notice .button").first.wait_for()
    anyway = page.get_by_role("button", name="Show the closest anyway")
    if anyway.is_visible():
        anyway.click()
    page.wait_for_function("window.drawn > 0")


def scroll(page: Page, results: int) -> None:
    """Go down until so many results are there, or all."""
    page.mouse.move(800, 500)
    page.wait_for_function(
        f"""() => {{
          scrollTo(0, document.body.scrollHeight);
          const more = document.querySelector(".more-results");
          return more.hidden || document.querySelectorAll(".card").length >= {results};
        }}""",
        timeout=MANY_MS,
        polling=POLLED_MS,
    )


if __name__ == "__main__":
    main()
