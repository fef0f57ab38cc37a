"""G23: texts that try to run as scripts, in every field of every answer that the page draws.

Views are opened with a payload in the place of the texts of all answers: in those that say nothing
about how a view goes on, in all, and in refusals; then with payloads in the address, as names of
files, and in a catalog that really has them. The Content-Security-Policy is set aside for that, as
it would stop what the page should not let through in the first place; it holds for the last.
"""

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from api.client import Client
from tests.api.asking import HEADERS
from tests.browser.conftest import CHROMIUM_ARGS
from tests.browser.payloads import NAIVE, PAYLOADS, plain
from tests.images.pictures import jpeg
from tests.torture.campaign import workplace
from tests.torture.goals import Goal, Reached, tries

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Response, Route

CATALOG = "/catalog?collection={collection}&part="
VIEWS = (
    "/?collection={collection}", "/?collection={collection}&item={item}&group=off",
    "/?collection={collection}&item={item}&compare={item}&compare={other}",
    "/item/{collection}?id={item}", "/catalog", f"{CATALOG}items", f"{CATALOG}items&as=grid",
    f"{CATALOG}add", f"{CATALOG}jobs", f"{CATALOG}review&review=labels",
    f"{CATALOG}review&review=outliers", f"{CATALOG}review&review=map",
    f"{CATALOG}review&review=duplicates", "/classify", "/quality?collection={collection}",
    "/quality?collection={collection}&part=improve", "/quality?part=health", "/docs",
)  # fmt: skip
SPOKEN = (
    "/?collection={0}", "/?item={0}", "/?q={0}", "/?item=x&label={0}&sort={0}", "/?photo={0}",
    "/?like={0}&unlike={0}&compare={0}", "/?item=x&where={{{0}:{{\"any\":[{0}]}}}}",
    "/item/{0}?id={0}", "/item/default?id={0}", "/catalog?collection={0}&part={0}",
    "/catalog?collection=default&part=items&q={0}&filter={0}&label={0}&sort={0}",
    "/classify?collection={0}&order={0}&show={0}", "/quality?collection={0}&part={0}&run={0}",
)  # fmt: skip
"""Addresses that have a text of somebody else in them."""
KNOWN = ("name", "description", "price", "url", "link", "brand")
"""Names of attributes that the page looks for."""
MODES = ("texts", "all", "refused")
GUIDING = frozenset(("name", "collection", "kind", "encoder", "code", "id", "state", "field"))
"""Keys of texts that decide what a view draws; they are left as they are in the first mode."""
NAMED = frozenset(("attributes", "reasons", "counts", "params", "facets", "parameters"))
"""Keys of what has names of somebody else, too."""
FIRST = ("/v1/access", "/v1/collections", "/readyz", "/healthz")
"""What a view has to hear before it asks for more: never refused here."""
KEPT = re.compile(r"\d{4}-\d\d-\d\d(T.*)?|done|failed|running|queued|cancelled|read|write|admin")
AT_ONCE, SETTLED_MS = 6, 120_000
MARK = re.compile(r"\bf(\d+);")
"""What is behind a payload; of a label only what follows its last slash may be shown."""
LOOK = r"""() => {
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
  const odd = "iframe, object, embed, base, math, template, image, audio, style, script:not([src])";
  const isOdd = (it) => it.matches(odd) || it.getAttributeNames().some((name) =>
    name.startsWith("on") || /^\s*(javascript|vbscript|data:text)/i.test(it.getAttribute(name))
      && /href|src$|action|data$/.test(name));
  return {
    odd: [...document.querySelectorAll("*")].filter(isOdd).map((it) => it.outerHTML.slice(0, 120)),
    text: document.documentElement.outerHTML + [...document.querySelectorAll("input, textarea")]
      .map((it) => it.value).join(" "),
    broken: window.brokenPolicies,
  };
}"""
WATCH = """window.alert = (text) => noteRun(String(text));
window.brokenPolicies = [];
addEventListener("securitypolicyviolation", (event) => window.brokenPolicies.push(
  `${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`));"""
ROUSE = """async () => {
  for (const it of document.querySelectorAll("*")) {
    if (it.matches("a") && !String(it.href.baseVal ?? it.href).startsWith("javascript:")) continue;
    for (const kind of ["mouseover", "focus"]) it.dispatchEvent(new Event(kind));
    it.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    if (it.matches("a, button")) await new Promise((done) => setTimeout(done, 20));
  }
}"""
"""Point at and click all that may run; a link is given time, as the next one would stop it."""


@dataclass
class Seen:
    """What was seen of the page."""

    loads: int = 0
    answers: int = 0
    drawn: set[str] = field(default_factory=set)
    """Names of the fields whose text came into the page."""
    ran: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.ran or self.odd or self.broken or self.bare)

    def told(self) -> str:
        """The figures in words."""
        wrong = [*self.ran, *self.odd, *self.broken, *self.bare][:3]
        return (
            f"{self.loads:,} loads, {len(self.drawn)} fields drawn: {len(self.ran)} ran, "
            f"{len(self.odd)} became markup, {len(self.broken)} broke the policy; of "
            f"{self.answers:,} answers {len(self.bare)} without headers {wrong or ''}".rstrip()
        )


