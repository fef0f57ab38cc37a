"""Fetch pictures by their addresses and keep them for the next run.

A picture is kept below the data directory with the validators that its server sent, so that the
next run asks whether it has changed (RFC 9110, conditional requests) instead of fetching it again.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from httpcore2 import ConnectionPool, NetworkError, ProtocolError, Response, TimeoutException

from indexer.sources.addresses import AllowedHosts
from indexer.sources.buckets import BUCKETS, fetch_stored
from indexer.sources.connections import CheckedBackend, Deadline
from indexer.sources.kept import keep, read_note
from search_engine.errors import RowError
from search_engine.plain_numbers import is_digits

MAX_REDIRECTS = 3
ATTEMPTS = 3
BACK_OFF_S = 0.5
"""Pause before the second attempt; it doubles, and a server may ask for up to MAX_PAUSE_S."""
MAX_PAUSE_S = 10.0
VALIDATORS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
AGAIN = frozenset({429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = (("User-Agent", "eyedex"), ("Accept", "image/*"), ("Accept-Encoding", "identity"))
BINARY = ("application/octet-stream", "binary/octet-stream", "")
"""Content types that servers send for unknown files; the picture's bytes decide then."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of one picture: its bytes, and the seconds of one attempt."""

    max_bytes: int
    timeout_s: float = 10.0


class _AgainError(Exception):
    """The request may be repeated, perhaps after a pause that the server asks for."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class Fetcher:
    """Fetch pictures into a folder. Thread-safe."""

    connections = 16
    """At most so many are open, and as many threads are of use."""

    def __init__(self, folder: Path, hosts: AllowedHosts, limits: FetchLimits) -> None:
        self._folder = folder
        self._hosts = hosts
        self._limits = limits
        self._deadline = Deadline()
        self._pool = ConnectionPool(
            max_connections=self.connections,
            keepalive_expiry=5.0,
            network_backend=CheckedBackend(hosts, self._deadline),
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def kept(self, url: str) -> Path | None:
        """Return the stored picture of an address; None if it was never fetched."""
        path = self._path(url)
        return path if path.exists() else None

    def fetch(self, url: str) -> Path:
        """Return the current picture of an address, on the web or in a bucket (`s3://`, `gs://`).

        Raises:
            RowError: `url_denied` or `fetch_failed`, with the reason.
        """
        if url.lower().startswith(BUCKETS):
            self._hosts.bucket(url)
            return fetch_stored(url, self._path(url), self._limits.max_bytes)
        pause = BACK_OFF_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._fetch(url)
            except _AgainError as error:
                if attempt == ATTEMPTS:
                    raise RowError("fetch_failed", f"{error}, {ATTEMPTS} times: {url}") from None
                time.sleep(min(MAX_PAUSE_S, pause if error.pause_s is None else error.pause_s))
                pause *= 2
        raise AssertionError("the last attempt raises or returns")

    def _fetch(self, url: str) -> Path:
        path = self._path(url)
        conditions = _conditions(path)
        asked = self._hosts.url(url)
        with self._deadline.within(self._limits.timeout_s):
            for _ in range(MAX_REDIRECTS + 1):
                headers = [*HEADERS, ("Host", asked.netloc.decode("ascii")), *conditions]
                try:
                    with self._pool.stream("GET", str(asked), headers=headers) as response:
                        if response.status not in REDIRECTS:
                            return self._taken(url, path, response)
                        said = _headers(response)
                except (TimeoutException, TimeoutError) as error:
                    limit = f"{self._limits.timeout_s:g} s"
                    raise _AgainError(f"no complete answer within {limit}") from error
                except (NetworkError, ProtocolError, OSError) as error:
                    raise _AgainError(_reason(error)) from error
                asked = self._hosts.url(str(asked.join(said.get("location", ""))))
        raise RowError("fetch_failed", f"more than {MAX_REDIRECTS} redirects: {url}")

    def _taken(self, url: str, path: Path, response: Response) -> Path:
        """Store the picture of an answer."""
        status, said = response.status, _headers(response)
        if status == 304 and path.exists():
            return path
        if status in AGAIN:
            raise _AgainError(f"the server says {status}", _asked_pause(said))
        if status != 200:
            raise RowError("fetch_failed", f"the server says {status}: {url}")
        kind = said.get("content-type", "").partition(";")[0].strip().lower()
        if not kind.startswith("image/") and kind not in BINARY:
            raise RowError("fetch_failed", f"not a picture but {kind[:50]}: {url}")
        data = self._body(url, response)
        if str(len(data)) != said.get("content-length", str(len(data))):
            raise _AgainError("the answer is incomplete")
        keep(path, data, {"url": url, **{name: said.get(name) for name in VALIDATORS}})
        return path

    def _body(self, url: str, response: Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_stream():
            size += len(part)
            if size > self._limits.max_bytes:
                limit = f"{self._limits.max_bytes:,} bytes (EYEDEX_CATALOG_MAX_BYTES)"
                raise RowError("fetch_failed", f"larger than {limit}: {url}")
            parts.append(part)
        return b"".join(parts)

    def _path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self._folder / name[:2] / name


def _reason(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__


def _headers(response: Response) -> dict[str, str]:
    """Return the headers of an answer by lower-case name; the last one of a name counts."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


def _asked_pause(said: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait; None if it gives none, or a date."""
    asked = said.get("retry-after", "")
    return float(asked) if is_digits(asked) else None


def _conditions(path: Path) -> list[tuple[str, str]]:
    """Return headers that request a picture only if it differs from the stored one."""
    said = read_note(path)
    return [(asked, said[name]) for name, asked in VALIDATORS.items() if said.get(name)]
