"""The FAISS backend: kinds by factory string, tuned to a recall, stored in files."""

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from search_engine.errors import CorruptDataError, ParameterError
from search_engine.indexes.base import Index
from search_engine.indexes.faiss import kinds
from search_engine.indexes.faiss.index import FILES, FaissIndex
from search_engine.indexes.faiss.stored_vectors import StoredVectors
from search_engine.indexes.faiss.tuning import tune
from search_engine.indexes.spec import IndexSpec
from search_engine.records import Keys

LOOP_LIMIT = 100_000_000
BYTE_LIMIT_SLACK = 2**20
STALE_SHARE = 0.3
"""Share of changed vectors from which on an index is trained again; below it, the parameters of the
previous index are reused as long as recall does not suffer."""


class FaissBackend:
    """See Backend."""

    files = FILES

    def check(self, factory: str, dimension: int) -> None:
        """See Backend."""
        kinds.create(factory, dimension)

    def limit_threads(self, count: int) -> None:
        """See Backend."""
        faiss.omp_set_num_threads(count)

    def build(
        self,
        factory: str,
        keys: Keys,
        vectors: NDArray[np.floating],
        recall: float,
        before: Index | None = None,
        changed: int = 0,
    ) -> FaissIndex:
        """See Backend."""
        learned = _learned(before, factory, changed, len(keys))
        if learned is not None:
            spec = IndexSpec(factory, since_training=learned.spec.since_training + changed)
            index = tune(FaissIndex.build(spec, keys, vectors, learned), recall)
            if (index.spec.recall or 0.0) >= min(recall, learned.spec.recall or recall):
                return index
        return tune(FaissIndex.build(IndexSpec(factory), keys, vectors), recall)

    def keys(self, folder: Path) -> Keys:
        """See Backend."""
        return np.fromfile(folder / FILES[2], dtype="<i8")

    def open(self, folder: Path, spec: IndexSpec, dimension: int) -> FaissIndex:
        """See Backend."""
        index_file, vectors_file, _ = (folder / name for name in FILES)
        faiss.set_deserialization_vector_byte_limit(index_file.stat().st_size + BYTE_LIMIT_SLACK)
        faiss.set_deserialization_loop_limit(LOOP_LIMIT)
        keys = self.keys(folder)
        try:
            stored = StoredVectors.map(vectors_file, dimension)
            faiss_index = faiss.read_index(str(index_file))
        except (RuntimeError, ValueError, OSError) as error:
            raise CorruptDataError("the index cannot be read", where=str(folder)) from error
        if spec.factory == kinds.FLAT and faiss_index.ntotal == len(keys):
            faiss_index.reset()  # earlier versions kept the vectors here, too
        expected = 0 if spec.factory == kinds.FLAT else len(keys)
        sizes = (faiss_index.ntotal, len(stored))
        if sizes != (expected, len(keys)) or faiss_index.d != dimension:
            raise CorruptDataError("the files of an index differ in size", where=str(folder))
        try:
            return FaissIndex(spec, faiss_index, keys, stored)
        except ParameterError as error:
            what = "the index is of an unknown kind"
            raise CorruptDataError(what, where=str(index_file)) from error

    def discard(self, folder: Path) -> None:
        """Do nothing: its files are all there is."""


def _learned(before: Index | None, factory: str, changed: int, count: int) -> FaissIndex | None:
    """Return the previous index, if its trained parameters may be reused for so many vectors."""
    if not isinstance(before, FaissIndex) or before.exact or before.spec.factory != factory:
        return None
    stale = before.spec.since_training + changed
    return before if stale <= STALE_SHARE * count else None