class Spoiler:
    """Puts payloads in the place of texts in the answers that a page gets, from one on."""

    def __init__(self, first: int, mode: str, fields: list[str]) -> None:
        self._first, self._mode, self._fields = first, mode, fields

    def __call__(self, route: "Route") -> None:
        """Answer a request of the page."""
        if "/events" in route.request.url:
            route.abort()
            return
        answer = route.fetch(max_retries=3)  # a connection that was kept may be closed by then
        path = route.request.url.partition("?")[0].partition("/v1/")[2]
        if "json" not in answer.headers.get("content-type", ""):
            route.fulfill(response=answer)
        elif self._mode == "refused" and not route.request.url.endswith(FIRST):
            problem = {"status": 422, "code": "bad_json", "title": "", "detail": "", "fix": ""}
            route.fulfill(response=answer, status=422, json=self.spoilt(problem, "problem"))
        else:
            route.fulfill(
                response=answer, json=self.spoilt(answer.json(), "/".join(path.split("/")[::2]))
            )

    def spoilt(self, value: Any, name: str, at: int = 0) -> Any:
        """What is told in a field, with payloads in it; `at` counts the places of lists."""
        if isinstance(value, list):
            return [self.spoilt(one, f"{name}[]", at + n) for n, one in enumerate(value)]
        if isinstance(value, dict):
            told = {key: self.spoilt(one, f"{name}.{key}", at) for key, one in value.items()}
            if name.rpartition(".")[2] in NAMED:
                told[self._payload(f"{name}.*", at)] = self._payload(f"{name}.*", at)
            return told
        *above, last = name.replace("[]", "").split(".")
        is_left = self._mode == "texts" and last in GUIDING and "attributes" not in above
        if not isinstance(value, str) or is_left or KEPT.fullmatch(value):
            return value
        return self._payload(name, at)

    def _payload(self, name: str, at: int) -> str:
        if name not in self._fields:
            self._fields.append(name)
        text = PAYLOADS[(self._first + at) % len(PAYLOADS)]
        return f"{text}//f{self._fields.index(name)};"


def draw(scale: float, seed: int) -> Reached:
    """Open all views with payloads everywhere."""
    if missing := _missing():
        return Reached(True, f"not measured: {missing}")
    rounds = tries(len(PAYLOADS), scale)
    with _prepared() as (url, item, other), opened_browser() as browser:
        views = [each.format(collection="hostile", item=item, other=other) for each in VIEWS]
        seen, inert = Seen(), not_run(browser)
        for number in range(rounds):
            spoil(browser, url, views, (seed + number) % len(PAYLOADS), seen)
        speak(browser, url, tries(len(PAYLOADS), scale, 2), seen)
        hand_over(browser, url, seen)
        plainly = use(browser, url, [*views, *_real_views(url)])
    figures = f"{len(PAYLOADS)} payloads, {len(inert)} never run; {seen.told()}; with the policy "
    is_good = seen.is_good and plainly.is_good and not inert and bool(seen.drawn)
    return Reached(is_good, figures + plainly.told())


def _missing() -> str:
    for name in ("playwright", "openTSNE"):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed"
    is_there = os.environ.get("CHROMIUM") or shutil.which("chromium")
    return "" if is_there else "no chromium on the PATH, and CHROMIUM is not set"


@contextmanager
def opened_browser() -> "Iterator[Browser]":
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@contextmanager
def _prepared() -> Iterator[tuple[str, str, str]]:
    """The address of a server with hostile texts and all that jobs make of them; two items."""
    from tests.browser.reviewed_data import look_through
    from tests.conftest import draw as draw_sample
    from tests.conftest import index_folder, serve

    folder = Path(mkdtemp(prefix="page-", dir=workplace()))
    draw_sample(folder / "sample")
    index_folder(folder / "sample" / "catalog.csv", folder / "hsv", encoder="hsv")
    look_through(folder / "made", folder / "hsv", folder / "sample")
    titled = folder / "page.toml"
    titled.write_text(f"[page]\ntitle = {json.dumps(PAYLOADS[1])}\n")
    with serve(folder / "made" / "data", env={"EYEDEX_PAGE": str(titled)}) as server:
        yield server.url, "h-1", "h-2"


def not_run(browser: "Browser") -> list[str]:
    """Payloads that do not even run where texts are put in as markup."""
    seen, inert = Seen(), []
    with _context(browser, seen, bypass_csp=True) as context:
        for payload in PAYLOADS:
            page, before = context.new_page(), len(seen.ran)
            page.set_content(NAIVE.format(payload), wait_until="load")
            page.evaluate(ROUSE)
            page.wait_for_timeout(50)
            if len(seen.ran) == before:
                inert.append(payload)
            page.close()
    return inert


