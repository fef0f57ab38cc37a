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
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.browser import steps
from tests.browser.conftest import CHROMIUM_ARGS
from tests.conftest import LARGE_PRODUCTS, draw, index_folder, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Shoot = Callable[[str], None]
Settings = dict[str, object]
Look = tuple[int, int, Literal["light", "dark"]]

DESK: Settings = {"viewport": {"width": 1280, "height": 900}}
PHONE: Settings = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}
"""What everything is done on, one after the other."""
LOOKS: dict[str, dict[str, Look]] = {
    "desk": {
        "desk": (1280, 900, "light"),
        "desk-dark": (1280, 900, "dark"),
        "wide": (1920, 1080, "light"),
        "zoomed": (640, 450, "light"),
    },
    "phone": {"phone": (360, 740, "light"), "phone-dark": (360, 740, "dark")},
}
"""How each state is looked at: width, height, colours. Zoomed is 1280 pixels at 200 %."""
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
WAITED_MS = 60_000
SETTLED = """() => new Promise((settled) => {
  const seen = ({ top, bottom }) => top < innerHeight && bottom > 0;
  const look = () => [...document.images].every(
    (each) => each.complete || !each.checkVisibility() || !seen(each.getBoundingClientRect()),
  ) ? requestAnimationFrame(() => requestAnimationFrame(settled)) : setTimeout(look, 50);
  look();
})"""
"""Once the pictures in sight are there and drawn."""
JOB_MS = 300_000
REVIEWS = {
    "labels": "Look through the labels",
    "outliers": "Look for outliers",
    "map": "Draw the map",
}
PARTS = {
    "results": ("Measure", ".headline-value"),
    "health": ("Check", ".stack-tight .numbers"),
    "improve": ("", "form select, .panel select"),
}
"""What is clicked where nothing was made yet, and what is there afterwards."""
READ_ONLY = {"scope": "read", "collections": None, "anonymous": "read", "read_only": True}
SOMETHING_ELSE = Image.radial_gradient("L").resize((600, 450))


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", help="of a server with a catalog")
    parser.add_argument("--on", choices=[*LOOKS, "german"], help="only these, in place of all")
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
            for device, settings in (("desk", DESK), ("phone", PHONE)):
                if given.on in (None, device):
                    looks = LOOKS[device]
                    shoot_all(browser, settings, looks, url, (photo, other), given.folder)
            if given.on in (None, "german"):
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


def shoot_all(
    browser: Browser,
    settings: Settings,
    looks: dict[str, Look],
    url: str,
    photos: tuple[Path, Path],
    folder: Path,
) -> None:
    """All states, each in some looks."""
    context = browser.new_context(reduced_motion="reduce", **settings)  # type: ignore[arg-type]
    page = context.new_page()
    shoot = shooter(page, looks, folder)
    shoot_search(page, url, photos, shoot)
    shoot_items(page, shoot)
    shoot_owner(page, url, photos, shoot)
    shoot_problems(page, url, shoot)
    context.close()


def shooter(page: Page, looks: dict[str, Look], folder: Path) -> Shoot:
    """What takes pictures of a page as it is, and leaves it as it was."""
    first = next(iter(looks))

    def turn_to(look: str) -> None:
        width, height, colors = looks[look]
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=colors)

    def shoot(state: str) -> None:
        for look in looks:
            turn_to(look)
            page.evaluate(SETTLED)
            page.screenshot(path=folder / f"{state}-{look}.png")
        turn_to(first)

    return shoot


def shoot_german(browser: Browser, url: str, folder: Path) -> None:
    """The views in another language; what they show was made before."""
    for device, settings in (("german", DESK), ("german-phone", PHONE)):
        german: Settings = {**settings, "locale": "de-DE", "reduced_motion": "reduce"}
        context = browser.new_context(**german)  # type: ignore[arg-type]
        page = context.new_page()
        items = page.request.get(f"{url}/v1/collections/default/items?limit=1").json()["items"]
        for state, (path, drawn) in PLACES.items():
            page.goto(url + path.format(item=items[0]["item_id"]))
            expect(page.locator(drawn).first).to_be_attached()
            page.evaluate(SETTLED)
            page.screenshot(path=folder / f"{state}-{device}.png")
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
    expect(page.locator(".heat")).to_be_visible()
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
    shoot_reviews(page, url, shoot)
    shoot_quality(page, url, shoot)


def shoot_reviews(page: Page, url: str, shoot: Shoot) -> None:
    """What looks wrong, and the map."""
    for review, button in REVIEWS.items():
        address = f"{url}/catalog?collection=default&part=review&review={review}"
        page.goto(address, wait_until="networkidle")
        begun = page.get_by_role("button", name=button)
        made = page.get_by_text("Looked at")
        expect(begun.or_(made).first).to_be_visible()
        if not made.is_visible():
            shoot(f"review-{review}-start")
            begun.click()
            expect(page.get_by_role("list", name="Jobs")).to_be_visible()
            shoot(f"review-{review}-job")
        expect(made).to_be_visible(timeout=JOB_MS)
        shoot(f"review-{review}")
    page.get_by_role("button", name="Choose ").first.click()
    shoot("review-map-chosen")


def shoot_quality(page: Page, url: str, shoot: Shoot) -> None:
    """How good it is, whether all is well, and the jobs that told it."""
    for part, (button, found) in PARTS.items():
        page.goto(f"{url}/quality?part={part}", wait_until="networkidle")
        expect(page.get_by_role("heading", name="Quality")).to_be_visible()
        begun = page.get_by_role("button", name=button, exact=True)
        made = page.locator(found).first
        expect(begun.or_(made).first).to_be_visible()
        if button and begun.is_visible() and not made.is_visible():
            shoot(f"quality-{part}-start")
            begun.click()
        expect(page.locator(found).first).to_be_visible(timeout=JOB_MS)
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
    expect(page.get_by_role("alert")).to_be_visible()
    shoot("photo-gone")
    page.goto(f"{url}/?item=no-such-item")
    expect(page.get_by_role("alert")).to_be_visible()
    shoot("item-gone")
    page.route("**/v1/collections", lambda route: route.fulfill(json={"collections": []}))
    page.goto(url)
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    shoot("empty")
    page.route("**/search", lambda route: None)
    page.unroute("**/v1/collections")
    items = page.request.get(f"{url}/v1/collections/default/items?limit=1").json()["items"]
    page.goto(f"{url}/?like={items[0]['item_id']}")
    expect(page.locator(".found .skeleton").first).to_be_visible()
    shoot("loading")


if __name__ == "__main__":
    main()
