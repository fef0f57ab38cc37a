"""How far items are from all others. A pure function on arrays."""

import numpy as np

from search_engine.records import Floats


def mean_cosines(scores: Floats) -> Floats:
    """Return the mean cosine of each item with its nearest neighbors, (N,); inf without any.

    The distance to the nearest ones: Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining
    outliers from large data sets", SIGMOD 2000. With foreign pictures planted, the mean of 50 finds
    more of them than that of 10, and than the local outlier factor (`python -m
    benchmarks.mislabelled`).

    Args:
        scores: Cosines of the nearest K of each item, best first, (N, K); -inf after the last one.
    """
    known = np.isfinite(scores)
    sums = np.where(known, scores, 0.0).sum(axis=1)
    counts = known.sum(axis=1)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.inf))
