"""Kinds of index for the contract suites, and vectors that look like embeddings."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import faiss
import numpy as np

from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.spec import Effort, IndexSpec
from search_engine.records import Hits, Keys, Vectors
from tests.contract.exact_index import ExactIndex

Found = list[tuple[int, float]]

APPROXIMATE = (
    "HNSW16",
    "HNSW16,SQ8",
    "IVF16,Flat",
    "IVF16,PQ8x4fs",
    "PCAR16,IVF16,PQ8x4fs",
    "IVF16,RaBitQ",
    "IVF16,RaBitQfs",
    "SQ8",
    "RR32,SQ8",
    "IVF16,PQ8",
    "PCAR16,IVF16_HNSW8,PQ8x4fs",
    "OPQ8_16,IVF8,PQ8x4fs",
)
KINDS = ("Flat", *APPROXIMATE)
LEAST_VECTORS = 256
"""So many at least train every kind."""
THOROUGH = Effort(probes=(10**6, 10**6), candidates=(10**6, 10**6))
"""All lists, all nodes, all rows: what is found must be what comparing with all finds."""
INNER_DIMENSION = 8


def unit_vectors(count: int, dimension: int, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return unit_rows(rows)


def unit_rows(rows: "np.typing.NDArray[np.floating]") -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def manifold(count: int, queries: int, dimension: int, seed: int = 0) -> tuple[Vectors, Vectors]:
    """Points of a curved surface of few dimensions in clusters: stored ones, and held-out ones."""
    random = np.random.default_rng(seed)
    maps = random.normal(size=(2, INNER_DIMENSION, dimension)) / np.sqrt(INNER_DIMENSION)
    centres = random.normal(size=(max(1, count // 250), INNER_DIMENSION))
    places = centres[random.integers(len(centres), size=count + queries)]
    places = places + 0.5 * random.normal(size=places.shape)
    surface = np.tanh(places @ maps[0]) + np.sin(places @ maps[1])
    points = unit_rows(surface + 0.05 * random.normal(size=surface.shape))
    return points[:count], points[count:]


def some_keys(count: int, seed: int = 0) -> Keys:
    """Different keys with gaps, in no order."""
    return np.random.default_rng(seed).permutation(10 * count)[:count].astype(np.int64) + 1


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS gives the same every time on one thread, and test workers do not get in each other's
    way."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def build(kind: str, keys: Keys, vectors: Vectors, effort: Effort = THOROUGH) -> FaissIndex:
    """An index of a kind; keys in any order."""
    order = np.argsort(keys)
    with one_thread():
        return FaissIndex.build(IndexSpec(kind, effort), keys[order], vectors[order])


@cache
def surface_index(kind: str, count: int, dimension: int) -> FaissIndex:
    """Manifold vectors under the keys of `some_keys`; built once. Do not change it."""
    return build(kind, some_keys(count), manifold(count, 0, dimension)[0])


def oracle(keys: Keys, vectors: Vectors) -> ExactIndex:
    index = ExactIndex(vectors.shape[1])
    index.upsert(keys, vectors)
    return index


def found(hits: Hits, query: int = 0) -> Found:
    keys, scores = hits.row(query)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))


def found_keys(hits: Hits, query: int = 0) -> list[int]:
    return [key for key, _ in found(hits, query)]


def all_found(hits: Hits) -> list[Found]:
    return [found(hits, row) for row in range(len(hits.counts))]


def recall(hits: Hits, wanted: Hits) -> float:
    """Share of the wanted neighbors that were found."""
    shares = [
        len(set(found_keys(hits, row)) & set(found_keys(wanted, row))) / wanted.counts[row]
        for row in range(len(wanted.counts))
    ]
    return float(np.mean(shares))