def spoil(browser: "Browser", url: str, views: Sequence[str], first: int, seen: Seen) -> None:
    """Open views with payloads in all answers, in each mode."""
    for mode in MODES:
        fields: list[str] = []
        with _context(browser, seen, bypass_csp=True) as context:
            context.route("**/v1/**", Spoiler(first, mode, fields))
            for text in _loaded(context, [url + view for view in views], seen):
                found = {int(number) for number in MARK.findall(text)}
                seen.drawn.update(name for at, name in enumerate(fields) if at in found)


def speak(browser: "Browser", url: str, count: int, seen: Seen) -> None:
    """Open addresses with payloads in them."""
    asked = [
        url + spoken.format(quote(json.dumps(text) if "where" in spoken else text, safe=""))
        for text in PAYLOADS[:count]
        for spoken in SPOKEN
    ]
    with _context(browser, seen, bypass_csp=True) as context:
        _loaded(context, asked, seen)


def hand_over(browser: "Browser", url: str, seen: Seen) -> None:
    """Choose photos and tables whose names are payloads, wherever files can be chosen."""
    photo = jpeg()
    files: Any = [{"name": text, "mimeType": "image/jpeg", "buffer": photo} for text in PAYLOADS]
    with _context(browser, seen, bypass_csp=True) as context:
        for view in ("/", "/classify", "/catalog?collection=default&part=add"):
            page = context.new_page()
            page.goto(url + view, wait_until="networkidle")
            chooser = page.locator("input[type=file]").first
            is_many = chooser.get_attribute("multiple") is not None
            chooser.set_input_files(files if is_many else files[1])
            page.wait_for_load_state("networkidle", timeout=SETTLED_MS)
            _look(page, seen)
            page.close()


def use(browser: "Browser", url: str, views: Sequence[str]) -> Seen:
    """Open views as they are, of items that have payloads everywhere, with the policy."""
    seen = Seen()
    with _context(browser, seen) as context:
        _loaded(context, [url + view for view in views], seen)
    return seen


def _real_views(url: str) -> list[str]:
    """Views of items that are added with payloads in all that can be told of them."""
    bare = [plain(text.replace("/", "|")) for text in PAYLOADS]  # as ids and labels have to be
    names = [f"{number}{text}" for number, text in enumerate(bare)]
    with Client(url, collection="default") as client:
        for number, text in enumerate(PAYLOADS):
            known: dict[str, Any] = dict.fromkeys(KNOWN, text)
            nameable = plain(re.sub(r"[\"'\\]", "", text))
            client.put_item(
                names[number], jpeg(), label=bare[number],
                product_id=plain(text), attributes={**known, f"{number} {nameable}": text},
            )  # fmt: skip
    ids = [quote(name, safe="") for name in names]
    return [f"/item/default?id={each}&item={ids[0]}&group=off" for each in ids] + [
        f"/catalog?collection=default&part=items{rest}" for rest in ("", "&as=grid", "&q=alert")
    ]


@contextmanager
def _context(browser: "Browser", seen: Seen, **options: Any) -> "Iterator[BrowserContext]":
    """A fresh profile whose pages tell what ran and what was answered."""
    context = browser.new_context(reduced_motion="reduce", **options)
    context.expose_function("noteRun", lambda text: seen.ran.append(text))
    context.add_init_script(WATCH)

    def on_response(response: "Response") -> None:
        if response.url.startswith("http"):
            seen.answers += 1
            told = response.headers
            seen.bare += [
                f"{name} of {response.url}" for name in HEADERS if told.get(name) != HEADERS[name]
            ]

    context.on("response", on_response)
    try:
        yield context
    finally:
        context.unroute_all(behavior="ignoreErrors")  # what pages ask for as they go
        context.close()


def _loaded(context: "BrowserContext", addresses: Sequence[str], seen: Seen) -> list[str]:
    """Open addresses, some at once; what each page holds once it has settled."""
    texts = []
    for first in range(0, len(addresses), AT_ONCE):
        pages = []
        for address in addresses[first : first + AT_ONCE]:
            pages.append(context.new_page())
            pages[-1].goto(address, wait_until="commit")
        for page in pages:
            page.wait_for_load_state("networkidle", timeout=SETTLED_MS)
            texts.append(_look(page, seen))
            page.close()
    return texts


def _look(page: "Page", seen: Seen) -> str:
    """Note what of a page is not as it should be; gives all of its text and markup."""
    found = page.evaluate(LOOK)
    seen.loads += 1
    seen.odd += found["odd"]
    seen.broken += found["broken"] or []
    return str(found["text"])


GOALS = [
    Goal(
        "G23",
        "40 payloads x every field that the page draws: 0 run, 0 broken policies, security headers "
        "on all answers",
        draw,
    )
]
