"""Classes for a whole source of pictures: read, decode, encode, search and answer in batches.

Rows come out in the order of the source, each as soon as all before it are done, so that memory
does not grow with the source.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from indexer.embed import EmbeddedRow, embed_source
from indexer.sources import FolderSource, Reject, Source, SourceRow, open_source
from search_engine.catalog.fields import check_field, value_of
from search_engine.catalog.filter_text import read_filter
from search_engine.collections.live import LiveCollection
from search_engine.engine import SearchEngine
from search_engine.errors import MissingPictureError, ParameterError
from search_engine.images.decode_pool import DecodePool, Decoder, InlineDecoder
from search_engine.indexes.live import Snapshot
from search_engine.indexes.selection import KeySet
from search_engine.records import Neighbor, Prediction, Vectors
from search_engine.search.candidates import DECIMALS, settled
from search_engine.storage.paths import DEFAULT_COLLECTION
from search_engine.vote.question import Question, one_search

INLINE_PICTURES = 8
"""So many pictures are decoded before decoding processes have even started."""
GROUPED_FETCH = 4
"""So many times more neighbors are looked at when only one of each group counts."""
OPTIONS = frozenset(("k", "filter", "group_by", "min_score"))
"""Of a search for many photos."""
TABLE_SUFFIXES = (".csv", ".tsv")

Neighbors = tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class ClassifiedRow:
    """A picture with its class and the neighbors that are shown, best first."""

    path: Path
    item_id: str
    prediction: Prediction
    neighbors: Neighbors


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A picture or a row that could not be classified, and why; what is known of it."""

    path: Path | None
    item_id: str | None
    code: str
    reason: str


BatchRow = ClassifiedRow | RejectedRow


def open_pictures(
    paths: Sequence[Path],
    id_column: str = "item_id",
    image_column: str = "image",
    encoding: str = "utf-8",
) -> Source:
    """The source of what was named: one folder, one table, or any pictures and folders.

    Raises:
        SourceError: There is nothing usable.
        ParameterError: A table is named beside other things.
        MissingPictureError: The only picture is not there.
    """
    if len(paths) == 1 and (paths[0].is_dir() or _is_table(paths[0])):
        return open_source(paths[0], None, id_column, image_column, encoding)
    for path in filter(_is_table, paths):
        raise ParameterError("a table is a source by itself", where=str(path), fix="name it alone")
    if len(paths) == 1 and not paths[0].exists():
        raise MissingPictureError("there is no such picture", where=shown(paths[0]))
    return PictureFiles(paths)


class PictureFiles:
    """Pictures by their paths, and all pictures of folders among them; item_id is the path."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._parts = [FolderSource(path) if path.is_dir() else path for path in paths]
        self.description = f"{len(self):,} pictures"

    def __len__(self) -> int:
        return sum(len(part) if isinstance(part, FolderSource) else 1 for part in self._parts)

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source."""
        for line, row in enumerate(self._all(), 1):
            if isinstance(row, Reject):
                yield Reject(line, row.item_id, row.code, row.reason)
            else:
                yield SourceRow(line, shown(row), row)

    def _all(self) -> Iterator[Path | Reject]:
        for part in self._parts:
            if isinstance(part, FolderSource):
                yield from (row if isinstance(row, Reject) else row.image for row in part.rows())
            else:
                yield part


def classify_source(
    engine: SearchEngine,
    source: Source,
    question: Question | None = None,
    *,
    collection: str = DEFAULT_COLLECTION,
) -> Iterator[BatchRow]:
    """A row for each row of the source, in its order, answered as `SearchEngine.classify` does.

    Args:
        engine: Where the collection is.
        source: The pictures; labels and attributes are not looked at.
        question: How a class is asked for (`SearchEngine.question`); the label as calibrated when
            it is None.
        collection: Where to look for neighbors.

    Raises:
        CollectionNotFoundError, FilterError: As they say; before the first row.
        ParameterError: The collection is empty, or an option is none of many photos at once.
        SourceError: The source became unreadable.
    """
    live = engine.live(collection)
    question = question or engine.question(collection=collection)
    if live.encoder() is None:
        raise ParameterError(f"collection {collection!r} is empty", fix="index something first")
    for options in (question.voting, question.shown):
        _check_options(engine, live, options)
    return _classified(_Search(engine, live, question), source)


def _check_options(engine: SearchEngine, live: LiveCollection, options: Mapping[str, Any]) -> None:
    for name in options.keys() - OPTIONS:
        raise ParameterError(
            "many photos at once are not asked like that", where=name, fix="leave it out"
        )
    parsed = read_filter(options.get("filter"))
    if parsed is not None:
        live.fitted(parsed)
    if options.get("group_by") is not None:
        check_field(engine.catalog, live.record, options["group_by"], "group_by")


