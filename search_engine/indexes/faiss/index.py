"""Find candidates with FAISS, and score them exactly with the stored vectors.

Scores are computed from the float16 vectors, so they are exact, comparable between kinds of index,
and the same for one query or many. A search always fills its k places if it can: if an approximate
kind finds too few, or comparing with each is cheaper, all that may be found are compared. An exact
index is nothing but that: FAISS reads the same float16 vectors, half the bytes of float32.

An index is immutable; `search_engine.indexes.live` holds changes.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import faiss
import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.base import check_content, check_search
from search_engine.indexes.faiss import kinds
from search_engine.indexes.faiss.stored_vectors import StoredVectors
from search_engine.indexes.scoring import Positions, best, by_products, rescore, scan
from search_engine.indexes.selection import Selection
from search_engine.indexes.spec import Effort, IndexSpec
from search_engine.records import Hits, Keys, Vectors
from search_engine.storage.durable import write_synced

FILES = ("index.faiss", "vectors.f16", "keys.i64")

TIE_MARGIN = 1e-5
"""FAISS and NumPy sum in different orders; scores closer than this may be ties."""
TIE_ROOM = 16
REFINED_ROOM = 6
"""FAISS orders refined candidates by L2 distance of rows whose lengths float16 rounds: so many
places after the k-th, its order agrees with that of the scores."""
MANY_QUERIES = 32
"""Beyond so many, products of matrices take half the time of comparing one by one or less."""
SCAN_NS = 30_000
SCAN_NS_AN_ELEMENT = 0.65
"""Time to gather and score one element of a stored vector on one core, as measured."""
COMPARE_NS_AN_ELEMENT = 0.085
COMPARE_NS_A_ROW = 1.5
"""Time of FAISS to compare an element of all vectors, and to see that a row is left out."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to search: compare with all rows, or let FAISS find `fetch` with these parameters."""

    scans: bool
    fetch: int = 0
    parameters: Any = None


