"""Shape the hits of one query into results: put in order, cut off by score, group."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.groups import Group
from search_engine.catalog.store import Catalog
from search_engine.indexes.scoring import cosines
from search_engine.records import Keys, Vectors
from search_engine.search.candidates import (
    FIRST,
    Timings,
    exact_scores,
    nearest_of,
    reaching,
    timed,
)
from search_engine.search.copies import Copies
from search_engine.search.folding import Folding
from search_engine.search.options import SearchOptions
from search_engine.search.pages import Place
from search_engine.search.preferences import preferred_count
from search_engine.search.regions import best_of
from search_engine.search.rerank.base import CANDIDATES, Candidates, Pictures, Scores, followed_by
from search_engine.search.rerank.registry import Method
from search_engine.search.scope import Scope

Found = dict[Group, tuple[int, float]]
"""Key and score of the best item of each group, best first."""

GROUP_FETCH = 4
GROUP_ROUND = 2_000
GROUP_ROUNDS = 8
"""Groups are looked for among the nearest `GROUP_FETCH` times k items; then, as long as some are
missing, among the nearest `GROUP_ROUND` items of other groups, so many times at most."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """A method, and the pictures that it may look at."""

    method: Method
    pictures: Pictures

    @property
    def count(self) -> int:
        """See Ordering."""
        return CANDIDATES

    def reorder(self, query: Vectors, keys: Keys, scores: Scores, scope: Scope) -> Keys:
        """See Ordering and `rerank.base.Reorder`."""
        found = Candidates(query, keys, scores, scope, self.pictures)
        return self.method.reorder(found)


class Ordering(Protocol):
    """Puts the first `count` candidates in another order; `Reranking` or `Preferences`."""

    @property
    def count(self) -> int:
        """How many."""
        ...

    def reorder(self, query: Vectors, keys: Keys, scores: Scores, scope: Scope) -> Keys:
        """The candidates, (C,) best first, in the new order; others may be among them."""
        ...


def first_count(options: SearchOptions, shown: int = 0) -> int:
    """How many of the nearest items a search looks at first, when so many were shown before.

    One more than are asked for says whether there is a page behind.
    """
    count = shown + options.k + 1
    if options.group_by is not None:
        count *= GROUP_FETCH
    if options.ordered_by is None:
        return max(count, FIRST)
    ordered = CANDIDATES if options.rerank is not None else preferred_count(options)
    return max(count, FIRST, ordered)


@dataclass(slots=True)
class Shaping:
    """Shapes the hits of one query into as many results as are asked for, behind a place if there
    is one.

    With an ordering the first candidates come in its order, and the rest behind them: the first
    k are the same whatever k is. Scores are cosines to the query all the same.

    With `windows` (W, D) an item is as near as the nearest of these, at their `cost`, and of the
    query.

    With `folding` the same picture is shown once.

    `copies` come before all others, and are not in the scope.

    `first` are the nearest `first_count(options, place.shown)` keys with their cosines, best first.
    """

    catalog: Catalog
    collection: Collection
    scope: Scope
    query: Vectors
    options: SearchOptions
    first: tuple[Keys, Scores]
    timings: Timings
    ordering: Ordering | None = None
    place: Place | None = None
    windows: Vectors | None = None
    cost: float = 0.0
    copies: Copies = field(default_factory=list)
    folding: Folding | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """What to know of the results, once they are shaped."""
        return (*self.warnings, *(self.folding.warnings if self.folding else ()))

    def shape(self) -> Sequence[tuple[int, float]]:
        """Keys with their scores, in the order in which they are shown: k, and one more at most."""
        group_by = self.options.group_by
        if group_by is None:
            copies, found = self._folded(self.copies), self._single()
        else:
            groups: Found = {}
            self._note_groups(groups, *_apart(self.copies), group_by)
            copies, found = [*groups.values()], self._grouped(group_by, groups)
        shown = 0 if self.place is None else self.place.shown
        return [*copies[shown:], *found][: self.options.k + 1]

    @property
    def left_out(self) -> int | None:
        """How many of the nearest k, behind the place, the least score leaves out; None without."""
        least = self.options.min_score
        if least is None:
            return None
        shown = 0 if self.place is None else self.place.shown
        most = self.options.k - len(self.copies[shown:])
        nearest = self.first[1][shown : shown + max(0, most)]
        return int(np.count_nonzero(~reaching(nearest, least)))

    def _single(self) -> Sequence[tuple[int, float]]:
        """The best items; more are looked at where others came before the place meanwhile."""
        fetch, hits = self._fetch, self._hits()
        while True:
            keys, scores = self._good(*hits)
            found = self._folded(list(zip(keys.tolist(), scores.tolist(), strict=True)))
            behind = self._behind(found)
            if len(behind) > self.options.k or len(hits[0]) < fetch or len(keys) < len(hits[0]):
                return behind
            fetch *= 2
            hits = self._followed(hits, fetch)

    def _followed(self, hits: tuple[Keys, Scores], count: int) -> tuple[Keys, Scores]:
        """Hits, and behind them the others of so many nearest."""
        keys, scores = self._nearest(count, self.scope)
        new = ~np.isin(keys, hits[0])
        return np.concatenate([hits[0], keys[new]]), np.concatenate([hits[1], scores[new]])

    def _folded(self, found: Copies) -> Copies:
        return found if self.folding is None else self.folding.fold(found)

    def _grouped(self, by: str, found: Found) -> Sequence[tuple[int, float]]:
        """The best of each of the best groups; items without the field stand for themselves.

        `found` has the groups of copies, and gets the others.

        Only ids and values of candidates are read. Where the groups of the nearest items are too
        few, items of other groups are looked for, in a bounded number of rounds.
        """
        known = len(found)
        scope, fetch = self.scope, self._fetch
        hits = self._hits()
        for last in range(GROUP_ROUNDS + 1):
            ended = len(hits[0]) < fetch
            keys, scores = self._good(*hits)
            self._note_groups(found, keys.tolist(), scores.tolist(), by)
            others = self._behind([*found.values()][known:])
            enough = len(others) > self.options.k
            if enough or ended or len(keys) < len(hits[0]):
                break
            scope, fetch = self._other_groups(scope, found, by), GROUP_ROUND
            if last == GROUP_ROUNDS:
                self._warn_of_groups(len(found), scope)
                break
            hits = self._nearest(fetch, scope)
        return others

    def _behind(self, found: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
        """Those behind the place."""
        if self.place is None:
            return list(found)
        return [each for each in found if self.place.is_before(*each)]

    @property
    def _fetch(self) -> int:
        return first_count(self.options, 0 if self.place is None else self.place.shown)

    def _note_groups(self, found: Found, keys: list[int], scores: list[float], by: str) -> None:
        """Add the best hit of each group that has none yet."""
        with timed(self.timings, "catalog"):
            groups = self.catalog.groups_of(keys, by)
        for key, score in zip(keys, scores, strict=True):
            if key in groups:
                found.setdefault(groups[key], (key, score))

    def _other_groups(self, scope: Scope, found: Found, by: str) -> Scope:
        """The scope without the items of the groups that were found."""
        with timed(self.timings, "catalog"):
            members = self.catalog.keys_in_groups(self.collection, by, found)
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
        """Keep those that reach the least score, rounded as scores are shown."""
        least = self.options.min_score
        if least is None:
            return keys, scores
        good = reaching(scores, least)
        return keys[good], scores[good]

    def _hits(self) -> tuple[Keys, Scores]:
        """Keys and cosines of the best, in the order that is asked for if one is."""
        keys, scores = self.first
        if self.ordering is None:
            return keys, scores
        with timed(self.timings, "rerank"):
            candidates = keys[: self.ordering.count], scores[: self.ordering.count]
            best = self.ordering.reorder(self.query, *candidates, self.scope)
            own = cosines(self.query[0], self.scope.vectors(best))
            own = exact_scores(best, own, self.scope.vectors)
            others = ~np.isin(keys, best)
            return followed_by(best, keys), np.concatenate([own, scores[others]])

    def _nearest(self, count: int, scope: Scope) -> tuple[Keys, Scores]:
        with timed(self.timings, "search"):
            hits = nearest_of(scope, self.query, count)
            return with_parts(scope, self.query, hits, self.windows, self.cost, count)


def _apart(found: Copies) -> tuple[list[int], list[float]]:
    return [key for key, _ in found], [score for _, score in found]


def with_parts(
    scope: Scope,
    query: Vectors,
    hits: tuple[Keys, Scores],
    windows: Vectors | None,
    cost: float,
    count: int,
) -> tuple[Keys, Scores]:
    """The best `count` by whole pictures and photo (`hits`), by windows of the photo (W, D) at
    their cost, or by patches of the pictures, where the scope has some."""
    if windows is None and scope.patches is None:
        return hits
    parts = np.empty((0, query.shape[1]), dtype=np.float32) if windows is None else windows
    found = [hits]
    for window in parts:
        keys, scores = nearest_of(scope, window[None], count)
        found.append((keys, scores - cost))
    if scope.patches is not None:
        first, *others = scope.nearest_patches(np.concatenate([query, parts]), count)
        found += [first, *((keys, scores - cost) for keys, scores in others)]
    return best_of(found, count)
