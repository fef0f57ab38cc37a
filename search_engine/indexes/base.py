"""Protocols of indexes and backends, and the order of results."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import DimensionMismatchError
from search_engine.indexes.scoring import Positions
from search_engine.indexes.selection import KeySet, Selection
from search_engine.indexes.spec import IndexSpec
from search_engine.records import Hits, Keys, Vectors


class Index(Protocol):
    """The content of a generation: vectors under ascending keys, which never change.

    Scores are exact cosines (inner products of unit rows), however candidates are found. Results
    come best first, equal scores by key.
    """

    @property
    def spec(self) -> IndexSpec:
        """The kind of index, and how hard it searches."""
        ...

    @property
    def dimension(self) -> int:
        """D, the width of the vectors."""
        ...

    @property
    def exact(self) -> bool:
        """Whether no nearest vector is ever missed."""
        ...

    @property
    def keys(self) -> Keys:
        """Shape (N,), int64, ascending strictly; the key at position n is that of vector n."""
        ...

    def __len__(self) -> int: ...

    def vectors(self, positions: Positions) -> Vectors:
        """Return the stored vectors at some positions, (P, D), float32."""
        ...

    def search(self, queries: Vectors, k: int, within: Selection | None = None) -> Hits:
        """Return the k most similar of all vectors or of a selection; fewer only if none are left.

        Args:
            queries: Shape (Q, D), float32, unit rows. Not changed.
            k: At least 1.
            within: Positions to search; None for all.

        Raises:
            DimensionMismatchError: D differs from the index.
            ValueError: k below 1, or a query is not finite.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the backend's `files` into an empty folder, durably.

        Raises:
            OSError: They cannot be written.
        """
        ...


class Backend(Protocol):
    """Builds and opens indexes; `search_engine.indexes.registry` names the backends."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files of a saved index."""
        ...

    def check(self, factory: str, dimension: int) -> None:
        """Raise ParameterError unless the backend can build such a kind of index."""
        ...

    def limit_threads(self, count: int) -> None:
        """Limit the threads of all later computations in this process."""
        ...

    def build(
        self,
        factory: str,
        keys: Keys,
        vectors: NDArray[np.floating],
        recall: float,
        before: Index | None = None,
        changed: int = 0,
    ) -> Index:
        """Build an index that reaches a recall on its own vectors, or as much as this kind can.

        Args:
            factory: The kind of index.
            keys: Shape (N,), int64, ascending strictly.
            vectors: Shape (N, D), unit rows; kept as float16.
            recall: index_recall@10 wanted, above 0 to 1.
            before: The collection's previous index, whose trained parameters may be reused.
            changed: How many vectors have changed since then.

        Raises:
            ParameterError: This kind cannot be built from these vectors.
        """
        ...

    def keys(self, folder: Path) -> Keys:
        """Read the keys of a saved index, (N,), int64, without opening or verifying it."""
        ...

    def open(self, folder: Path, spec: IndexSpec, dimension: int) -> Index:
        """Open a saved index whose files were verified.

        Raises:
            CorruptDataError: They do not make an index.
        """
        ...

    def discard(self, folder: Path) -> None:
        """Delete what an index saved in a folder, whole or in part, keeps outside of it.

        Raises:
            IndexUnavailableError: That cannot be reached now.
        """
        ...


def positions_of(index_keys: Keys, keys: Keys) -> Positions:
    """Return the positions of the keys that are in an index; ascending if the keys are."""
    if len(index_keys) == 0:
        return np.empty(0, dtype=np.int64)
    found = np.searchsorted(index_keys, keys)
    found[found == len(index_keys)] = 0
    here: Positions = found[index_keys[found] == keys]
    return here


class VectorIndex(Protocol):
    """Vectors that come and go: the live index of a collection, and the reference of the tests.

    It finds nearest neighbors by cosine, best first, equal scores by key.
    """

    @property
    def dimension(self) -> int:
        """D, the width of the vectors."""
        ...

    def __len__(self) -> int: ...

    def upsert(self, keys: Keys, vectors: NDArray[np.floating]) -> None:
        """Add vectors, or replace those of existing keys; the last of a repeated key counts.

        Args:
            keys: Shape (N,), int64.
            vectors: Shape (N, D), unit rows; kept as float16.

        Raises:
            DimensionMismatchError: The shapes do not fit.
            ValueError: A vector is not finite.
        """
        ...

    def remove(self, keys: Keys) -> None:
        """Remove keys; unknown ones are ignored."""
        ...

    def search(self, queries: Vectors, k: int, within: KeySet | None = None) -> Hits:
        """Return the k most similar vectors of each query, fewer if there are fewer.

        Args:
            queries: Shape (Q, D), float32, unit rows. Not changed.
            k: At least 1.
            within: Keys to search; None for all.

        Returns:
            Hits of shape (Q, at most k).

        Raises:
            DimensionMismatchError: D differs from the index.
            ValueError: k below 1, or a query is not finite.
        """
        ...


def check_content(keys: Keys, vectors: NDArray[np.floating]) -> None:
    """Raise ValueError or DimensionMismatchError unless keys and vectors can make an index."""
    check_vectors(vectors, vectors.shape[1])
    if len(keys) != len(vectors) or np.any(np.diff(keys) <= 0):
        raise ValueError("keys must ascend strictly, one for each vector")


def check_vectors(vectors: NDArray[np.floating], dimension: int) -> None:
    """Raise DimensionMismatchError or ValueError unless vectors are finite and (N, dimension)."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise DimensionMismatchError(
            f"vectors of shape {vectors.shape} do not fit an index of dimension {dimension}"
        )
    if not np.isfinite(vectors).all():
        raise ValueError("vectors must be finite")


def check_upsert(keys: Keys, vectors: NDArray[np.floating], dimension: int) -> None:
    """Do the same as `check_vectors`, and require one key for each vector."""
    check_vectors(vectors, dimension)
    if keys.shape != (len(vectors),):
        raise DimensionMismatchError(
            f"keys of shape {keys.shape} do not fit vectors of shape {vectors.shape}"
        )


def check_search(queries: Vectors, k: int, dimension: int) -> None:
    """Raise DimensionMismatchError or ValueError unless a search is possible."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    check_vectors(queries, dimension)


def last_of_each(keys: Keys) -> NDArray[np.int64]:
    """Return the position of the last occurrence of each key, by ascending key."""
    _, first_from_behind = np.unique(keys[::-1], return_index=True)
    return np.asarray(len(keys) - 1 - first_from_behind, dtype=np.int64)


def top_k(keys: Keys, scores: NDArray[np.float32], k: int) -> tuple[Keys, NDArray[np.float32]]:
    """Select the k best candidates of one query, best first, equal scores by key."""
    if len(keys) > 4 * k:  # a partial sort first, keeping ties with the last place
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        keep = scores >= threshold
        keys, scores = keys[keep], scores[keep]
    order = np.lexsort((keys, -scores))[:k]
    return keys[order], scores[order]


def pack_hits(rows: list[tuple[Keys, NDArray[np.float32]]]) -> Hits:
    """Combine the results of each query to one Hits."""
    width = max((len(keys) for keys, _ in rows), default=0)
    hits = Hits(
        keys=np.full((len(rows), width), -1, dtype=np.int64),
        scores=np.zeros((len(rows), width), dtype=np.float32),
        counts=np.array([len(keys) for keys, _ in rows], dtype=np.int64),
    )
    for number, (keys, scores) in enumerate(rows):
        hits.keys[number, : len(keys)] = keys
        hits.scores[number, : len(keys)] = scores
    return hits
