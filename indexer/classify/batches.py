"""Classify a whole source of pictures in batches: read, decode, encode, search, answer.

Rows come out in the order of the source, each as soon as all before it are done, so memory does not
grow with the source.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from indexer.embed import EmbeddedRow, embed_source
from indexer.sources import (
    AS_FOUND,
    FolderSource,
    Reject,
    Rows,
    SourceOptions,
    SourceRow,
    open_source,
)
from indexer.sources.files import has_suffix
from indexer.sources.reading import TABLE_SUFFIXES
from search_engine.collections.live import LiveCollection
from search_engine.engine import SearchEngine
from search_engine.errors import MissingPictureError, ParameterError
from search_engine.images import PICTURE_QUALITY, read_file
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import Decoder, InlineDecoder
from search_engine.records import Neighbor, Prediction, SearchResult
from search_engine.search.rerank.local_features import LocalFeatures, local_features, side_px
from search_engine.search.subject import Subject
from search_engine.storage.paths import DEFAULT_COLLECTION
from search_engine.vote.question import Question

INLINE_PICTURES = 8
"""Up to this many pictures are decoded here, as starting processes would take longer."""


@dataclass(frozen=True, slots=True)
class ClassifiedRow:
    """A picture with its class and the neighbors to show, best first."""

    path: Path
    item_id: str
    result: SearchResult

    @property
    def prediction(self) -> Prediction:
        """The class."""
        assert self.result.prediction is not None
        return self.result.prediction

    @property
    def neighbors(self) -> tuple[Neighbor, ...]:
        """The neighbors to show."""
        return self.result.neighbors


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A picture or row that could not be classified, with what is known of it and the reason."""

    path: Path | None
    item_id: str | None
    code: str
    reason: str


BatchRow = ClassifiedRow | RejectedRow


def open_pictures(paths: Sequence[Path], reading: SourceOptions = AS_FOUND) -> Rows:
    """Open the source that paths name: one folder, one table, or any pictures and folders.

    `reading` says how to read a table or folder where that cannot be detected.

    Raises:
        SourceError: There is nothing usable.
        ParameterError: A table is given together with other paths.
        MissingPictureError: The only picture does not exist.
    """
    if len(paths) == 1 and (paths[0].is_dir() or _is_table(paths[0])):
        return open_source(paths[0], reading)
    for path in filter(_is_table, paths):
        raise ParameterError(
            "a table cannot be combined with other sources", where=str(path), fix="name it alone"
        )
    if len(paths) == 1 and not paths[0].exists():
        raise MissingPictureError("there is no such picture", where=shown(paths[0]))
    return PictureFiles(paths)


class PictureFiles:
    """Pictures given by their paths, and all pictures in folders; item_id is the path."""

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
                yield from (row if isinstance(row, Reject) else row.file for row in part.rows())
            else:
                yield part


def classify_source(
    engine: SearchEngine,
    source: Rows,
    question: Question | None = None,
    *,
    collection: str = DEFAULT_COLLECTION,
) -> Iterator[BatchRow]:
    """Classify each row of a source, in its order, as `SearchEngine.classify` does.

    Args:
        engine: Where the collection is.
        source: The pictures; their labels and attributes are ignored.
        question: How to classify (`SearchEngine.question`); None predicts the label as calibrated.
        collection: The collection to search.

    Raises:
        CollectionNotFoundError, FilterError: As their names say; before the first row.
        ParameterError: The collection is empty, or an option does not apply to many photos at once.
        SourceError: The source became unreadable.
    """
    live = engine.live(collection)
    question = question or engine.question(collection=collection)
    if live.encoder() is None:
        raise ParameterError(f"collection {collection!r} is empty", fix="index something first")
    for options in (question.voting, question.shown):
        engine.answering.finder.check(live, options)
        if options.filter is not None:
            live.fitted(options.filter)
    if question.shown.box is not None:
        raise ParameterError(
            "a region applies to one photo, not to many", where="box", fix="leave it out"
        )
    return _classified(_Asking(engine, live, question), source)


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question asked of many pictures."""

    engine: SearchEngine
    live: LiveCollection
    question: Question

    def answers(self, rows: Sequence[EmbeddedRow], decoder: Decoder) -> list[SearchResult]:
        """Return the prediction and neighbors of each picture."""
        subjects = [self._subject(row, decoder) for row in rows]
        return self.engine.answering.ask(self.live, self.question, subjects)

    def _subject(self, row: EmbeddedRow, decoder: Decoder) -> Subject:
        features = partial(self._features, row.row.file, decoder)
        return Subject(row.vector, features, warnings=row.warnings, plain=row.plain)

    def _features(self, image: Path, decoder: Decoder) -> LocalFeatures:
        data = read_file(image, self.engine.settings.catalog_max_bytes)
        return local_features(decoder.render(data, side_px(None), PICTURE_QUALITY))


def _classified(asking: _Asking, source: Rows) -> Iterator[BatchRow]:
    settings = asking.engine.settings
    encoder = asking.live.encoder()
    assert encoder is not None
    noted = _NotedSource(source)
    done: dict[int, BatchRow] = {}
    with _decoder(asking, len(source)) as decoder:
        embedded = embed_source(
            noted, encoder, decoder, settings.batch_size, settings.catalog_max_bytes
        )
        while batch := list(islice(embedded, settings.batch_size)):
            done.update(_answered(asking, decoder, batch, noted))
            while noted.given and noted.given[0] in done:
                line = noted.given.popleft()
                noted.paths.pop(line, None)
                yield done.pop(line)


def _answered(
    asking: _Asking,
    decoder: Decoder,
    batch: Sequence[EmbeddedRow | Reject],
    noted: "_NotedSource",
) -> Iterator[tuple[int, BatchRow]]:
    """Yield lines and their rows, classified or rejected."""
    for row in batch:
        if isinstance(row, Reject):
            path = noted.paths.get(row.line)
            yield row.line, RejectedRow(path, row.item_id, row.code, row.reason)
    embedded = [row for row in batch if isinstance(row, EmbeddedRow)]
    if not embedded:
        return
    for one, result in zip(embedded, asking.answers(embedded, decoder), strict=True):
        asked = one.row
        yield asked.line, ClassifiedRow(asked.file, asked.item_id, result)


@dataclass(slots=True)
class _NotedSource:
    """A source that remembers its rows and their pictures until they are answered.

    Its lines number the rows, because a table row with several pictures is given several times.
    """

    source: Rows
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
        for number, row in enumerate(self.source.rows(), 1):
            self.given.append(number)
            if isinstance(row, SourceRow) and row.image is not None:
                self.paths[number] = row.image
            yield replace(row, line=number)


class _decoder:  # noqa: N801 - used like a function
    """Open a decoder: `with _decoder(asking, count) as decoder`; it has processes if they pay."""

    def __init__(self, asking: _Asking, count: int) -> None:
        settings = asking.engine.settings
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
    """Return a path as text that can be written anywhere, whatever bytes it is made of."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _is_table(path: Path) -> bool:
    return has_suffix(path, TABLE_SUFFIXES)
