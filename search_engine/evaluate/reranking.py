"""Measure whether re-ranking pays: each method against the order by similarity.

Rankings are exact, as in `ranking`; after the candidates that a method reorders, the rest of the
gallery follows unchanged. The first k neighbors vote without calibration, which applies to
neighbors by similarity. The time of a method is measured in the engine itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search_engine.collections.labelled import Labelled
from search_engine.engine import SearchEngine
from search_engine.errors import ImageError, MissingExtraError, PictureNotFoundError
from search_engine.evaluate.paired import LEAST_GAIN, Change, changes_between, vote_results
from search_engine.evaluate.photos import QUALITY, Photos
from search_engine.evaluate.ranking import Hiding, Reorder, Space, rank, same_label
from search_engine.evaluate.splits import narrowed, sample_rows
from search_engine.indexes.base import top_k
from search_engine.records import Keys, SearchResult, Vectors
from search_engine.search.rerank.base import CANDIDATES, Candidates, Scores, followed_by
from search_engine.search.rerank.local_features import SIDE_PX, LocalFeatures, local_features
from search_engine.search.rerank.pictures import AskedPictures
from search_engine.search.rerank.registry import Method

JUDGED_QUERIES = 1_000
LOOKED_AT_QUERIES = 100
"""Queries for methods that decode the pictures of all candidates."""
TIMED_QUERIES = 20

Verdict = Literal["better", "no better", "worse"]


@dataclass(frozen=True, slots=True)
class RerankTask:
    """Labelled queries with the gallery, their photos by row, and the vote.

    `hiding` and `spaces` are as for `rank`.
    """

    queries: Labelled
    gallery: Labelled
    photos: Photos
    collection: str
    k: int
    hiding: Hiding | None = None
    spaces: Sequence[Space] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RerankRow:
    """Measures of a method before and after, or the reason why it was not tried.

    `added_ms` is the median of what it adds to a query, None if nothing could be timed.
    """

    name: str
    queries: int = 0
    changes: Mapping[str, Change] = field(default_factory=dict)
    added_ms: float | None = None
    skipped: str | None = None

    @property
    def verdict(self) -> Verdict:
        """Better if a measure is better and none fell, by more than chance and a least gain.

        Worse if a measure fell and none is better. Unlike in tuning, mAP counts by itself, as
        nothing was learned from labels.
        """
        said = {verdict_on(change) for change in self.changes.values()}
        fell = any(change.after <= change.before - LEAST_GAIN for change in self.changes.values())
        if "better" in said:
            return "no better" if fell or "worse" in said else "better"
        return "worse" if "worse" in said else "no better"


def verdict_on(change: Change) -> Verdict:
    """Return the verdict on one measure."""
    if change.is_better:
        return "better"
    return "worse" if change.is_worse else "no better"


def judge_rerankings(
    engine: SearchEngine,
    task: RerankTask,
    methods: Sequence[Method],
    advance: Callable[[int], None] = lambda count: None,
) -> list[RerankRow]:
    """Judge each method, in order.

    Args:
        engine: Where the collection is.
        task: Queries and gallery.
        methods: The methods to try; those that need OpenCV are skipped if it is missing.
        advance: Called with the number of queries done, `queries_of` in total.
    """
    return [_judge(engine, task, method, advance) for method in methods]


def queries_of(method: Method, count: int) -> int:
    """Return how many of so many queries a method is judged by."""
    return min(count, LOOKED_AT_QUERIES if method.looks else JUDGED_QUERIES)


def _judge(
    engine: SearchEngine, task: RerankTask, method: Method, advance: Callable[[int], None]
) -> RerankRow:
    count = len(task.queries.keys)
    try:
        method.check_extra()
    except MissingExtraError as error:
        advance(queries_of(method, count))
        return RerankRow(method.name, skipped=str(error))
    rows = sample_rows(count, queries_of(method, count), task.seed)
    timed = rows[sample_rows(len(rows), TIMED_QUERIES, task.seed)].tolist()
    times = list(_added_ms(engine, task, method, timed))  # first, while nothing is cached
    queries, hiding = narrowed(task.queries, task.hiding, rows)
    relevant = same_label(queries, task.gallery)
    reorder = _reorder(engine, task, method, rows.tolist(), advance)
    before, after = (
        vote_results(
            queries,
            task.gallery,
            rank(
                queries, task.gallery, relevant, task.k, hiding, reorder=order, spaces=task.spaces
            ),
            task.k,
        )
        for order in (None, reorder)
    )
    changes = changes_between(before, after, task.seed)
    return RerankRow(method.name, len(rows), changes, float(np.median(times)) if times else None)


def _reorder(
    engine: SearchEngine,
    task: RerankTask,
    method: Method,
    rows: Sequence[int],
    advance: Callable[[int], None],
) -> Reorder:
    """Adapt a method to `rank`: items are positions in the gallery, and so are candidates' keys."""
    keys = task.gallery.keys

    def reorder(
        query: int,
        items: NDArray[np.int64],
        scores: NDArray[np.float32],
        asked: Vectors,
        vectors: Vectors,
    ) -> NDArray[np.int64]:
        pictures = AskedPictures(
            lambda: _features(task.photos, rows[query]),
            lambda places: engine.answering.finder.item_features.of(keys[places]),
        )
        gallery, first = VisibleGallery(vectors, np.sort(items)), slice(CANDIDATES)
        found = Candidates(asked, items[first], scores[first], gallery, pictures)
        order = followed_by(method.reorder(found), items)
        advance(1)
        return order

    return reorder


@dataclass(frozen=True, slots=True)
class VisibleGallery:
    """See Gallery: positions in an array of embeddings, of which some are visible, ascending."""

    embeddings: Vectors
    seen: Keys

    def vectors(self, keys: Keys) -> Vectors:
        """See Gallery."""
        return self.embeddings[keys]

    def nearest(self, queries: Vectors, count: int) -> list[tuple[Keys, Scores]]:
        """See Gallery."""
        scores = queries @ self.embeddings.T
        return [top_k(self.seen, row[self.seen], count) for row in scores]


def _features(photos: Photos, row: int) -> LocalFeatures:
    jpeg = photos.jpeg(row, SIDE_PX, QUALITY)
    return LocalFeatures.none() if jpeg is None else local_features(jpeg)


def _added_ms(
    engine: SearchEngine, task: RerankTask, method: Method, rows: Sequence[int]
) -> Iterator[float]:
    """Measure what re-ranking adds to queries of the engine, for photos that still exist."""
    for row in rows:
        with suppress(ImageError, PictureNotFoundError):
            yield _ask(engine, task, method, row).timings_ms.get("rerank", 0.0)


def _ask(engine: SearchEngine, task: RerankTask, method: Method, row: int) -> SearchResult:
    asked: dict[str, Any] = {"k": task.k, "collection": task.collection, "rerank": method.name}
    path = task.photos.path(row)
    if path is not None:
        return engine.search(path, **asked)
    return engine.similar(task.queries.names[row], **asked)
