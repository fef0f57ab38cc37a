"""Fetch the pictures of a table by their addresses, in parallel, and keep them for the next run.

A picture is kept below the data directory with the validators that its server sent, so that the
next run asks whether it has changed (RFC 9110, conditional requests) instead of fetching it again.
"""

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from httpcore2 import ConnectionPool, NetworkError, ProtocolError, Response, TimeoutException

from indexer.sources.addresses import AllowedHosts, host_patterns
from indexer.sources.base import ColumnReport, Reject, Source, SourceRow
from indexer.sources.buckets import BUCKETS, fetch_stored
from indexer.sources.connections import CheckedBackend, Deadline
from indexer.sources.kept import keep, read_note
from search_engine.config import Settings
from search_engine.errors import RowError
from search_engine.plain_numbers import is_digits
from search_engine.storage.paths import DataPaths

THREADS = 16
AHEAD = 4 * THREADS
"""Pictures requested ahead of the one that is needed."""
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

    def __init__(self, folder: Path, hosts: AllowedHosts, limits: FetchLimits) -> None:
        self._folder = folder
        self._hosts = hosts
        self._limits = limits
        self._deadline = Deadline()
        self._pool = ConnectionPool(
            max_connections=THREADS,
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


class FetchedSource:
    """A source whose rows name pictures by addresses, with the pictures fetched."""

    def __init__(self, source: Source, fetcher: Fetcher, fetch: bool = True) -> None:
        """Wrap a source; with `fetch` False only pictures fetched earlier are used."""
        self._source = source
        self._fetcher = fetcher
        self._fetch = fetch
        self.path = source.path
        self.description = source.description

    def __len__(self) -> int:
        return len(self._source)

    @property
    def notes(self) -> Sequence[str]:
        """See Source."""
        return self._source.notes

    @property
    def columns(self) -> Sequence[ColumnReport]:
        """See Source."""
        return self._source.columns

    @property
    def mapping(self) -> Mapping[str, str]:
        """See Source."""
        return self._source.mapping

    @property
    def types(self) -> Mapping[str, str]:
        """See Source."""
        return self._source.types

    def ids(self) -> Iterator[str]:
        """See Source."""
        return self._source.ids()

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source; keeps its order, while later pictures are being fetched."""
        waiting: deque[tuple[SourceRow | Reject, Future[Path] | None]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="fetch") as threads:
            try:
                for row in self._source.rows():
                    waiting.append((row, self._started(row, threads)))
                    if len(waiting) >= AHEAD:
                        yield _fetched(*waiting.popleft())
                while waiting:
                    yield _fetched(*waiting.popleft())
            finally:
                for _, picture in waiting:
                    if picture is not None:
                        picture.cancel()

    def _started(self, row: SourceRow | Reject, threads: ThreadPoolExecutor) -> Future[Path] | None:
        if isinstance(row, Reject) or row.url is None:
            return None
        if self._fetch:
            return threads.submit(self._fetcher.fetch, row.url)
        kept = self._fetcher.kept(row.url)
        if kept is None:
            return None
        done: Future[Path] = Future()
        done.set_result(kept)
        return done


@contextmanager
def pictures_of(source: Source, settings: Settings, fetch: bool) -> Iterator[Source]:
    """Wrap a source to fetch its pictures, if the settings allow any address.

    Args:
        source: A source that may name pictures by addresses.
        settings: Allowed hosts, the size limit of pictures, and where to keep them.
        fetch: False uses only pictures fetched by earlier runs.
    """
    patterns = host_patterns(settings.allow_urls)
    if not patterns:
        yield source
        return
    limits = FetchLimits(settings.catalog_max_bytes)
    folder = DataPaths(settings.data).fetched
    with Fetcher(folder, AllowedHosts(patterns), limits) as fetcher:
        yield FetchedSource(source, fetcher, fetch)


def _fetched(row: SourceRow | Reject, picture: Future[Path] | None) -> SourceRow | Reject:
    if picture is None or isinstance(row, Reject):
        return row
    try:
        return replace(row, image=picture.result())
    except RowError as error:
        return Reject(row.line, row.item_id, error.code, error.what)


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
