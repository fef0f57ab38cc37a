"""Fetch the pictures of a table in parallel; what fetches is loaded where any may be fetched."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.sources.addresses import AllowedHosts, host_patterns
from indexer.sources.base import ColumnReport, Reject, Source, SourceRow
from search_engine.config import Settings
from search_engine.errors import RowError
from search_engine.storage.paths import DataPaths

if TYPE_CHECKING:
    from indexer.sources.fetching import Fetcher

AHEAD = 4
"""Pictures requested ahead of the one that is needed, for each of the connections."""


class FetchedSource:
    """A source whose rows name pictures by addresses, with the pictures fetched."""

    def __init__(self, source: Source, fetcher: "Fetcher", fetch: bool = True) -> None:
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

    @property
    def misdeclared(self) -> frozenset[str]:
        """See Source."""
        return self._source.misdeclared

    def ids(self) -> Iterator[str]:
        """See Source."""
        return self._source.ids()

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source; keeps its order, while later pictures are being fetched."""
        waiting: deque[tuple[SourceRow | Reject, Future[Path] | None]] = deque()
        at_once = self._fetcher.connections
        with ThreadPoolExecutor(at_once, thread_name_prefix="fetch") as threads:
            try:
                for row in self._source.rows():
                    waiting.append((row, self._started(row, threads)))
                    if len(waiting) >= AHEAD * at_once:
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
    from indexer.sources.fetching import Fetcher, FetchLimits  # their client takes a while to load

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
