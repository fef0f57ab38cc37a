"""Ours: the kind of index that Eyedex chooses and tunes, scores from float16 rows in a file."""

from dataclasses import replace

import faiss
import numpy as np

from benchmarks.rivals.base import EFFORTS, Ids, Place, Row, Rows
from benchmarks.rivals.faiss_hnsw import serialized_bytes
from search_engine.indexes.choice import choose_index
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.faiss.tuning import tune
from search_engine.indexes.generations import load, publish
from search_engine.indexes.manifest import Manifest
from search_engine.indexes.spec import Effort, IndexSpec

MEMORY_BYTES = 4 * 10**9
RECALL = 0.99


class EyedexIndex:
    """See IndexEngine. Its effort is the number of probes; candidates are as tuned."""

    efforts = EFFORTS
    factory: str | None = None
    """None leaves the choice to Eyedex."""

    def __init__(self, place: Place) -> None:
        faiss.omp_set_num_threads(place.threads)
        self._place = place
        self._built: FaissIndex | None = None
        self._tuned = Effort()

    @property
    def setting(self) -> str:
        """See IndexEngine."""
        spec, probes, tuned = self._index.spec, self._index.spec.effort.probes[0], self._tuned
        return (
            f"{spec.factory}, probes={probes} (tuned by itself: {tuned.probes[0]}), "
            f"{tuned.candidates[0]} candidates scored from mapped float16"
        )

    def build(self, vectors: Rows) -> None:
        """See IndexEngine. Includes tuning, publishing, and opening what was published."""
        count, dimension = vectors.shape
        factory = self.factory or choose_index(count, dimension, MEMORY_BYTES, RECALL).factory
        index = tune(FaissIndex.build(IndexSpec(factory), np.arange(count), vectors), RECALL)
        manifest = Manifest("benchmark", "benchmark", 0, count, dimension, index.spec)
        publish(self._place.folder, manifest, index)
        del index
        published = load(self._place.folder, "benchmark", "benchmark")
        assert published is not None
        assert isinstance(published.index, FaissIndex)
        self._built = published.index
        self._tuned = self._built.spec.effort

    def set_effort(self, effort: int) -> None:
        """See IndexEngine."""
        tuned = replace(self._tuned, probes=(effort, max(effort, self._tuned.probes[1])))
        self._built = self._index.with_spec(replace(self._index.spec, effort=tuned))

    def search(self, queries: Rows, k: int) -> Ids:
        """See IndexEngine."""
        found: Ids = self._index.search(queries, k).keys
        return found

    def search_one(self, query: Row, k: int) -> Ids:
        """See IndexEngine."""
        found: Ids = self.search(query[None], k)[0]
        return found

    def memory_bytes(self) -> int | None:
        """See IndexEngine."""
        return serialized_bytes(self._index.faiss_index) + self._index.keys.nbytes

    def mapped_bytes(self) -> int:
        """See IndexEngine."""
        return self._index.stored.rows.nbytes

    def close(self) -> None:
        """See IndexEngine."""
        self._built = None

    @property
    def _index(self) -> FaissIndex:
        assert self._built is not None, "search comes after build"
        return self._built


class EyedexGraph(EyedexIndex):
    """With `--index HNSW16,SQ8`."""

    factory = "HNSW16,SQ8"