class FaissIndex:
    """Vectors under ascending keys, searched through FAISS.

    `keys` (N,), int64, ascend; row n of `stored` and position n of `faiss_index` belong to key n.
    That of an exact index is empty, as the stored vectors are all it needs.
    """

    def __init__(
        self, spec: IndexSpec, faiss_index: Any, keys: Keys, stored: StoredVectors
    ) -> None:
        self.spec = spec
        self.faiss_index = faiss_index
        self.keys = keys
        self.stored = stored
        self.dimension = stored.dimension
        self.exact = isinstance(faiss_index, faiss.IndexFlat)
        self._kind = kinds.kind_of(faiss_index)
        self._refined = None if self.exact else faiss.IndexRefine(faiss_index, stored.faiss_index)
        self._plans: dict[int, _Plan] = {}
        self._plans_within: WeakKeyDictionary[Selection, dict[int, _Plan]] = WeakKeyDictionary()

    @classmethod
    def build(
        cls,
        spec: IndexSpec,
        keys: Keys,
        vectors: NDArray[np.floating],
        trained: "FaissIndex | None" = None,
    ) -> "FaissIndex":
        """Train and fill an index.

        Args:
            spec: The kind of index.
            keys: Shape (N,), int64, ascending strictly.
            vectors: Shape (N, D), kept as float16.
            trained: An index of the same kind and dimension, trained on similar vectors; its
                parameters are reused, which takes a fraction of the time.

        Raises:
            DimensionMismatchError: The vectors are not (N, D).
            ParameterError: This kind cannot be built from these vectors.
            ValueError: Keys do not ascend strictly, or a vector is not finite.
        """
        check_content(keys, vectors)
        stored = StoredVectors.of(vectors)
        if spec.factory == kinds.FLAT:
            return cls(spec, kinds.create(kinds.FLAT, stored.dimension), keys, stored)
        learned = None if trained is None else trained.faiss_index
        return cls(spec, kinds.build(spec.factory, stored.rows, learned), keys, stored)

    @property
    def most_probes(self) -> int:
        """Number of probes beyond which more make no difference."""
        return self._kind.most_probes

    def most_candidates(self, probes: int) -> int:
        """Return how many candidates so many probes can find."""
        return min(len(self), probes) if self._kind.probes_bound_candidates else len(self)

    def with_spec(self, spec: IndexSpec) -> "FaissIndex":
        """Return the same content with another search effort."""
        assert spec.factory == self.spec.factory
        return FaissIndex(spec, self.faiss_index, self.keys, self.stored)

    def __len__(self) -> int:
        return len(self.keys)

    def vectors(self, positions: Positions) -> Vectors:
        """See Index."""
        return self.stored.rows[positions].astype(np.float32)

    def save(self, folder: Path) -> None:
        """See Index."""
        contents = (
            faiss.serialize_index(self.faiss_index).data,
            self.stored.buffer.data,
            np.ascontiguousarray(self.keys, dtype="<i8").view(np.uint8).data,
        )
        for name, content in zip(FILES, contents, strict=True):
            write_synced(folder / name, content)

    def search(self, queries: Vectors, k: int, within: Selection | None = None) -> Hits:
        """See Index."""
        check_search(queries, k, self.dimension)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        available = len(self) if within is None else len(within)
        k = min(k, available)
        if k == 0 or len(queries) == 0:
            nothing = np.empty((len(queries), 0))
            return self._hits(nothing.astype(np.int64), nothing.astype(np.float32))
        plan = None if self.exact else self._plan(k, within)
        if plan is None or plan.scans:
            return self._hits(*self._compared(queries, k, within))
        candidates = self._candidates(queries, plan)
        scores = rescore(queries, self.stored.rows, candidates)
        positions, scores = best(candidates, scores, k)
        short = positions[:, -1] < 0
        if short.any():
            positions[short], scores[short] = self._compared(queries[short], k, within)
        return self._hits(positions, scores)

    def _plan(self, k: int, within: Selection | None) -> "_Plan":
        """Plan the search of an approximate kind; cached as long as the selection exists."""
        plans = self._plans if within is None else self._plans_within.setdefault(within, {})
        if k not in plans:
            plans[k] = self._make_plan(k, within)
        return plans[k]

    def _make_plan(self, k: int, within: Selection | None) -> "_Plan":
        available = len(self) if within is None else len(within)
        effort = self.spec.effort
        comparing = min(self._gathering_ns(available), self._comparing_ns(available))
        if SCAN_NS + comparing < self.nanoseconds(k, effort, available / len(self)):
            return _Plan(scans=True)
        count = min(effort.candidates_at(k), available)
        fetch = min(k + REFINED_ROOM, count)
        parameters = faiss.IndexRefineSearchParameters(
            k_factor=(count + 0.5) / fetch,
            base_index_params=self._kind.parameters(k, effort, within),
        )
        return _Plan(scans=False, fetch=fetch, parameters=parameters)

    def _candidates(self, queries: Vectors, plan: "_Plan") -> Positions:
        """Find positions (Q, `plan.fetch`), -1 for none, most likely including the k best.

        FAISS scores what the kind finds with the stored vectors, faster than here, but with other
        rounding.
        """
        assert self._refined is not None
        with self._threads_for(len(queries)):
            _, positions = self._refined.search(queries, plan.fetch, params=plan.parameters)
        return np.asarray(positions)

    def unrefined(self, queries: Vectors, k: int, effort: Effort) -> Positions:
        """Return what the kind itself finds, (Q, `effort.candidates_at(k)`), in its own order."""
        count = min(effort.candidates_at(k), len(self))
        parameters = self._kind.parameters(k, effort, None)
        return np.asarray(self.faiss_index.search(queries, count, params=parameters)[1])

    def nanoseconds(self, k: int, effort: Effort, share: float = 1.0) -> float:
        """Estimate the time of a query on one core, if this share of all rows may be found."""
        candidates = min(effort.candidates_at(k), share * len(self))
        scoring = candidates * SCAN_NS_AN_ELEMENT * self.dimension
        return self._kind.nanoseconds(k, effort, share) + scoring

    def _gathering_ns(self, rows: int) -> float:
        """Estimate the time to gather some rows and to compare a query with them."""
        return rows * SCAN_NS_AN_ELEMENT * self.dimension

    def _comparing_ns(self, rows: int) -> float:
        """Estimate the time to go through all rows and to compare a query with some of them."""
        left_out = len(self) - rows
        return left_out * COMPARE_NS_A_ROW + rows * COMPARE_NS_AN_ELEMENT * self.dimension

    def _compared(
        self, queries: Vectors, k: int, within: Selection | None
    ) -> tuple[Positions, NDArray[np.float32]]:
        """Positions and scores (Q, k) of the k best, by comparing with all that may be found."""
        if within is not None and self._gathering_ns(len(within)) < self._comparing_ns(len(within)):
            return scan(queries, self.stored.rows, within.positions, k)
        candidates = self._best_and_ties(queries, k, within)
        return best(candidates, rescore(queries, self.stored.rows, candidates), k)

    def _best_and_ties(self, queries: Vectors, k: int, within: Selection | None) -> Positions:
        """Return the k best and all possible ties with the k-th, which are ordered by key."""
        available = len(self) if within is None else len(within)
        fetch = min(k + TIE_ROOM, available)
        found = np.full((len(queries), fetch), -1, dtype=np.int64)
        asked = np.arange(len(queries))
        while len(asked):
            positions, scores = self._roughly_best(queries[asked], fetch, within)
            room = np.full((len(queries), fetch - found.shape[1]), -1, dtype=np.int64)
            found = np.hstack([found, room])
            found[asked] = positions
            may_tie = scores[:, k - 1] - scores[:, -1] < TIE_MARGIN
            asked = asked[may_tie] if fetch < available else asked[:0]
            fetch = min(4 * fetch, available)
        return found

    def _roughly_best(
        self, queries: Vectors, count: int, within: Selection | None
    ) -> tuple[Positions, NDArray[np.float32]]:
        """Positions and scores (Q, count), best first, as FAISS or matrix products compute them."""
        if len(queries) > MANY_QUERIES:
            rows = None if within is None else within.positions
            return by_products(queries, self.stored.rows, rows, count)
        with self._threads_for(len(queries)):
            scores, positions = self.stored.products.search(
                queries, count, params=kinds.only(within)
            )
        return positions, scores

    def _hits(self, positions: Positions, scores: NDArray[np.float32]) -> Hits:
        counts = np.full(len(positions), positions.shape[1], dtype=np.int64)
        return Hits(keys=self.keys[positions], scores=scores, counts=counts)

    def _threads_for(self, queries: int) -> AbstractContextManager[None]:
        """Choose FAISS's threads: few queries run on the calling thread alone.

        Waking sleeping FAISS threads costs a query several milliseconds, for example after a
        network has run, or on a machine with other work.
        """
        self._kind.expect(queries)
        return nullcontext() if queries > kinds.FEW_QUERIES else _one_thread()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run FAISS on one thread; the setting only affects the calling thread."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
