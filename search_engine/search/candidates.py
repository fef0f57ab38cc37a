"""From the hits of one query to its neighbors: re-ranked, grouped, as many as are asked for."""

import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from search_engine.catalog.damaged import damage_of
from search_engine.catalog.groups import Group
from search_engine.catalog.store import Catalog, Collection
from search_engine.indexes.live import Snapshot
from search_engine.indexes.scoring import cosines
from search_engine.indexes.selection import KeySet
from search_engine.records import Keys, Neighbor, Vectors
from search_engine.search.rerank.base import CANDIDATES, Candidates, Pictures, Scores, followed_by
from search_engine.search.rerank.registry import Method

Timings = MutableMapping[str, float]
Found = dict[Group, tuple[int, float]]
"""Key and score of the best item of each group, best first."""

NEAR_ONE = 1 - 2**-11
"""From here on a score is close to 1 within what float16, as vectors are stored, can express."""
DECIMALS = 6
"""Of a score as it is shown, and as it is held against a least score."""
FIRST = 8
"""So many are looked at at least, as those near 1 may change places."""
GROUP_FETCH = 4
GROUP_ROUND = 2_000
GROUP_ROUNDS = 8
"""Groups are looked for among the nearest `GROUP_FETCH` times k items; then, as long as some are
missing, among the nearest `GROUP_ROUND` items of other groups, so many times at most."""


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

    def without(self, keys: Keys) -> "Scope":
        """The scope without some keys."""
        every = self.snapshot.keys() if self.within is None else self.within.keys
        return replace(self, within=KeySet(every[~np.isin(every, keys)]))

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
        self.warnings: list[str] = []

    def best(self, k: int) -> tuple[Neighbor, ...]:
        """The k best; an item removed since the snapshot was taken is left out."""
        keys, scores = self._good(*self._hits(k))
        return self._neighbors(keys[:k].tolist(), scores[:k].tolist())

    def grouped(self, k: int, field: str, collection: Collection) -> tuple[Neighbor, ...]:
        """The best of each of the k best groups; items without the field stand for themselves.

        Only ids and values of candidates are read. Where the groups of the nearest items are
        fewer than k, items of other groups are looked for, in a bounded number of rounds.
        """
        found: Found = {}
        scope, fetch = self._scope, GROUP_FETCH * k
        hits = self._hits(fetch)
        for last in range(GROUP_ROUNDS + 1):
            ended = len(hits[0]) < fetch
            keys, scores = self._good(*hits)
            self._note_groups(found, keys.tolist(), scores.tolist(), field)
            if len(found) >= k or ended or len(keys) < len(hits[0]):
                break
            scope, fetch = self._other_groups(scope, found, field, collection), GROUP_ROUND
            if last == GROUP_ROUNDS:
                self._warn_of_groups(len(found), scope)
                break
            hits = self._nearest(fetch, scope)
        best = list(found.values())[:k]
        return self._neighbors([key for key, _ in best], [score for _, score in best])

    def _note_groups(
        self,
        found: Found,
        keys: list[int],
        scores: list[float],
        field: str,
    ) -> None:
        """Add the first hit of each group that is not there yet."""
        with timed(self._timings, "catalog"):
            groups = self._catalog.groups_of(keys, field)
        for key, score in zip(keys, scores, strict=True):
            if key in groups:
                found.setdefault(groups[key], (key, score))

    def _other_groups(
        self,
        scope: Scope,
        found: Found,
        field: str,
        collection: Collection,
    ) -> Scope:
        """The scope without the items of the groups that were found."""
        with timed(self._timings, "catalog"):
            members = self._catalog.keys_in_groups(collection, field, found)
        firsts = np.array([key for key, _ in found.values()], dtype=np.int64)
        return scope.without(np.concatenate([members, firsts]))

    def _warn_of_groups(self, found: int, others: Scope) -> None:
        left = 0 if others.within is None else len(others.within)
        if left:
            self.warnings.append(
                f"groups_incomplete: {found} groups were found among the nearest items; the other "
                f"{left:,} items were not looked at: ask for fewer, or narrow them by a filter"
            )

    def _good(self, keys: Keys, scores: Scores) -> tuple[Keys, Scores]:
        """Those that reach the least score, as it would be shown."""
        if self._min_score is None:
            return keys, scores
        good = np.round(scores.astype(np.float64), DECIMALS) >= round(self._min_score, DECIMALS)
        return keys[good], scores[good]

    def _neighbors(self, keys: list[int], scores: list[float]) -> tuple[Neighbor, ...]:
        """With their items; one removed since the snapshot was taken is left out."""
        with timed(self._timings, "catalog"):
            found = self._catalog.by_keys(keys)
        damages = filter(None, map(damage_of, found.values()))
        self.warnings += [f"damaged_item: {each}" for each in damages]
        return tuple(
            Neighbor(found[key], min(1.0, score))  # float16 rounding may exceed it
            for key, score in zip(keys, scores, strict=True)
            if key in found
        )

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
            own = exact_scores(self._first, own, self._scope.vectors)
            others = ~np.isin(keys, self._first)
            return followed_by(self._first, keys), np.concatenate([own, scores[others]])

    def _nearest(self, count: int, scope: Scope | None = None) -> tuple[Keys, Scores]:
        scope = scope or self._scope
        with timed(self._timings, "search"):
            ((keys, scores),) = scope.nearest(self._query, max(count, FIRST))
            return settled(keys, scores, scope.vectors)


def settled(keys: Keys, scores: Scores, vectors: Callable[[Keys], Vectors]) -> tuple[Keys, Scores]:
    """Hits of one query, best first, by scores that are as exact as they are shown."""
    exact = exact_scores(keys, scores, vectors)
    if exact is scores:
        return keys, scores
    order = np.lexsort((keys, -exact))
    return keys[order], exact[order]


def exact_scores(keys: Keys, scores: Scores, vectors: Callable[[Keys], Vectors]) -> Scores:
    """The scores, those near 1 as exact as they are shown.

    A stored vector is rounded to float16, so its length is 1 only nearly, and so would be the score
    of the very picture that it came from. Where that matters the length is divided out.
    """
    near = np.flatnonzero(scores >= NEAR_ONE)
    if len(near) == 0:
        return scores
    lengths = np.linalg.norm(vectors(keys[near]), axis=1)
    exact = scores.astype(np.float64)
    exact[near] = np.minimum(1.0, np.round(exact[near] / lengths, DECIMALS))
    return exact.astype(np.float32)


@contextmanager
def timed(timings: Timings, name: str) -> Iterator[None]:
    """Add the milliseconds that a block takes."""
    started = time.perf_counter()
    try:
        yield
    finally:
        timings[name] = timings.get(name, 0.0) + (time.perf_counter() - started) * 1000
