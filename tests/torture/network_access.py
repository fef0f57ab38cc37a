"""G21 and G22: addresses that nobody may be sent to, and what keys allow."""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from api.security.access import needed_scope
from api.security.keyring import Keyring
from api.security.rates import Rate, RateLimit
from indexer.sources.addresses import AllowedHosts, host_patterns
from indexer.sources.fetching import Fetcher, FetchLimits
from search_engine.access import SCOPES, new_token
from search_engine.catalog.store import Catalog
from search_engine.errors import RowError
from search_engine.storage.paths import DataPaths
from tests.api.asking import CheckedClient
from tests.api.test_access import OPERATIONS, bearer, make_key
from tests.indexer.sources.test_addresses import PRIVATE, PUBLIC
from tests.shop_server import shop_server
from tests.torture.goals import Goal, Reached, tries
from tests.torture.network_tools import copied

ODD_URLS = (
    "http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/",
    "http://localhost./", "http://[::]/", "http://good@127.0.0.1/", "http://127.0.0.1#@good/",
    "http:\\\\127.0.0.1/", "http://127。0。0。1/", "http://①②⑦.0.0.1/", "http://127.0.0.1:22/",
    "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "data:image/png,",
    "http://metadata.google.internal/", "http://[::1%25lo]/", "http://[fe80::1%25eth0]/",
    "//127.0.0.1/", "http://127.0.0.1\r\nHost: good/", "http://127.0.0.1\t/", "dict://127.0.0.1/",
)  # fmt: skip
WITHIN = 4.5
MATTERS = 0.1
"""From this scale on there are enough measurements for a verdict on timing."""


