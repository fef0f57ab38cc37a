"""A base generation, the changes since, and the removals, as one immutable snapshot.

Readers take `snapshot` once for their whole query; changes swap in a new snapshot. New and changed
vectors go to an exact delta; removed or superseded positions of the base are masked, so they never
take up places of a search.
"""

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine import forks
from search_engine.catalog.checksum import key_checksum
from search_engine.indexes.base import (
    Index,
    check_search,
    check_upsert,
    last_of_each,
    pack_hits,
    positions_of,
    top_k,
)
from search_engine.indexes.scoring import cosines
from search_engine.indexes.selection import KeySet, Selection
from search_engine.records import Hits, Keys, Vectors

FIRST_CAPACITY = 256
ROOM = 1.5
"""Times the rows that count, at least: so rows are copied seldom."""
COMPACT_FRACTION = 0.05
"""Share of the base that must have changed for a new generation to be worth writing."""


@dataclass(frozen=True)
class Snapshot:
    """One state of a collection's index; nothing in it changes.

    `masked` marks positions of the base. The delta's rows are (N, D), float32, rounded to float16;
    `alive` marks those that count.
    """

    dimension: int
    seq: int
    base: Index | None
    generation: str | None
    masked: NDArray[np.bool_]
    delta_keys: Keys
    delta_vectors: Vectors
    alive: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(np.count_nonzero(self.alive)) + int(np.count_nonzero(~self.masked))

    @cached_property
    def pending(self) -> int:
        """Number of changes that the base lacks; computed once, as every query asks."""
        return int(np.count_nonzero(self.masked)) + int(np.count_nonzero(self.alive))

    def needs_compaction(self) -> bool:
        """Whether a new generation is worth writing."""
        base = len(self.base) if self.base is not None else 0
        return self.pending > base * COMPACT_FRACTION

    @cached_property
    def unmasked(self) -> Selection | None:
        """The rows of the base that still count; None means all."""
        if not self.masked.any():
            return None
        return Selection(np.flatnonzero(~self.masked), len(self.masked))

    def key_state(self) -> tuple[int, int]:
        """Number and checksum of the live keys."""
        keys = self.keys()
        return len(keys), key_checksum(keys)

    def keys(self) -> Keys:
        """All live keys, ascending."""
        live = self.delta_keys[self.alive]
        if self.base is not None:
            live = np.concatenate([self.base.keys[~self.masked], live])
        return np.sort(live)

    def holds(self, keys: Keys) -> NDArray[np.bool_]:
        """Which keys are live here, (N,)."""
        live = np.isin(keys, self._delta_by_key[0])
        if self.base is not None:
            kept = positions_of(self.base.keys, keys)
            live |= np.isin(keys, self.base.keys[kept[~self.masked[kept]]])
        return live

    def search(self, queries: Vectors, k: int, within: KeySet | None = None) -> Hits:
        """See VectorIndex."""
        check_search(queries, k, self.dimension)
        with forks.gate:
            return self._search(queries, k, within)

    def _search(self, queries: Vectors, k: int, within: KeySet | None) -> Hits:
        if self.base is None:
            return pack_hits([top_k(*row, k) for row in self._search_delta(queries, within)])
        hits = self.base.search(queries, k, self.unmasked if within is None else self.rows(within))
        if not self.alive.any():
            return hits
        rows = []
        for number, (keys, scores) in enumerate(self._search_delta(queries, within)):
            base_keys, base_scores = hits.row(number)
            both = np.concatenate([base_keys, keys]), np.concatenate([base_scores, scores])
            rows.append(top_k(*both, k))
        return pack_hits(rows)

    def vectors(self, keys: Keys) -> Vectors:
        """Return the stored embeddings (N, D), float32, of live keys, in the given order."""
        found = np.empty((len(keys), self.dimension), dtype=np.float32)
        delta, rows = self._delta_by_key
        places = np.minimum(np.searchsorted(delta, keys), max(len(delta) - 1, 0))
        changed = delta[places] == keys if len(delta) else np.zeros(len(keys), dtype=np.bool_)
        found[changed] = self.delta_vectors[rows[places[changed]]]
        if self.base is not None:
            found[~changed] = self.base.vectors(np.searchsorted(self.base.keys, keys[~changed]))
        return found

    def rows(self, within: KeySet) -> Selection:
        """Return the rows of the base that hold these keys and still count."""
        assert self.base is not None
        known = within.remembered(self)
        if known is None:
            positions = positions_of(self.base.keys, within.keys)
            known = Selection(positions[~self.masked[positions]], len(self.base))
            within.remember(self, known)
        return known

    @cached_property
    def _delta_by_key(self) -> tuple[Keys, NDArray[np.int64]]:
        """Live keys of the delta, ascending, and their rows."""
        rows = np.flatnonzero(self.alive)
        order = np.argsort(self.delta_keys[rows])
        return self.delta_keys[rows][order], rows[order]

    def _search_delta(
        self, queries: Vectors, within: KeySet | None
    ) -> list[tuple[Keys, NDArray[np.float32]]]:
        chosen = self.alive if within is None else self.alive & within.contains(self.delta_keys)
        keys = self.delta_keys[chosen]
        if len(keys) == 0:
            return [(keys, np.empty(0, dtype=np.float32)) for _ in queries]
        vectors = self.delta_vectors if chosen.all() else self.delta_vectors[chosen]
        return [(keys, cosines(query, vectors)) for query in queries]


