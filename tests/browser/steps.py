"""What a reader does on the page, and what is looked at, by the names that tests rely on."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_plus

from playwright.sync_api import expect

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page, Request, Route

SOME_TEXT = re.compile(r"\S")
PHOTO_TITLE = "Closest to your photo"
SLOW_MS = 120_000
"""Jobs begin when a process of their own has started."""

# Builds files from base64, or a text where there is none, and hands them over as a browser would.
HAND_OVER = """([kind, name, base64, count]) => {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const transfer = new DataTransfer();
  const file = () => transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  for (let each = 0; each < count; each += 1) file();
  if (!count) transfer.setData("text/uri-list", name);
  const options = { bubbles: true, cancelable: true };
  document.body.dispatchEvent(kind === "drop"
    ? new DragEvent("drop", { ...options, dataTransfer: transfer })
    : new ClipboardEvent("paste", { ...options, clipboardData: transfer }));
}"""

BEGIN = """() => (document.querySelector("dialog[open] :is(a[href], button:not(:disabled))")
  ?? document.querySelector(".skip-link")).focus()"""
# Where a Tab went: whether it was there before, what it is called, whether it is seen.
STOP = """() => {
  const it = document.activeElement;
  if (it === document.body) return null;
  const was = it.hasAttribute("data-walked");
  it.setAttribute("data-walked", "");
  const box = it.getBoundingClientRect();
  const name = it.getAttribute("aria-label") || it.labels?.[0]?.textContent
    || document.getElementById(it.getAttribute("aria-labelledby"))?.textContent
    || it.querySelector("img")?.alt || it.textContent;
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return { was, html: it.outerHTML.slice(0, 120), named: Boolean(name?.trim()), inside };
}"""
REACHED = "a[href], button, input, select, summary, [tabindex='0']"
# What Tab did not come to; a row that takes the focus along with its controls was come to by them.
LEFT_OUT = f"""() => [...document.querySelectorAll("{REACHED}")]
  .filter((it) => it.tabIndex >= 0 && !it.disabled)
  .filter((it) => it.checkVisibility({{ visibilityProperty: true }}))
  .filter((it) => !document.querySelector("dialog[open]") || it.closest("dialog[open]"))
  .filter((it) => !it.hasAttribute("data-walked") && !it.querySelector("[data-walked]"))
  .map((it) => it.outerHTML.slice(0, 120))"""
MOST_STOPS = 600


class LiveServer(Protocol):
    """A running Eyedex with a small catalog."""

    @property
    def url(self) -> str: ...


class Held:
    """Requests that get no answer until they are let go."""

    def __init__(self, page: Page, pattern: str, method: str = "") -> None:
        self.asked: list[str] = []
        self._method, self._holds = method, True
        self._routes: list[Route] = []
        page.route(pattern, self._hold)

    def let_go(self) -> None:
        self._holds = False
        for route in self._routes:
            route.continue_()
        self._routes = []

    def _hold(self, route: Route) -> None:
        request = route.request
        if self._method and request.method != self._method:
            route.fallback()
            return
        self.asked.append(request.headers.get("idempotency-key", request.url))
        if self._holds:
            self._routes.append(route)
        else:
            route.continue_()


def open_start(page: Page, server: LiveServer) -> None:
    """The page as it opens, with its samples loaded."""
    page.goto(server.url)
    expect(first_sample(page)).to_be_visible()


def choose(page: Page, photo: Path) -> None:
    page.get_by_label("Photo").set_input_files(photo)


def search(page: Page, photo: Path) -> None:
    """Choose a photo and wait for the answer."""
    choose(page, photo)
    show_closest(page)


def open_classify(page: Page, server: LiveServer, photos: list[Path], address: str = "") -> Locator:
    """The rows of photos that were chosen."""
    page.goto(f"{server.url}/classify{address}")
    page.get_by_label("Choose photos").first.set_input_files(photos)
    rows = page.get_by_role("table", name="Photos").locator("tbody tr")
    expect(rows).to_have_count(len(photos))
    return rows


def show_closest(page: Page) -> None:
    """Results, also of a photo that is not much like anything: colors alone tell little of it."""
    expect_answer(page)
    anyway = page.get_by_role("button", name="Show the closest anyway")
    if anyway.is_visible():
        anyway.click()
    expect_results(page)


def expect_answer(page: Page) -> None:
    """Results, or the banner in their place."""
    anyway = page.get_by_role("button", name="Show the closest anyway")
    expect(anyway.or_(hits(page).first)).to_be_visible()


def results(page: Page) -> Locator:
    return page.get_by_role("list", name="Results")


def hits(page: Page) -> Locator:
    return results(page).get_by_role("listitem")


def first_sample(page: Page) -> Locator:
    return page.get_by_role("list", name="Try one of these").get_by_role("link").first


def class_text(page: Page) -> str:
    return page.get_by_role("status", name="Class").inner_text()


def expect_results(page: Page) -> None:
    """Settled: at least one hit, and a class or the reason for none."""
    expect(hits(page).first).to_be_visible()
    expect(results(page)).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("status", name="Class")).to_have_text(SOME_TEXT)


def card_link(page: Page, index: int = 0) -> Locator:
    return hits(page).nth(index).get_by_role("link").first


def shown_labels(page: Page) -> list[str]:
    return results(page).locator(".card-label").all_inner_texts()


def shown_ids(page: Page) -> list[str]:
    links = results(page).locator(".card-link").all()
    found = [re.search(r"[?&]id=([^&]+)", link.get_attribute("href") or "") for link in links]
    return [unquote_plus(match[1]) for match in found if match]


def choices(page: Page, field: str) -> Locator:
    """The values of a filter."""
    return page.get_by_role("group", name=field, exact=True).locator(".choice")


def pick(page: Page, index: int, verb: str) -> None:
    """Like, dislike or compare a result."""
    hits(page).nth(index).hover()
    hits(page).nth(index).get_by_role("button", name=re.compile(f"^{verb}: ")).click()


def hand_over(page: Page, kind: str, photo: Path, count: int = 1) -> None:
    bytes_ = base64.b64encode(photo.read_bytes()).decode()
    page.evaluate(HAND_OVER, [kind, photo.name, bytes_, count])


def overflow_px(page: Page) -> int:
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(width))


def fields_of(request: Request) -> dict[str, Any]:
    """What a request in JSON says."""
    found: dict[str, Any] = request.post_data_json or {}
    return found


def kind_of_question(request: Request) -> str:
    """How a request names the photo it asks about: by itself, or by its token."""
    return "photo" if "multipart/" in request.headers["content-type"] else "token"


def walk(page: Page) -> int:
    """Go through all of a view by Tab; the number of stops, all of them seen and with a name."""
    page.evaluate(BEGIN)
    page.evaluate(STOP)
    for stops in range(1, MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None or stop["was"]:
            left_out = page.evaluate(LEFT_OUT)
            assert left_out == [], left_out
            page.evaluate(
                "document.querySelectorAll('[data-walked]').forEach((it) => "
                "it.removeAttribute('data-walked'))"
            )
            return stops
        assert stop["named"], stop["html"]
        assert stop["inside"], stop["html"]
    raise AssertionError("Tab does not come to an end")
