"""The items that a search may find: a snapshot, narrowed by a filter, without the query items."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.patches import COST
from search_engine.indexes.live import Snapshot
from search_engine.indexes.patches import Patches
from search_engine.indexes.selection import KeySet
from search_engine.records import Keys, Vectors
from search_engine.search.rerank.base import Scores

FEW = 30


@dataclass(frozen=True, slots=True)
class Scope:
    """The keys that may be found; `exclude` are those of the items that are asked with.

    With `patches` items may be found by these, too.
    """

    snapshot: Snapshot
    within: KeySet | None = None
    exclude: tuple[int, ...] = ()
    patches: Patches | None = None

    def vectors(self, keys: Keys) -> Vectors:
        """See Gallery."""
        return self.snapshot.vectors(keys)

    def nearest(self, queries: Vectors, count: int) -> Sequence[tuple[Keys, Scores]]:
        """See Gallery."""
        hits = self.snapshot.search(queries, count + len(self.exclude), self.within)
        return [self.cut(*hits.row(query), count) for query in range(len(queries))]

    def nearest_patches(self, queries: Vectors, count: int) -> Sequence[tuple[Keys, Scores]]:
        """The items whose patches are nearest to each query (Q, D), at the cost of these."""
        assert self.patches is not None
        hits = self.patches.nearest(queries, count + len(self.exclude), self.within)
        here = [self.snapshot.holds(keys) for keys, _ in hits]  # patches may be of a later commit
        return [
            self.cut(keys[held], scores[held] - np.float32(COST), count)
            for (keys, scores), held in zip(hits, here, strict=True)
        ]

    def without(self, keys: Keys) -> "Scope":
        """The scope without some keys."""
        every = self.snapshot.keys() if self.within is None else self.within.keys
        return replace(self, within=KeySet(every[~np.isin(every, keys)]))

    def beside(self, keys: Sequence[int]) -> "Scope":
        """The scope without a few keys, for which a search just takes so many more."""
        return replace(self, exclude=(*self.exclude, *keys))

    def holds(self, keys: Keys) -> NDArray[np.bool_]:
        """Which keys may be found."""
        others = self._others(keys)
        return others if self.within is None else others & self.within.contains(keys)

    def cut(self, keys: Keys, scores: Scores, count: int) -> tuple[Keys, Scores]:
        """The best hits of a query, without the items that are asked with."""
        if self.exclude:
            others = self._others(keys)
            keys, scores = keys[others], scores[others]
        return keys[:count], scores[:count]

    def _others(self, keys: Keys) -> NDArray[np.bool_]:
        """Which keys are not excluded; for a few of them faster than `np.isin`."""
        if len(self.exclude) > FEW:
            return np.isin(keys, self.exclude, invert=True)
        others = np.ones(len(keys), dtype=np.bool_)
        for each in self.exclude:
            others &= keys != each
        return others
