"""What a collection costs as it grows: building, opening, memory, queries, filters, churn.

    python -m benchmarks.scale [--json] [--count N ...] [--dimension D] [--out FILE]

Each size is a real data directory: items with a vector, a label and three attributes in SQLite, an
index of the kind that Eyedex chooses. What is opened is opened in a new process, with the files in
the page cache. Latencies are of `LiveCollection.snapshot()` and `Snapshot.search` for one query,
which is what a search does between encoding the photo and reading the items.
"""

import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import parser_of, report
from benchmarks.rivals.sizes import resident_bytes
from benchmarks.vectors import ScaleVectors, scale_vectors
from search_engine.catalog.filters import Filter, parse_filter
from search_engine.catalog.store import Catalog
from search_engine.catalog.writer import ItemDraft
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.indexes.live import describe_snapshot
from search_engine.storage.paths import DataPaths

NAME = "default"
FINGERPRINT = "f" * 32
ITEMS_A_COMMIT = 5_000
K = 10
QUERIES = 1_000
FILTERED_QUERIES = 200
CHURN = 0.3
FILTERS: dict[str, dict[str, Any]] = {
    "price: 50 %": {"field": "price", "lt": 500},
    "price: 10 %": {"field": "price", "lt": 100},
    "price: 1 %": {"field": "price", "lt": 10},
    "price: 0.1 %": {"field": "price", "lt": 1},
    "neighborhood: 10 %": {"field": "label", "under": "part/0"},
    "neighborhood: 1 %": {"field": "label", "eq": "part/0/0"},
}
"""Prices are drawn at random. Labels follow the order of the vectors, which is that of the photos
they come from: such a filter keeps what looks alike, and most queries are far from it."""


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--out", type=Path, help="append rows to this file as they come")
    given = parser.parse_args()
    rows = []
    for count in given.count:
        for row in measure(count, given.dimension):
            rows.append(row)
            if given.out:
                with given.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    report(rows, given.json)


def measure(count: int, dimension: int) -> Iterator[dict[str, Any]]:
    """All rows of one size."""
    vectors = scale_vectors(count, dimension, QUERIES)
    size = {"n": count, "dimension": dimension}
    with tempfile.TemporaryDirectory(prefix="eyedex-scale-") as folder:
        settings = Settings(data=Path(folder) / "data")
        with Catalog(DataPaths(settings.data)) as catalog:
            started = time.perf_counter()
            fill(catalog, vectors.base)
            ingest_s = time.perf_counter() - started
            live = LiveCollection(catalog, catalog.collection(NAME), settings)
            started = time.perf_counter()
            live.compact()
            build_s = time.perf_counter() - started
        opened = in_new_process(opening, settings, vectors.queries)
        yield {"row": "growth", **size, "ingest_s": ingest_s, "build_s": build_s, **opened}
        yield from ({"row": "filter", **size, **row} for row in filtering(settings, vectors))
        yield {"row": "compaction", **size, **compaction(settings, vectors)}
        yield {"row": "churn", **size, **churn(settings, vectors)}


def fill(
    catalog: Catalog,
    vectors: NDArray[np.float32],
    first: int = 0,
    encoder: str = "hsv",
    fingerprint: str = FINGERPRINT,
    picture: str | None = None,
) -> None:
    """Items `first` and on with these vectors, in commits; known ones are replaced.

    All have the one picture, where there is one.
    """
    with catalog.write() as writer:
        if not catalog.collections():
            writer.create_collection(NAME)
    collection = catalog.collection(NAME)
    random = np.random.default_rng(first)
    for start in range(0, len(vectors), ITEMS_A_COMMIT):
        part = vectors[start : start + ITEMS_A_COMMIT]
        prices = random.uniform(0, 1_000, len(part)).round(2).tolist()
        with catalog.write() as writer:
            writer.set_encoder(collection.id, encoder, {}, fingerprint, vectors.shape[1])
            writer.put(
                collection.id,
                fingerprint,
                [
                    draft(first + start + row, vector, price, picture)
                    for row, (vector, price) in enumerate(zip(part, prices, strict=True))
                ],
            )


def draft(
    number: int, vector: NDArray[np.float32], price: float, picture: str | None = None
) -> ItemDraft:
    """One item; labels are runs of 1,000 items, ten runs in a hundred under one path."""
    run = number // 1_000
    return ItemDraft(
        item_id=f"item-{number}",
        content_hash=f"{number:064x}",
        vector=vector,
        picture=picture,
        label=f"part/{run % 10}/{run // 10 % 10}",
        attributes={"price": price, "brand": f"brand {number % 997}", "stock": number % 7},
    )


def opening(settings: Settings, queries: NDArray[np.float32]) -> dict[str, Any]:
    """Seconds to the first answer of a process that has imported all, memory, and latencies."""
    before = resident_bytes()["anonymous"]
    started = time.perf_counter()
    with Catalog(DataPaths(settings.data)) as catalog:
        live = LiveCollection(catalog, catalog.collection(NAME), settings)
        search(live, queries[:1])
        open_s = time.perf_counter() - started
        taken = latencies_ms(live, queries)
        memory = resident_bytes()["anonymous"] - before
        return {
            "open_s": open_s,
            "memory_bytes_per_vector": memory / len(live.snapshot() or ()),
            **percentiles(taken),
            **describe_snapshot(live.snapshot()),
        }


