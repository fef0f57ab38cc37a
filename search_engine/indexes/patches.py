"""Patches: embeddings of crops of an item's picture, as rows of an index of their own.

Whoever asks sees keys of items, each with the best of its rows (`catalog.patch_keys`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.patch_keys import item_keys, numbers, row_keys
from search_engine.indexes.live import Snapshot
from search_engine.indexes.selection import KeySet
from search_engine.records import Keys, Vectors

FIRST_ROWS = 3
"""So many rows are asked for at first for each item that is wanted."""
FURTHER = 4

Scores = NDArray[np.float32]


def best_rows(rows: Keys, scores: Scores) -> tuple[Keys, Scores]:
    """The items of rows, best first, each once and with its best score."""
    keys = item_keys(rows)
    _, firsts = np.unique(keys, return_index=True)
    firsts.sort()
    return keys[firsts], scores[firsts]


@dataclass(frozen=True)
class Patches:
    """One state of a collection's patches, `count` to a picture."""

    snapshot: Snapshot
    count: int

    def nearest(
        self, queries: Vectors, k: int, within: KeySet | None = None
    ) -> list[tuple[Keys, Scores]]:
        """The k items whose patches are most similar to each query (Q, D), best first.

        Fewer only where no others have patches, or are in the set. Equal scores come by key.
        """
        among = None if within is None else within.rows(self._rows_within)
        fetch, most = k * min(FIRST_ROWS, self.count), k * self.count
        while True:
            hits = self.snapshot.search(queries, fetch, among)
            found = [best_rows(*hits.row(query)) for query in range(len(queries))]
            if fetch >= most or all(
                len(keys) >= k or count < fetch
                for (keys, _), count in zip(found, hits.counts.tolist(), strict=True)
            ):
                return [(keys[:k], scores[:k]) for keys, scores in found]
            fetch = min(most, fetch * FURTHER)

    def of(self, key: int) -> tuple[NDArray[np.int64], Vectors]:
        """The numbers (P,) and embeddings (P, D) of an item's patches; P is 0 where it has none."""
        rows = row_keys(np.array([key], dtype=np.int64), self.count)
        rows = rows[self.snapshot.holds(rows)]
        return numbers(rows), self.snapshot.vectors(rows)

    def _rows_within(self, keys: Keys) -> Keys:
        return row_keys(keys, self.count)
