"""Measure the serving index: recall against exact ranking, and latency."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from search_engine.collections.labelled import Labelled
from search_engine.evaluate.ranking import exact_scores
from search_engine.records import Hits, Vectors

PERCENTILES = (50, 90, 95, 99)
WARM_UP = 3
TIE = 1e-5
"""Scores that differ by less are equal: either of two equal pictures may be found."""

Search = Callable[[Vectors, int], Hits]


def index_recall(
    search: Search, queries: Labelled, gallery: Labelled, ks: Sequence[int]
) -> dict[int, float]:
    """Return the share of the true k nearest that a search finds, mean over the queries, by k.

    Items that score like the k-th count as among them. The query itself is left out of both.

    Args:
        search: Returns hits for queries (Q, D) and a number of neighbors.
        queries: Q queries, with their keys in the gallery, or -1.
        gallery: The N items of the index.
        ks: Numbers of neighbors.
    """
    most = max(ks)
    exact = exact_scores(queries.vectors, gallery, queries.keys)
    hits = search(queries.vectors, most + 1)
    position = {key: row for row, key in enumerate(gallery.keys.tolist())}
    shares: dict[int, list[float]] = {k: [] for k in ks}
    for query, own in enumerate(queries.keys.tolist()):
        found = [position[key] for key in hits.row(query)[0].tolist() if key != own]
        scores = exact[query]
        for k in ks:
            reachable = min(k, int(np.isfinite(scores).sum()))
            if reachable:
                bar = np.partition(scores, -reachable)[-reachable] - TIE
                shares[k].append(float((scores[found[:k]] >= bar).sum() / reachable))
    return {k: float(np.mean(one)) if one else 1.0 for k, one in shares.items()}


def search_times_ms(search: Search, queries: Vectors, k: int) -> list[float]:
    """Time each query, asked one at a time; the first few warm up and are not counted."""
    times = []
    for number in range(-min(WARM_UP, len(queries)), len(queries)):
        started = time.perf_counter()
        search(queries[[max(number, 0)]], k)
        if number >= 0:
            times.append((time.perf_counter() - started) * 1000)
    return times


def percentiles_ms(stages: Iterable[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return percentiles of each stage over several timings, and the number of timings."""
    columns: dict[str, list[float]] = {}
    for timings in stages:
        for stage, milliseconds in timings.items():
            columns.setdefault(stage, []).append(milliseconds)
    return {
        stage: {
            **{f"p{q}": round(float(np.percentile(times, q)), 3) for q in PERCENTILES},
            "count": len(times),
        }
        for stage, times in columns.items()
    }
