"""Pictures of every view and state of the page, to be looked at: `make screenshots`.

A catalog is drawn and indexed for it, which takes a minute; `--url` takes a server that runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.browser import steps
from tests.browser.conftest import CHROMIUM_ARGS
from tests.conftest import LARGE_PRODUCTS, draw, index_folder, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LOOKS: dict[str, dict[str, object]] = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "desk-dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "wide": {"viewport": {"width": 1920, "height": 1080}},
    "zoomed": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
    "phone-dark": {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
        "color_scheme": "dark",
    },
}
GERMAN: dict[str, object] = {**LOOKS["desk"], "locale": "de-DE"}
PLACES = {
    "start": ("/", ".sample img"),
    "similar": ("/?item={item}", ".card"),
    "item": ("/item/default?id={item}", "dialog .item-attributes"),
    "catalog": ("/catalog", ".collection-card"),
    "catalog-items": ("/catalog?collection=default&part=items", "tbody img"),
    "catalog-add": ("/catalog?collection=default&part=add", ".catalog-drop"),
    "catalog-jobs": ("/catalog?collection=default&part=jobs", ".job"),
    "review-map": ("/catalog?collection=default&part=review&review=map", ".map-group"),
    "classify": ("/classify", ".catalog-drop"),
    "improve": ("/quality?part=improve", "option"),
    "health": ("/quality?part=health", ".table td"),
}
"""Views by their address alone, and what is there once they are drawn."""
SETTLED_MS = 600
WAITED_MS = 60_000
JOB_MS = 300_000
REVIEWS = {
    "labels": "Look through the labels",
    "outliers": "Look for outliers",
    "map": "Draw the map",
}
PARTS = {"results": "Measure", "health": "Check", "improve": None}
"""What is clicked where nothing was made yet."""
READ_ONLY = {"scope": "read", "collections": None, "anonymous": "read", "read_only": True}
SOMETHING_ELSE = Image.radial_gradient("L").resize((600, 450))

Shoot = Callable[[str], None]


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", help="of a server with a catalog")
    parser.add_argument("--look", choices=LOOKS, help="only this one, in place of all")
    parser.add_argument("--photo", type=Path, help="what to search with")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, served(given, Path(made)) as (url, photo):
        other = Path(made) / "else.jpg"
        SOMETHING_ELSE.save(other)
        with sync_playwright() as playwright:
            chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
            expect.set_options(timeout=WAITED_MS)
            for look, settings in LOOKS.items():
                if given.look in (None, look):
                    shoot_look(browser, look, settings, url, (photo, other), given.folder)
            shoot_german(browser, url, given.folder)
    print(f"{len(list(given.folder.glob('*.png')))} pictures in {given.folder}")


@contextmanager
def served(given: argparse.Namespace, made: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server, and a photo to search with."""
    if given.url:
        yield given.url, given.photo
        return
    draw(made / "sample", LARGE_PRODUCTS)
    index_folder(made / "sample" / "catalog.csv", made / "data")
    with serve(made / "data") as server:
        yield server.url, given.photo or min((made / "sample" / "shopper").rglob("*.jpg"))


def shoot_look(
    browser: Browser,
    look: str,
    settings: dict[str, object],
    url: str,
    photos: tuple[Path, Path],
    folder: Path,
) -> None:
    """All states in one look."""
    context = browser.new_context(reduced_motion="reduce", **settings)  # type: ignore[arg-type]
    page = context.new_page()

    def shoot(state: str) -> None:
        page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=folder / f"{state}-{look}.png")

    shoot_search(page, url, photos, shoot)
    shoot_items(page, shoot)
    shoot_owner(page, url, photos, shoot)
    shoot_problems(page, url, shoot)
    context.close()


def shoot_german(browser: Browser, url: str, folder: Path) -> None:
    """The views in another language; what they show was made before."""
    context = browser.new_context(reduced_motion="reduce", **GERMAN)  # type: ignore[arg-type]
    page = context.new_page()
    items = page.request.get(f"{url}/v1/collections/default/items?limit=1").json()["items"]
    for state, (path, drawn) in PLACES.items():
        page.goto(url + path.format(item=items[0]["item_id"]))
        expect(page.locator(drawn).first).to_be_attached()
        page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=folder / f"{state}-german.png", full_page=True)
    context.close()


