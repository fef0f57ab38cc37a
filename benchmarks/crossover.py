"""From how many vectors on an inverted file is quicker than comparing with all, in core-ms a query.

    python -m benchmarks.crossover [--json] [--dimension D] [--counts N ...]

For each number of vectors: FAISS over float32 vectors, the exact index (which reads float16), and
the inverted file that is chosen for larger collections, tuned to 0.99; each is asked for 10
neighbors of the same photos, in turns, with as much memory written in between as pushes vectors out
of the caches, as a network does. `its recall` is that of the inverted file, by photos that none of
the vectors are of.
"""

import time
from collections.abc import Callable, Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.index_run import Row
from benchmarks.machine import parser_of, report
from benchmarks.rivals.exact import exact_truth, index_recall
from benchmarks.vectors import scale_vectors
from search_engine.indexes.choice import DIMENSIONS_A_CODE, FLAT, inverted_file
from search_engine.indexes.faiss.backend import FaissBackend
from search_engine.records import Vectors

QUERIES = 40
K = 10
RECALL = 0.99
FORGOTTEN_BYTES = 2**25
"""Between two questions a network runs, whose weights push vectors out of the caches: so does this
much memory that is written."""
COUNTS = {256: (10_000, 25_000, 50_000, 100_000), 1_280: (2_000, 5_000, 10_000, 20_000)}

Ask = Callable[[Vectors], object]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--dimension", type=int, choices=COUNTS, default=1_280)
    parser.add_argument("--counts", type=int, nargs="+")
    given = parser.parse_args()
    counts = given.counts or COUNTS[given.dimension]
    vectors = scale_vectors(max(counts), given.dimension, QUERIES)
    rows = [row_of(vectors.base[:count], vectors.queries) for count in counts]
    report(rows, given.json, vectors=vectors.origin, dimension=given.dimension, k=K)


def row_of(base: Vectors, queries: Vectors) -> Row:
    """What the kinds take for these vectors."""
    count, dimension = base.shape
    backend, keys = FaissBackend(), np.arange(count)
    exact = backend.build(FLAT, keys, base, RECALL)
    plan = inverted_file(count, dimension, DIMENSIONS_A_CODE[0])
    inverted = backend.build(plan.factory, keys, base, RECALL)
    wide = faiss.IndexFlatIP(dimension)
    wide.add(base)
    found = inverted.search(queries, K).keys
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    float32_s, exact_s, inverted_s = core_seconds(
        [
            lambda query: wide.search(query, K),
            lambda query: exact.search(query, K),
            lambda query: inverted.search(query, K),
        ],
        queries,
    )
    faiss.omp_set_num_threads(threads)
    return {
        "vectors": count,
        "numbers, millions": round(count * dimension / 1e6, 1),
        "float32, core-ms": round(float32_s * 1e3, 2),
        "exact, core-ms": round(exact_s * 1e3, 2),
        "inverted file, core-ms": round(inverted_s * 1e3, 2),
        "its recall": round(index_recall(found, exact_truth(base, queries, K), base, queries), 3),
    }


def core_seconds(asks: Sequence[Ask], queries: Vectors) -> NDArray[np.float64]:
    """Seconds of this thread on a core that each way to ask takes for a query in the middle, by
    asking in turns with every query."""
    pushing = np.zeros(FORGOTTEN_BYTES // 8)
    taken: NDArray[np.float64] = np.empty((len(queries), len(asks)))
    for turn, query in enumerate(queries):
        for number, ask in enumerate(asks):
            pushing += 1
            started = time.thread_time()
            ask(query[None])
            taken[turn, number] = time.thread_time() - started
    return np.asarray(np.median(taken, axis=0))


if __name__ == "__main__":
    main()
