"""Engines by name. What an engine needs is imported only when it is made."""

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.rivals.base import Place

OURS = "eyedex"


@dataclass(frozen=True, slots=True)
class Entry:
    """A class of a module of this package, its options, and the packages that it needs."""

    module: str
    name: str
    needs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


INDEXES: dict[str, Entry] = {
    OURS: Entry("eyedex_index", "EyedexIndex"),
    "eyedex-hnsw": Entry("eyedex_index", "EyedexGraph"),
    "hnswlib": Entry("hnswlib_index", "HnswlibIndex", ("hnswlib",)),
    "hnswlib-m32": Entry("hnswlib_index", "HnswlibIndex", ("hnswlib",), {"connectivity": 32}),
    "usearch-f32": Entry("usearch_index", "UsearchIndex", ("usearch",), {"dtype": "f32"}),
    "usearch-f16": Entry("usearch_index", "UsearchIndex", ("usearch",), {"dtype": "f16"}),
    "usearch-bf16": Entry("usearch_index", "UsearchIndex", ("usearch",), {"dtype": "bf16"}),
    "usearch-i8": Entry("usearch_index", "RescoredUsearchIndex", ("usearch",)),
    "faiss-hnsw32": Entry("faiss_hnsw", "FaissHnswIndex"),
}
"""Vector indexes in memory. See IndexEngine."""

PRODUCTS: dict[str, Entry] = {
    OURS: Entry("eyedex_product", "EyedexProduct"),
    "milvus-lite": Entry("milvus_product", "MilvusLiteProduct", ("milvus_lite", "pymilvus")),
    "qdrant-local": Entry("qdrant_product", "QdrantLocalProduct", ("qdrant_client",)),
    "lancedb": Entry("lancedb_product", "LanceDbProduct", ("lancedb",)),
    "lancedb-ivf-pq": Entry("lancedb_product", "LanceDbProduct", ("lancedb",), {"index": "IVF_PQ"}),
}
"""Engines with storage, attributes and filters. See ProductEngine."""


def left_out(names: Iterable[str], entries: Mapping[str, Entry]) -> dict[str, str]:
    """Why engines cannot be made here, by their names; those that can are not among them."""
    reasons = {}
    for name in names:
        absent = [need for need in entries[name].needs if importlib.util.find_spec(need) is None]
        if absent:
            reasons[name] = f"{' and '.join(absent)} not installed (pip install -e '.[bench]')"
    return reasons


def create(entry: Entry, place: Place) -> Any:
    """The engine, not built yet; an IndexEngine or ProductEngine by where the entry stands."""
    module = importlib.import_module(f"benchmarks.rivals.{entry.module}")
    return getattr(module, entry.name)(place, **entry.options)