def shoot_search(page: Page, url: str, photos: tuple[Path, Path], shoot: Shoot) -> None:
    """From the start to results, filters and what is not found."""
    photo, other = photos
    page.goto(url)
    expect(steps.first_sample(page)).to_be_visible()
    shoot("start")
    steps.choose(page, other)
    steps.expect_answer(page)
    shoot("nothing-alike")
    page.get_by_role("link", name="Eyedex").click()
    shoot("start-again")
    steps.search(page, photo)
    shoot("results")
    page.get_by_text("Why?").click()
    shoot("why")
    if page.get_by_role("button", name="Filters").is_visible():
        page.get_by_role("button", name="Filters").click()
        shoot("filters")
        page.keyboard.press("Escape")
    page.get_by_role("button", name="More", exact=True).click()
    shoot("more")
    page.keyboard.press("Escape")
    photo_address = page.url
    page.goto(f"{page.url.partition('/?')[0]}/?q=backpack")
    expect(steps.hits(page).first).to_be_visible()
    shoot("words")
    page.goto(photo_address)
    steps.expect_results(page)
    where = quote(json.dumps({"color": {"any": ["teal"]}, "view": {"any": ["none"]}}))
    page.goto(f"{page.url}&where={where}")
    expect(page.get_by_role("heading", name="No results")).to_be_visible()
    shoot("no-match")
    page.go_back()
    steps.show_closest(page)


def shoot_items(page: Page, shoot: Shoot) -> None:
    """An item, the tray, items side by side."""
    steps.card_link(page).click()
    page.get_by_role("button", name="Why this match").click()
    page.wait_for_timeout(SETTLED_MS * 4)
    shoot("item")
    page.keyboard.press("Escape")
    for index, verb in enumerate(("Like", "Dislike", "Compare", "Compare")):
        card = steps.hits(page).nth(index)
        card.get_by_role("button", name=f"{verb}: ").first.evaluate("(button) => button.click()")
    shoot("tray")
    page.get_by_role("button", name="Compare 2").click()
    shoot("compare")
    page.keyboard.press("Escape")


def shoot_owner(page: Page, url: str, photos: tuple[Path, Path], shoot: Shoot) -> None:
    """The views of owners; what jobs make is made once, by the first look."""
    for state in ("catalog", "catalog-items", "catalog-add"):
        path, drawn = PLACES[state]
        page.goto(url + path)
        expect(page.locator(drawn).first).to_be_visible()
        shoot(state)
    page.goto(f"{url}/classify")
    expect(page.get_by_text("Drop photos or a folder here")).to_be_visible()
    shoot("classify-start")
    page.get_by_label("Choose photos").first.set_input_files(
        [*sorted(photos[0].parent.glob("*.jpg"))[:12], photos[1]]
    )
    shoot("classify-running")
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=JOB_MS)
    page.get_by_role("table", name="Photos").get_by_role("combobox").nth(1).press("Enter")
    shoot("classify-corrected")
    for review, button in REVIEWS.items():
        page.goto(f"{url}/catalog?collection=default&part=review&review={review}")
        begun = page.get_by_role("button", name=button)
        made = page.get_by_text("Looked at")
        expect(begun.or_(made).first).to_be_visible()
        page.wait_for_timeout(SETTLED_MS)
        if not made.is_visible():
            shoot(f"review-{review}-start")
            begun.click()
            shoot(f"review-{review}-job")
        expect(made).to_be_visible(timeout=JOB_MS)
        shoot(f"review-{review}")
    page.get_by_role("button", name="Choose ").first.click()
    shoot("review-map-chosen")
    for part, first in PARTS.items():
        page.goto(f"{url}/quality?part={part}")
        page.wait_for_timeout(SETTLED_MS * 2)
        begun = page.get_by_role("button", name=first or "", exact=True)
        if first and begun.is_visible():
            shoot(f"quality-{part}-start")
            begun.click()
            expect(page.get_by_role("list", name="Jobs")).to_be_hidden(timeout=JOB_MS)
        shoot(f"quality-{part}")
    page.goto(url + PLACES["catalog-jobs"][0])
    expect(page.get_by_role("list", name="Jobs")).to_be_visible()
    shoot("catalog-jobs")
    page.route("**/v1/access", lambda route: route.fulfill(json=READ_ONLY))
    page.goto(f"{url}/quality")
    expect(page.get_by_role("alert")).to_be_visible()
    shoot("quality-read-only")
    page.unroute("**/v1/access")


def shoot_problems(page: Page, url: str, shoot: Shoot) -> None:
    """What is shown where something is not there."""
    page.goto(url)
    steps.first_sample(page).click()
    steps.expect_results(page)
    page.context.set_offline(True)
    page.get_by_role("button", name="Group by product").click()
    expect(page.get_by_role("alert")).to_be_visible()
    shoot("offline")
    page.context.set_offline(False)
    page.goto(f"{url}/?photo=elsewhere")
    shoot("photo-gone")
    page.goto(f"{url}/?item=no-such-item")
    expect(page.get_by_role("alert")).to_be_visible()
    shoot("item-gone")
    page.route("**/v1/collections", lambda route: route.fulfill(json={"collections": []}))
    page.goto(url)
    shoot("empty")
    page.route("**/search", lambda route: None)
    page.unroute("**/v1/collections")
    page.goto(f"{url}/?like=x")
    shoot("loading")


if __name__ == "__main__":
    main()
