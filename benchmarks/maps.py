"""How much of what is near stays near on the map, and how well later items are placed.

    python -m benchmarks.maps [--scale N] [--json]

Of the pictures of each training split nine tenths are laid out and the others placed among them.
`trust` is the trustworthiness of the map for 10 neighbors (Venna and Kaski, ICANN 2001), `kept` the
share of the 10 nearest that are among the 10 nearest on it. `voted` is how often the 10 nearest on
the map vote for the right label: of pictures that were laid out, and `placed` of the others. Rows
are the map, its start (two principal components), and all dimensions. With `--scale` N vectors are
laid out instead (`benchmarks.vectors`); processor seconds are told of their neighbors and the map.
"""

import resource
from collections.abc import Iterator
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.mislabelled import embedded
from benchmarks.quality import SPLITS
from benchmarks.vectors import scale_vectors
from indexer.overviews.neighbors import NEIGHBORS, neighbors_of
from search_engine.indexes.choice import choose_index
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.registry import backend_of
from search_engine.neighbors import nearest
from search_engine.overviews.layout import lay_out, place_among
from search_engine.records import Codes, Floats, Vectors

NEAR = 10
DIMENSION = 256
RECALL = 0.99
MEMORY_BYTES = 2**31
LATER = 10
"""One picture of so many comes later."""


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--scale", type=int, default=0)
    given = parser.parse_args()
    if given.scale:
        report([at_scale(given.scale)], given.json)
        return
    rows = [
        row
        for name, (train, _) in SPLITS.items()
        for row in measure(name, *embedded(DATASETS / name / train))
    ]
    report(rows, given.json)


def measure(name: str, vectors: Vectors, codes: Codes) -> Iterator[dict[str, Any]]:
    """The figures of one dataset."""
    from sklearn.decomposition import PCA

    order = np.random.default_rng(0).permutation(len(vectors))
    later, first = np.sort(order[::LATER]), np.sort(np.setdiff1d(order, order[::LATER]))
    laid, further = vectors[first], vectors[later]
    scores, found = nearest(laid, laid, NEIGHBORS, np.arange(len(laid)))
    started, worked = perf_counter(), process_time()
    places = lay_out(laid, scores, found)
    took = {"seconds": round(perf_counter() - started, 1), "cpu": round(process_time() - worked, 1)}
    placed = place_among(places, nearest(further, laid, NEAR)[1])
    learned = PCA(2, random_state=0).fit(laid)
    spaces = {
        "map": (places, placed),
        "components": (learned.transform(laid), learned.transform(further)),
        "all dimensions": (laid, further),
    }
    for space, (old, new) in spaces.items():
        told = figures(laid, old, new, codes[first], codes[later], found)
        yield {"dataset": name, "space": space, **told, **(took if space == "map" else {})}


def at_scale(count: int) -> dict[str, Any]:
    """What many vectors take."""
    made = scale_vectors(count, DIMENSION)
    plan = choose_index(count, DIMENSION, MEMORY_BYTES)
    keys = np.arange(count)
    index = backend_of(plan.factory).build(plan.factory, keys, made.base, RECALL)
    snapshot = LiveIndex(DIMENSION, index).snapshot
    started = process_time()
    graph = neighbors_of(snapshot, keys, lambda count: None)
    found = process_time()
    lay_out(made.base, graph.scores, graph.rows)
    return {
        "items": count,
        "origin": made.origin,
        "index": plan.factory,
        "neighbors cpu": round(found - started, 1),
        "map cpu": round(process_time() - found, 1),
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def figures(
    laid: Vectors, old: Floats, new: Floats, classes: Codes, later: Codes, found: Codes
) -> dict[str, float]:
    """How well a space keeps neighbors."""
    from sklearn.manifold import trustworthiness
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=NEAR).fit(old)
    near = search.kneighbors(return_distance=False)
    kept = [len({*mine} & {*theirs}) for mine, theirs in zip(near, found[:, :NEAR], strict=True)]
    return {
        "trust": round(float(trustworthiness(laid, old, n_neighbors=NEAR)), 4),
        "kept": round(float(np.mean(kept)) / NEAR, 3),
        "voted": right(classes[near], classes),
        "placed": right(classes[search.kneighbors(new, return_distance=False)], later),
    }


def right(votes: Codes, truth: Codes) -> float:
    """How often most of the votes are right."""
    winners = [np.bincount(row).argmax() for row in votes]
    return round(float(np.mean(winners == truth)), 4)


if __name__ == "__main__":
    main()