@dataclass(frozen=True, slots=True)
class _Search:
    """Finds the neighbors of many pictures at once, and their classes."""

    engine: SearchEngine
    live: LiveCollection
    question: Question

    def answers(self, vectors: Vectors) -> Iterator[tuple[Prediction, Neighbors]]:
        """The class of each, and the neighbors that are shown."""
        question = self.question
        both = one_search(question)
        voters = self.neighbors(vectors, question.voting if both is None else both)
        shown = self.neighbors(vectors, question.shown) if both is None else voters
        voters = [each[: question.voting["k"]] for each in voters]
        predictions = question.answers(vectors, voters)
        for prediction, each in zip(predictions, shown, strict=True):
            yield prediction, each[: question.shown["k"]]

    def neighbors(self, vectors: Vectors, options: Mapping[str, Any]) -> list[Neighbors]:
        """The neighbors of each; an item that is removed meanwhile is left out."""
        snapshot = self.live.snapshot()
        if snapshot is None:
            return [()] * len(vectors)
        parsed = read_filter(options.get("filter"))
        group_by, k = options.get("group_by"), options["k"]
        within = None if parsed is None else self.live.matching(parsed)
        if group_by is None:
            found = self._best(snapshot, vectors, k, within)
        else:
            found = self._grouped(snapshot, vectors, k, within, group_by)
        least = round(options.get("min_score", -1.0), DECIMALS)
        return [tuple(one for one in each if round(one.score, DECIMALS) >= least) for each in found]

    def _grouped(
        self, snapshot: Snapshot, vectors: Vectors, k: int, within: KeySet | None, group_by: str
    ) -> list[Neighbors]:
        fetch = GROUPED_FETCH * k
        while True:
            found = self._best(snapshot, vectors, fetch, within)
            grouped = [_firsts(row, group_by)[:k] for row in found]
            enough = all(
                len(firsts) == k or len(row) < fetch
                for firsts, row in zip(grouped, found, strict=True)
            )
            if enough or fetch >= len(snapshot):
                return grouped
            fetch *= GROUPED_FETCH

    def _best(
        self, snapshot: Snapshot, vectors: Vectors, k: int, within: KeySet | None
    ) -> list[Neighbors]:
        hits = snapshot.search(vectors, k, within)
        rows = [settled(*hits.row(query), snapshot.vectors) for query in range(len(vectors))]
        keys = np.unique(np.concatenate([found for found, _ in rows]))
        items = self.engine.catalog.by_keys(keys.tolist())
        return [
            tuple(
                Neighbor(items[key], min(1.0, score))
                for key, score in zip(found.tolist(), scores.tolist(), strict=True)
                if key in items
            )
            for found, scores in rows
        ]


def _firsts(neighbors: Neighbors, field: str) -> Neighbors:
    """The best of each group; items without the field stand for themselves."""
    firsts: dict[tuple[str | None, int], Neighbor] = {}
    for one in neighbors:
        value = value_of(one.item, field)
        firsts.setdefault((value, 0 if value is not None else one.item.key), one)
    return tuple(firsts.values())


def _classified(search: _Search, source: Source) -> Iterator[BatchRow]:
    settings = search.engine.settings
    encoder = search.live.encoder()
    assert encoder is not None
    noted = _NotedSource(source)
    done: dict[int, BatchRow] = {}
    with _decoder(search, len(source)) as decoder:
        embedded = embed_source(noted, encoder, decoder, settings.batch_size, settings.max_bytes)
        while batch := list(islice(embedded, settings.batch_size)):
            done.update(_answered(search, batch, noted))
            while noted.given and noted.given[0] in done:
                line = noted.given.popleft()
                noted.paths.pop(line, None)
                yield done.pop(line)


def _answered(
    search: _Search,
    batch: Sequence[EmbeddedRow | Reject],
    noted: "_NotedSource",
) -> Iterator[tuple[int, BatchRow]]:
    """Lines, and what became of them."""
    for row in batch:
        if isinstance(row, Reject):
            path = noted.paths.get(row.line)
            yield row.line, RejectedRow(path, row.item_id, row.code, row.reason)
    embedded = [row for row in batch if isinstance(row, EmbeddedRow)]
    if not embedded:
        return
    vectors = np.concatenate([row.vector for row in embedded])
    for one, (prediction, shown) in zip(embedded, search.answers(vectors), strict=True):
        asked = one.row
        yield asked.line, ClassifiedRow(asked.image, asked.item_id, prediction, shown)


@dataclass(slots=True)
class _NotedSource:
    """A source that remembers the lines it gave and their pictures, until they are done."""

    source: Source
    given: deque[int] = field(default_factory=deque)
    paths: dict[int, Path] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """See Source."""
        return self.source.description

    def __len__(self) -> int:
        return len(self.source)

    def rows(self) -> Iterator[SourceRow | Reject]:
        """See Source."""
        for row in self.source.rows():
            self.given.append(row.line)
            if isinstance(row, SourceRow):
                self.paths[row.line] = row.image
            yield row


class _decoder:  # noqa: N801 - used like a function
    """`with _decoder(search, count) as decoder`: processes, where there is work for them."""

    def __init__(self, search: _Search, count: int) -> None:
        settings = search.engine.settings
        limits = settings.catalog_limits()
        few = count <= INLINE_PICTURES
        self._decoder: Decoder = (
            InlineDecoder(limits) if few else DecodePool(limits, settings.workers)
        )

    def __enter__(self) -> Decoder:
        return self._decoder

    def __exit__(self, *_: object) -> None:
        self._decoder.close()


def shown(path: Path) -> str:
    """A path as text that can be written anywhere, whatever bytes it is made of."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in TABLE_SUFFIXES