class _Spy:
    """Sees every connection that this process makes while it looks."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._looks = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._looks and event == "socket.connect":
            self.seen.append(arguments[1])

    def during(self, function: Callable[[], object]) -> None:
        self._looks = True
        try:
            function()
        except RowError:
            pass
        finally:
            self._looks = False


def forbidden_addresses(scale: float, seed: int) -> Reached:
    """Fetch from addresses, and from names and by redirects that lead to them."""
    spy, denied = _Spy(), 0
    urls = [*ODD_URLS, *(_url(each) for each in PRIVATE)]
    with tempfile.TemporaryDirectory() as folder:
        for url in urls:
            spy.during(partial(_fetch, Path(folder), url, None))
            denied += 1
        for address in PRIVATE:
            for answers in ([address], [PUBLIC, address], [address, PUBLIC]):
                spy.during(partial(_fetch, Path(folder), "http://shop.example/a.jpg", answers))
                denied += 1
        connected = len(spy.seen)
        rebinding, redirected = _rebinding(spy, Path(folder)), _redirects(spy, Path(folder))
    figures = (
        f"{denied} addresses and answers of resolvers: {connected} connections; rebinding "
        f"{rebinding}, redirects {redirected} to forbidden addresses"
    )
    return Reached(denied >= 60 and not (connected or rebinding or redirected), figures)


def _url(address: str) -> str:
    return f"http://[{address}]/a.jpg" if ":" in address else f"http://{address}/a.jpg"


def _fetch(folder: Path, url: str, resolved: Sequence[str] | None) -> None:
    resolve = None if resolved is None else lambda host, port: resolved
    hosts = AllowedHosts(host_patterns("*"), resolve)
    with Fetcher(folder, hosts, FetchLimits(10_000, timeout_s=0.5)) as fetcher:
        fetcher.fetch(url)


def _rebinding(spy: _Spy, folder: Path) -> int:
    """A name that is public at first and this machine a moment later."""
    turns = iter([[PUBLIC]] + [["127.0.0.1"]] * 50)
    before = len(spy.seen)
    hosts = AllowedHosts(host_patterns("*"), lambda host, port: next(turns))

    def fetch() -> None:
        hosts.address("shop.example", 80)
        with Fetcher(folder, hosts, FetchLimits(10_000, timeout_s=0.5)) as fetcher:
            fetcher.fetch("http://shop.example/a.jpg")

    spy.during(fetch)
    return len(spy.seen) - before


def _redirects(spy: _Spy, folder: Path) -> int:
    """Connections beyond the shop itself, which may be asked, when it sends on to elsewhere."""
    with shop_server() as shop:
        hosts = AllowedHosts(host_patterns(f"127.0.0.1:{shop.port}, *"))
        before = len(spy.seen)
        with Fetcher(folder, hosts, FetchLimits(10_000, timeout_s=0.5)) as fetcher:
            for path in ("to_metadata", "to_file", "to_itself"):
                spy.during(partial(fetcher.fetch, shop.url(path)))
        seen = spy.seen[before:]
    if not seen:
        raise RuntimeError("no connection was seen, not even the one to the shop")
    return sum(each[1] != shop.port for each in seen)


def keys(scale: float, seed: int) -> Reached:
    """Ask every route with every kind of key, and time how wrong keys are refused."""
    with copied() as data:
        tokens: dict[str, str] = {scope: make_key(data, scope) for scope in SCOPES}
        gaps, asked = [], 0
        with CheckedClient(data) as client:
            client.app.state.bad_keys = RateLimit("bad keys", Rate(10**6, 1))  # type: ignore[attr-defined]
            for method, path, operation in OPERATIONS:
                for sent in (None, "bad", *SCOPES):
                    asked += 1
                    wanted = _wanted(needed_scope(operation, method), sent)
                    headers = {} if sent is None else bearer(tokens.get(sent, str(new_token())))
                    address = path.replace("{c}", "elsewhere").replace("{", "").replace("}", "")
                    status = client.request(method, address, headers=headers).status_code
                    if wanted != (status if status in (401, 403) else None):
                        gaps.append(f"{sent} {method} {path}: {status}")
        value = _welch_t(data, tokens["read"], tries(100_000, scale, 500), seed)
    figures = f"{asked} of routes and keys: {len(gaps)} gaps {gaps[:1]}; timing |t| {value:.1f}"
    return Reached(not gaps and (scale < MATTERS or value < WITHIN), figures)


def _wanted(needed: str | None, sent: str | None) -> int | None:
    """The refusal that a request should get; None for none."""
    if needed is None:
        return None
    order: Sequence[str] = SCOPES
    if sent is None or sent not in order:
        return 401
    return 403 if order.index(sent) < order.index(needed) else None


def _welch_t(data: Path, good: str, pairs: int, seed: int) -> float:
    """Of the times of keys that are nearly right against those that are not at all (dudect).

    Each is another one: of two that are asked for again and again one is slower by where it lies.
    """
    random = np.random.default_rng(seed)
    taken: dict[bool, list[int]] = {True: [], False: []}
    with Catalog(DataPaths(data)) as catalog:
        keyring = Keyring(catalog)
        keyring.refresh()
        for near_first in random.random(pairs) < 0.5:
            wrong = {True: _nearly(good), False: _not_at_all(good)}
            for is_near in (near_first, not near_first):
                started = time.perf_counter_ns()
                keyring.key(wrong[bool(is_near)])
                taken[bool(is_near)].append(time.perf_counter_ns() - started)
    most = float(np.percentile(taken[True] + taken[False], 90))
    one, other = (np.array([each for each in times if each <= most]) for times in taken.values())
    spread = np.sqrt(one.var() / len(one) + other.var() / len(other))
    return float(abs(one.mean() - other.mean()) / spread)


def _nearly(good: str) -> str:
    """A token with another last character."""
    return good[:-1] + ("A" if good[-1] != "A" else "B")


def _not_at_all(good: str) -> str:
    """A token of the same key with another secret."""
    kind, key_id, _ = good.split("_", 2)
    secret = str(new_token()).split("_", 2)[2]
    return f"{kind}_{key_id}_{secret}"


GOALS = [
    Goal(
        "G21",
        "60 addresses, answers of resolvers, rebinding, redirects: 0 forbidden connections",
        forbidden_addresses,
    ),
    Goal("G22", "every route with every kind of key: 0 gaps; timing |t| < 4.5", keys),
]
