"""An index backend in one file, as somebody would write who adds one: vectors in a JSON file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.base import Index, check_content, check_search, pack_hits, top_k
from search_engine.indexes.scoring import Positions, cosines
from search_engine.indexes.selection import Selection
from search_engine.indexes.spec import IndexSpec
from search_engine.records import Hits, Keys, Vectors
from search_engine.storage.durable import write_synced

NAME = "toy"
ENTRY = "tests.contract.toy_backend:ToyBackend"


class ToyIndex:
    """See Index."""

    exact = True

    def __init__(self, keys: Keys, rows: Vectors) -> None:
        self.spec, self.keys, self.dimension = IndexSpec(NAME), keys, rows.shape[1]
        self._rows = rows

    def __len__(self) -> int:
        return len(self.keys)

    def vectors(self, positions: Positions) -> Vectors:
        return self._rows[positions]

    def search(self, queries: Vectors, k: int, within: Selection | None = None) -> Hits:
        check_search(queries, k, self.dimension)
        keys, rows = self.keys, self._rows
        if within is not None:
            keys, rows = keys[within.positions], rows[within.positions]
        return pack_hits([top_k(keys, cosines(query, rows), k) for query in queries])

    def save(self, folder: Path) -> None:
        content = {"keys": self.keys.tolist(), "rows": self._rows.tolist()}
        write_synced(folder / "toy.json", json.dumps(content).encode())


class ToyBackend:
    """See Backend."""

    files = ("toy.json",)

    def check(self, factory: str, dimension: int) -> None:
        """Any kind will do."""

    def limit_threads(self, count: int) -> None:
        """It has one."""

    def build(
        self, factory: str, keys: Keys, vectors: NDArray[np.floating], *_: Any, **__: Any
    ) -> ToyIndex:
        check_content(keys, vectors)
        return ToyIndex(keys, vectors.astype(np.float16).astype(np.float32))

    def keys(self, folder: Path) -> Keys:
        content = json.loads((folder / "toy.json").read_bytes())
        return np.array(content["keys"], dtype=np.int64)

    def open(self, folder: Path, spec: IndexSpec, dimension: int) -> Index:
        content = json.loads((folder / "toy.json").read_bytes())
        rows = np.array(content["rows"], dtype=np.float32).reshape(-1, dimension)
        return ToyIndex(self.keys(folder), rows)

    def discard(self, folder: Path) -> None:
        """Its files are all there is."""