def filtering(settings: Settings, vectors: ScaleVectors) -> Iterator[dict[str, Any]]:
    """Recall against brute force over the matches, how many come back, and latency."""
    queries = vectors.queries[:FILTERED_QUERIES]
    with Catalog(DataPaths(settings.data)) as catalog:
        live = LiveCollection(catalog, catalog.collection(NAME), settings)
        search(live, queries)
        unfiltered = float(np.median(latencies_ms(live, queries)))
        for name, source in FILTERS.items():
            parsed = parse_filter(source)
            started = time.perf_counter()
            keys = live.matching(parsed).keys
            first_ms = (time.perf_counter() - started) * 1_000
            wanted = brute_force(vectors.base[keys - 1], keys, queries)
            found = search(live, queries, parsed)
            taken = latencies_ms(live, queries, parsed)
            yield {
                "filter": name,
                "matches": len(keys),
                "recall": overlap(found.keys, wanted),
                "always_full": bool((found.counts == min(K, len(keys))).all()),
                **percentiles(taken),
                "times_unfiltered": float(np.median(taken)) / unfiltered,
                "sql_once_ms": first_ms,
            }


def compaction(settings: Settings, vectors: ScaleVectors) -> dict[str, Any]:
    """Latencies while a generation is built by another process and taken over, and without."""
    with Catalog(DataPaths(settings.data)) as catalog:
        live = LiveCollection(catalog, catalog.collection(NAME), settings)
        search(live, vectors.queries[:1])
        renewed = int(0.06 * len(vectors.base))
        fill(catalog, vectors.base[:renewed])
        quiet = latencies_ms(live, vectors.queries)
        before = live.snapshot()
        worker = threading.Thread(target=live.compact_aside)
        started = time.perf_counter()
        worker.start()
        busy: list[float] = []
        while worker.is_alive():
            busy += latencies_ms(live, vectors.queries[:50])
        took = time.perf_counter() - started
        after = live.snapshot()
        assert before is not None
        assert after is not None
        return {
            "quiet_p99_ms": float(np.percentile(quiet, 99)),
            "compacting_p99_ms": float(np.percentile(busy, 99)),
            "p99_ratio": float(np.percentile(busy, 99) / np.percentile(quiet, 99)),
            "queries": len(busy),
            "compaction_s": took,
            "generations": [before.generation, after.generation],
        }


def churn(settings: Settings, vectors: ScaleVectors) -> dict[str, Any]:
    """Recall after 30 % of the items got other vectors: at once, compacted, and built afresh."""
    renewed = int(CHURN * len(vectors.base))
    base = vectors.base.copy()
    base[:renewed] = np.roll(base[:renewed], renewed // 2, axis=0)
    queries = vectors.queries[:FILTERED_QUERIES]
    with Catalog(DataPaths(settings.data)) as catalog:
        live = LiveCollection(catalog, catalog.collection(NAME), settings)
        search(live, queries)
        fill(catalog, base[:renewed])
        snapshot = live.snapshot()
        assert snapshot is not None
        keys = snapshot.keys()
        wanted = brute_force(base[keys - 1], keys, queries)
        at_once = overlap(search(live, queries).keys, wanted)
        live.compact(force=True)
        compacted = overlap(search(live, queries).keys, wanted)
        live.rebuild(None)
        fresh = overlap(search(live, queries).keys, wanted)
    return {"at_once": at_once, "compacted": compacted, "fresh": fresh}


def search(live: LiveCollection, queries: NDArray[np.float32], parsed: Filter | None = None) -> Any:
    """As the engine does it."""
    snapshot = live.snapshot()
    assert snapshot is not None
    return snapshot.search(queries, K, None if parsed is None else live.matching(parsed))


def latencies_ms(
    live: LiveCollection, queries: NDArray[np.float32], parsed: Filter | None = None
) -> list[float]:
    """Of one query a call."""
    taken = []
    for query in queries:
        started = time.perf_counter()
        search(live, query[None], parsed)
        taken.append((time.perf_counter() - started) * 1_000)
    return taken


def percentiles(taken: list[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    half, nearly_all = np.percentile(taken, (50, 99))
    return {"p50_ms": float(half), "p99_ms": float(nearly_all)}


def brute_force(
    base: NDArray[np.float32], keys: NDArray[np.int64], queries: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Keys of the nearest of these vectors, (Q, min(K, N))."""
    k = min(K, len(base))
    _, rows = faiss.knn(queries, np.ascontiguousarray(base), k, metric=faiss.METRIC_INNER_PRODUCT)
    return np.asarray(keys[rows])


def overlap(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    """Share of the wanted keys that were found, row by row."""
    common = [len(np.intersect1d(*pair)) for pair in zip(found, wanted, strict=True)]
    return float(np.sum(common) / wanted.size)


def in_new_process(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What a function returns in a process that has nothing open yet."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


if __name__ == "__main__":
    main()
