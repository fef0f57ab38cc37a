"""Whether every index backend finds what comparing with all finds, with and without filters.

    python -m benchmarks.backends [--json] [--dataset clothing] [--milvus URI] [--queries 200]

The embeddings of a split's photos are the content, those of its validation photos ask. `overlap` is
the share of the exact ten nearest that a backend gives; under a filter, which a random share of the
items passes, `full` says whether every answer had as many results as it could have. Without
`--milvus` a server of Milvus Lite is started. `ms` is one query at a time.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.explain import some_photos
from benchmarks.index_run import Row
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.milvus_lite import MilvusLite
from benchmarks.quality import SPLITS
from benchmarks.regions import embedded
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.indexes.base import Index
from search_engine.indexes.registry import backend_of
from search_engine.indexes.scoring import scan
from search_engine.indexes.selection import Selection
from search_engine.records import Keys, Vectors

K = 10
RECALL = 0.99
SHARES = (1.0, 0.5, 0.1, 0.01, 0.001)
LOCAL = ("Flat", "HNSW32,Flat", "numpy")
KINDS = ("FLAT", "HNSW", "IVF_FLAT")


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--dataset", choices=SPLITS, default="clothing")
    parser.add_argument("--milvus", metavar="URI")
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER))
    train, validation = (
        np.concatenate([embedded(encoder, path.read_bytes()) for path in photos])
        for photos in (
            some_photos(DATASETS / given.dataset / SPLITS[given.dataset][0], given.items),
            some_photos(DATASETS / given.dataset / SPLITS[given.dataset][1], given.queries),
        )
    )
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        uri = given.milvus
        if uri is None:
            server = MilvusLite(folder / "milvus")
            stack.callback(server.kill)
            server.start()
            uri = server.uri
        for number, factory in enumerate([*LOCAL, *(f"milvus:{uri}#{kind}" for kind in KINDS)]):
            index = saved(factory, folder / str(number), train)
            rows += [measured(index, train, validation, share) for share in SHARES]
            backend_of(factory).discard(folder / str(number))
    report(rows, given.json, dataset=given.dataset, items=len(train))


def saved(factory: str, folder: Path, vectors: Vectors) -> Index:
    """Build an index, save it, and open what was saved."""
    folder.mkdir()
    keys: Keys = np.arange(len(vectors))
    built = backend_of(factory).build(factory, keys, vectors, RECALL)
    built.save(folder)
    return backend_of(factory).open(folder, built.spec, built.dimension)


def measured(index: Index, vectors: Vectors, queries: Vectors, share: float) -> Row:
    """Ask one query after the other, among a share of all items."""
    chosen = np.flatnonzero(np.random.default_rng(1).random(len(vectors)) < share)
    within = None if share == 1 else Selection(chosen, len(vectors))
    k = min(K, len(chosen))
    _, right = scan(queries, vectors.astype(np.float16), chosen, k)
    started = perf_counter()
    hits = [index.search(query[None], K, within) for query in queries]
    took = perf_counter() - started
    scores = np.stack([each.scores[0, :k] for each in hits])
    return {
        "index": index.spec.factory.partition(":")[0] + "#" + index.spec.factory.rpartition("#")[2],
        "passes": share,
        "overlap": round(float(np.mean(scores >= right[:, -1:] - 1e-6)), 4),
        "full": all(int(each.counts[0]) == k for each in hits),
        "ms": round(1e3 * took / len(queries), 2),
    }


if __name__ == "__main__":
    main()
