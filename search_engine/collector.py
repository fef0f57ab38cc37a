"""From the hits of one query to its neighbors: re-ranked, grouped, as many as are asked for."""

import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from search_engine.catalog.store import Catalog
from search_engine.indexes.live import Snapshot
from search_engine.indexes.scoring import cosines
from search_engine.indexes.selection import KeySet
from search_engine.records import Keys, Neighbor, Vectors
from search_engine.reranking.base import CANDIDATES, Candidates, Pictures, Scores, followed_by
from search_engine.reranking.registry import Method
from search_engine.voting import value_of

Timings = MutableMapping[str, float]


@dataclass(frozen=True, slots=True)
class Scope:
    """What one search may find: a snapshot, under a filter, without the item that asks."""

    snapshot: Snapshot
    within: KeySet | None = None
    exclude: int | None = None

    def vectors(self, keys: Keys) -> Vectors:
        """See Gallery."""
        return self.snapshot.vectors(keys)

    def nearest(self, queries: Vectors, count: int) -> Sequence[tuple[Keys, Scores]]:
        """See Gallery."""
        fetch = count if self.exclude is None else count + 1
        hits = self.snapshot.search(queries, fetch, self.within)
        return [self._row(*hits.row(query), count) for query in range(len(queries))]

    def _row(self, keys: Keys, scores: Scores, count: int) -> tuple[Keys, Scores]:
        if self.exclude is not None:
            others = keys != self.exclude
            keys, scores = keys[others], scores[others]
        return keys[:count], scores[:count]


@dataclass(frozen=True, slots=True)
class Reranking:
    """A method, and the pictures that it may look at."""

    method: Method
    pictures: Pictures

    def reorder(self, query: Vectors, keys: Keys, scores: Scores, scope: Scope) -> Keys:
        """The candidates, (C,) best first, in the method's order; see `reranking.base.Reorder`."""
        found = Candidates(query, keys, scores, scope, self.pictures)
        return self.method.reorder(found)


class Collector:
    """Turns hits of one query into neighbors, as many as are asked for.

    With a re-ranking the first candidates come in its order, and the rest behind them: the first
    k neighbors are the same whatever k is. Scores are cosines to the query all the same.
    """

    def __init__(
        self,
        catalog: Catalog,
        scope: Scope,
        query: Vectors,
        min_score: float | None,
        timings: Timings,
        reranking: Reranking | None = None,
    ) -> None:
        self._catalog = catalog
        self._scope = scope
        self._query = query
        self._min_score = min_score
        self._timings = timings
        self._reranking = reranking
        self._first: Keys | None = None

    def best(self, k: int) -> tuple[Neighbor, ...]:
        """The k best; an item removed since the snapshot was taken is left out."""
        keys, scores = self._hits(k)
        if self._min_score is not None:
            good = scores >= self._min_score
            keys, scores = keys[good], scores[good]
        keys, scores = keys[:k], scores[:k]
        with timed(self._timings, "catalog"):
            found = self._catalog.by_keys(keys.tolist())
        return tuple(
            Neighbor(found[key], min(1.0, float(score)))  # float16 rounding may exceed it
            for key, score in zip(keys.tolist(), scores, strict=True)
            if key in found
        )

    def grouped(self, k: int, field: str) -> tuple[Neighbor, ...]:
        """The best of each of the k best groups; items without the field stand for themselves."""
        fetch = 4 * k
        while True:
            neighbors = self.best(fetch)
            firsts: dict[str, Neighbor] = {}
            for one in neighbors:
                value = value_of(one.item, field)
                firsts.setdefault(f"={value}" if value is not None else f"#{one.item.key}", one)
            if len(firsts) >= k or fetch >= len(self._scope.snapshot) or len(neighbors) < fetch:
                return tuple(firsts.values())[:k]
            fetch *= 4

    def _hits(self, count: int) -> tuple[Keys, Scores]:
        """Keys and cosines of the best, at least `count` of them if there are so many."""
        if self._reranking is None:
            return self._nearest(count)
        keys, scores = self._nearest(max(count, CANDIDATES))
        with timed(self._timings, "rerank"):
            if self._first is None:
                candidates = keys[:CANDIDATES], scores[:CANDIDATES]
                self._first = self._reranking.reorder(self._query, *candidates, self._scope)
            own = cosines(self._query[0], self._scope.vectors(self._first))
            others = ~np.isin(keys, self._first)
            return followed_by(self._first, keys), np.concatenate([own, scores[others]])

    def _nearest(self, count: int) -> tuple[Keys, Scores]:
        with timed(self._timings, "search"):
            ((keys, scores),) = self._scope.nearest(self._query, count)
        return keys, scores


@contextmanager
def timed(timings: Timings, name: str) -> Iterator[None]:
    """Add the milliseconds that a block takes."""
    started = time.perf_counter()
    try:
        yield
    finally:
        timings[name] = timings.get(name, 0.0) + (time.perf_counter() - started) * 1000
