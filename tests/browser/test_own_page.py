"""The page made one's own: in German, in a frame of a shop, over plain http in a local network."""

from __future__ import annotations

import http.server
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import steps
from tests.browser.test_looks import findings
from tests.conftest import copy_data, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Frame, Page

    from tests.conftest import LiveServer

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

SETTINGS = """
[page]
title = "Fox & Sons"
accent = "#8a2be2"
currency = "EUR"
language = "de"
attributes = ["color", "price"]
embed = ["{site}"]
"""
SHOP = """<!doctype html><title>A shop</title>
<script>
  const heard = [];
  addEventListener("message", ({{ data }}) => heard.push(data));
</script>
<iframe src="{address}" width="1000" height="700"></iframe>"""
ENGLISH = ("Filters", "Closest", "Similar", "photo", "Search", "results", "Catalog", "Show", "Why")
UNTRUSTED = "origin was untrustworthy"
"""What Chromium says of a header that has no effect over plain http."""


def own_address() -> str:
    """The address of this machine in its network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent
        return str(probe.getsockname()[0])


class _Site(http.server.BaseHTTPRequestHandler):
    address = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(SHOP.format(address=self.address).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def own(
    tmp_path_factory: pytest.TempPathFactory, hsv_data: Path, site: str
) -> Iterator[LiveServer]:
    """A server with settings for the page, that the local network reaches."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "page.toml").write_text(SETTINGS.format(site=site), encoding="utf-8")
    names = f"127.0.0.1,{own_address()}"
    env = {"EYEDEX_PAGE": str(folder / "page.toml"), "EYEDEX_ALLOWED_HOSTS": names}
    data = copy_data(hsv_data, folder / "data")
    with serve(data, "--host", "0.0.0.0", "--insecure", env=env) as server:
        yield server


def choose_and_show(page: Page, photo: Path) -> None:
    """As `steps.search`, in German."""
    page.get_by_label("Foto", exact=True).set_input_files(photo)
    anyway = page.get_by_role("button", name="Die ähnlichsten trotzdem zeigen")
    expect(anyway.or_(german_hits(page).first)).to_be_visible()
    if anyway.is_visible():
        anyway.click()
    expect(german_hits(page).first).to_be_visible()


def german_hits(page: Page | Frame) -> Any:
    return page.get_by_role("list", name="Ergebnisse").get_by_role("listitem")


@pytest.mark.parametrize("width", [360, 1280])
def test_in_german(page: Page, own: LiveServer, shopper_photo: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(own.url)
    expect(page).to_have_title("Fox & Sons")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("list", name="Zum Ausprobieren").locator("img").first).to_be_visible()
    assert findings(page) == []
    choose_and_show(page, shopper_photo)
    assert page.locator(".card-price").first.inner_text().endswith(",90 €".replace(" ", "\xa0"))
    shown = page.locator("body").inner_text()
    assert [word for word in ENGLISH if word in shown] == []
    assert steps.overflow_px(page) <= 0
    if width == 1280:
        fields = page.locator(".filters-fields legend")
        expect(fields).to_have_text(["color", "price", "Farben im Bild"])
    page.get_by_text("Warum?").click()
    assert findings(page) == []
    page.locator(".card-link").first.click()
    names = page.get_by_role("dialog").locator("dt")
    expect(names).to_have_text(["color", "price", "Produkt", "Nummer"])
    assert findings(page) == []


def test_the_catalog_in_german(page: Page, own: LiveServer) -> None:
    for part in ("", "?collection=default", "?collection=default&part=add"):
        page.goto(f"{own.url}/catalog{part}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert findings(page) == [], part
        assert steps.overflow_px(page) <= 0, part


def test_the_accent_is_that_of_the_owner(page: Page, own: LiveServer) -> None:
    page.goto(own.url)
    button = page.locator(".dropzone .button-primary").last
    expect(button).to_be_visible()
    assert button.evaluate("(it) => getComputedStyle(it).backgroundColor") == "rgb(138, 43, 226)"


def test_in_a_frame_of_a_site_that_is_named(page: Page, own: LiveServer, site: str) -> None:
    _Site.address = f"{own.url}/?embed=1"
    page.goto(site)
    frame = page.frames[1]
    frame.get_by_role("list", name="Zum Ausprobieren").get_by_role("link").first.click()
    expect(german_hits(frame).first).to_be_visible()
    expect(frame.locator(".topbar")).to_be_hidden()
    assert "embed=1" in frame.evaluate("location.search")
    german_hits(frame).first.get_by_role("link").first.click()
    expect(frame.get_by_role("dialog")).to_be_in_viewport()
    heard = page.evaluate("heard")
    heights = [each["height"] for each in heard if each["type"] == "eyedex:height"]
    assert heights[-1] > 700
    [clicked] = [each for each in heard if each["type"] == "eyedex:item"]
    assert clicked["collection"] == "default"
    assert frame.evaluate("new URLSearchParams(location.search).get('id')") == clicked["item_id"]


@pytest.mark.allows_console("frame-ancestors")
@pytest.mark.allows_console("Failed to load")
def test_not_in_a_frame_otherwise(page: Page, own: LiveServer, site: str) -> None:
    for path in ("/", "/catalog?embed=1"):
        _Site.address = f"{own.url}{path}"
        page.goto(site)
        page.wait_for_load_state("networkidle")
        assert page.frames[1].url.startswith("chrome-error:"), path


@pytest.mark.allows_console(UNTRUSTED)
def test_over_plain_http_in_a_local_network(
    page: Page, own: LiveServer, shopper_photo: Path
) -> None:
    """Where browsers hold back what they call powerful features."""
    address = own.url.replace("127.0.0.1", own_address())
    page.goto(address)
    if page.evaluate("isSecureContext"):
        pytest.skip("this machine has no address but its own")
    choose_and_show(page, shopper_photo)
    page.reload()
    expect(page.get_by_role("img", name="Ihr Foto")).to_be_visible()
    page.get_by_role("button", name="Die ähnlichsten trotzdem zeigen").click()
    page.locator(".card-link").first.click()
    page.get_by_role("button", name="Link kopieren").click()
    expect(page.get_by_role("button", name="Kopiert")).to_be_visible()
    page.goto(f"{address}/catalog")
    page.get_by_label("Neue Sammlung").fill("local")
    page.get_by_role("button", name="Anlegen").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Dateien wählen").click()
    chooser.value.set_files(shopper_photo)
    expect(page.get_by_role("heading", name="Hochgeladen")).to_be_visible()
