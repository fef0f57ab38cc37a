"""The backend `numpy`: compare all vectors with NumPy, slow and obviously right."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import CorruptDataError, ParameterError
from search_engine.indexes.base import Index, check_content, check_search
from search_engine.indexes.scoring import Positions, scan
from search_engine.indexes.selection import Selection
from search_engine.indexes.spec import IndexSpec
from search_engine.records import Hits, Keys, Vectors
from search_engine.storage.durable import write_synced

NAME = "numpy"
ROWS, KEYS = FILES = ("rows.f16", "keys.i64")


class NumpyIndex:
    """See Index."""

    exact = True

    def __init__(
        self, keys: Keys, rows: NDArray[np.float16], spec: IndexSpec | None = None
    ) -> None:
        self.spec = spec or IndexSpec(NAME)
        self.keys, self.dimension, self._rows = keys, rows.shape[1], rows

    def __len__(self) -> int:
        return len(self.keys)

    def vectors(self, positions: Positions) -> Vectors:
        """See Index."""
        return self._rows[positions].astype(np.float32)

    def search(self, queries: Vectors, k: int, within: Selection | None = None) -> Hits:
        """See Index."""
        check_search(queries, k, self.dimension)
        available = len(self) if within is None else len(within)
        k = min(k, available)
        if k == 0 or not len(queries):
            nothing = np.empty((len(queries), 0))
            positions, scores = nothing.astype(np.int64), nothing.astype(np.float32)
        else:
            positions, scores = self._nearest(queries, k, within, available)
        counts = np.full(len(positions), positions.shape[1], dtype=np.int64)
        return Hits(keys=self.keys[positions], scores=scores, counts=counts)

    def _nearest(
        self, queries: Vectors, k: int, within: Selection | None, available: int
    ) -> tuple[Positions, NDArray[np.float32]]:
        """Return positions and scores (Q, k) of the k nearest of those available."""
        return scan(queries, self._rows, None if within is None else within.positions, k)

    def save(self, folder: Path) -> None:
        """See Index."""
        write_synced(folder / ROWS, self._rows.astype("<f2").tobytes())
        write_synced(folder / KEYS, self.keys.astype("<i8").tobytes())


class NumpyBackend:
    """See Backend."""

    files = FILES

    def check(self, factory: str, dimension: int) -> None:
        """See Backend."""
        if factory != NAME:
            raise ParameterError("it has one kind", where="index", fix=f"give {NAME}")

    def limit_threads(self, count: int) -> None:
        """Do nothing: NumPy's threads are those of its linear algebra, set in the environment."""

    def build(
        self,
        factory: str,
        keys: Keys,
        vectors: NDArray[np.floating],
        recall: float,
        before: Index | None = None,
        changed: int = 0,
    ) -> NumpyIndex:
        """See Backend."""
        check_content(keys, vectors)
        return NumpyIndex(keys, vectors.astype(np.float16))

    def keys(self, folder: Path) -> Keys:
        """See Backend."""
        return np.fromfile(folder / KEYS, dtype="<i8")

    def open(self, folder: Path, spec: IndexSpec, dimension: int) -> NumpyIndex:
        """See Backend."""
        keys = self.keys(folder)
        rows = np.fromfile(folder / ROWS, dtype="<f2")
        if len(rows) != len(keys) * dimension:
            raise CorruptDataError("the files of an index differ in size", where=str(folder))
        return NumpyIndex(keys, rows.reshape(len(keys), dimension))

    def discard(self, folder: Path) -> None:
        """Do nothing: its files are all there is."""