def describe_snapshot(snapshot: Snapshot | None) -> dict[str, Any]:
    """Describe what answers queries: generation, kind of index, index_recall@10, later changes.

    The kind is None without a generation: queries are then compared with everything.
    """
    base = None if snapshot is None else snapshot.base
    return {
        "generation": snapshot.generation if snapshot else None,
        "index": None if base is None else base.spec.factory,
        "index_recall@10": 1.0 if base is None or base.exact else base.spec.recall,
        "pending": snapshot.pending if snapshot else 0,
    }


class LiveIndex:
    """The current snapshot, and how it changes. See VectorIndex."""

    def __init__(
        self,
        dimension: int,
        base: Index | None = None,
        generation: str | None = None,
        seq: int = 0,
    ) -> None:
        self.dimension = dimension
        self._lock = threading.Lock()
        self._buffer_keys: Keys = np.empty(FIRST_CAPACITY, dtype=np.int64)
        self._buffer: Vectors = np.empty((FIRST_CAPACITY, dimension), dtype=np.float32)
        self._row_of: dict[int, int] = {}
        self.snapshot = Snapshot(
            dimension=dimension,
            seq=seq,
            base=base,
            generation=generation,
            masked=np.zeros(len(base) if base is not None else 0, dtype=np.bool_),
            delta_keys=self._buffer_keys[:0],
            delta_vectors=self._buffer[:0],
            alive=np.zeros(0, dtype=np.bool_),
        )

    def __len__(self) -> int:
        return len(self.snapshot)

    def upsert(self, keys: Keys, vectors: NDArray[np.floating]) -> None:
        """See VectorIndex."""
        self.apply(self.snapshot.seq, keys, vectors, removed=keys[:0])

    def remove(self, keys: Keys) -> None:
        """See VectorIndex."""
        nothing = np.empty((0, self.dimension), dtype=np.float32)
        self.apply(self.snapshot.seq, keys[:0], nothing, removed=keys)

    def search(self, queries: Vectors, k: int, within: KeySet | None = None) -> Hits:
        """See VectorIndex."""
        return self.snapshot.search(queries, k, within)

    def apply(self, seq: int, keys: Keys, vectors: NDArray[np.floating], removed: Keys) -> None:
        """Apply changes, and swap in the snapshot that includes them, complete up to `seq`."""
        check_upsert(keys, vectors, self.dimension)
        last = last_of_each(keys)
        keys = keys[last]
        with self._lock:
            old = self.snapshot
            masked, alive = self._without(old, np.concatenate([keys, removed]))
            alive = self._with_room(alive, len(keys))
            start, end = len(alive), len(alive) + len(keys)
            self._buffer_keys[start:end] = keys
            self._buffer[start:end] = vectors[last].astype(np.float16)
            self._row_of.update(zip(keys.tolist(), range(start, end), strict=True))
            self.snapshot = Snapshot(
                dimension=self.dimension,
                seq=seq,
                base=old.base,
                generation=old.generation,
                masked=masked,
                delta_keys=self._buffer_keys[:end],
                delta_vectors=self._buffer[:end],
                alive=np.concatenate([alive, np.ones(len(keys), dtype=np.bool_)]),
            )

    def _without(self, old: Snapshot, keys: Keys) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the masks of a snapshot without these keys; the old masks are not changed."""
        masked, alive = old.masked, old.alive
        if old.base is not None and len(keys):
            masked = masked.copy()
            masked[positions_of(old.base.keys, keys)] = True
        rows = [row for key in keys.tolist() if (row := self._row_of.pop(key, None)) is not None]
        if rows:
            alive = alive.copy()
            alive[rows] = False
        return masked, alive

    def _with_room(self, alive: NDArray[np.bool_], more: int) -> NDArray[np.bool_]:
        """Make room for more rows; return the mask of those before them.

        Where there is none, rows that do not count any more are left behind, so that an item which
        changes again and again takes no more room than others. Older snapshots keep their rows.
        """
        if len(alive) + more <= len(self._buffer_keys):
            return alive
        kept, capacity = np.flatnonzero(alive), FIRST_CAPACITY
        while capacity < ROOM * (len(kept) + more):
            capacity *= 2
        keys, vectors = self._buffer_keys[kept], self._buffer[kept]
        self._buffer_keys = np.empty(capacity, dtype=np.int64)
        self._buffer = np.empty((capacity, self.dimension), dtype=np.float32)
        self._buffer_keys[: len(kept)], self._buffer[: len(kept)] = keys, vectors
        self._row_of = dict(zip(keys.tolist(), range(len(kept)), strict=True))
        return np.ones(len(kept), dtype=np.bool_)
