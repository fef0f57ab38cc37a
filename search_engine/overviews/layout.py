"""Places of items in a plane, where neighbors lie together. Pure functions on arrays.

t-SNE from a principal-component start, which keeps the large structure and gives the same map each
time: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 2008; Kobak and Berens, "The
art of using t-SNE for single-cell transcriptomics", Nature Communications 2019. It is computed by
openTSNE, from the nearest neighbors alone: Policar et al., "openTSNE: a modular Python library for
t-SNE dimensionality reduction and embedding", Journal of Statistical Software 2024.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import MissingExtraError
from search_engine.processes import spare_cores
from search_engine.records import Codes, Floats, Vectors

Places = NDArray[np.float32]
"""Coordinates (N, 2) in the unit square."""
Advance = Callable[[int], None]

SEED = 0
EARLY, LATE = 250, 500
"""Steps with neighbors pulled together, and steps after that."""
EXAGGERATION = 12
NEIGHBORS_PER_PERPLEXITY = 3
LEAST_ITEMS = 10
"""Fewer are placed by their principal components: they have no neighborhoods."""
LEARNED_FROM = 20_000
"""Principal components are learned from so many items."""
START_SPREAD = 1e-4
PLACED_BY = 5
"""So many neighbors say where a further item lies."""
TOLD_EVERY = 25


def lay_out(
    vectors: Vectors, scores: Floats, found: Codes, advance: Advance = lambda count: None
) -> Places:
    """Give each item a place; the same for the same input.

    Args:
        vectors: Shape (N, D), unit rows.
        scores: Cosines of the K nearest neighbors of each, best first, (N, K); -inf after the last.
        found: Rows of these neighbors, (N, K).
        advance: Counts the steps, `EARLY + LATE` in all.

    Raises:
        MissingExtraError: openTSNE is not installed.
    """
    start = _principal(vectors)
    if len(vectors) < LEAST_ITEMS:
        advance(EARLY + LATE)
        return into_square(start)
    tsne = import_tsne()
    known = np.isfinite(scores)
    scores, found = (np.where(known, each, each[:, :1]) for each in (scores, found))
    neighbors = tsne.nearest_neighbors.PrecomputedNeighbors(
        np.ascontiguousarray(found), np.sqrt(np.maximum(2.0 - 2.0 * scores, 0.0))
    )
    spread = start[:, 0].std()
    jobs = spare_cores()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations of libraries below it
        affinities = tsne.affinity.PerplexityBasedNN(
            perplexity=found.shape[1] / NEIGHBORS_PER_PERPLEXITY, knn_index=neighbors, n_jobs=jobs
        )
        embedding = tsne.TSNEEmbedding(
            start / spread * START_SPREAD if spread > 0 else start,
            affinities,
            random_state=SEED,
            n_jobs=jobs,
            callbacks=lambda *_: advance(TOLD_EVERY),
            callbacks_every_iters=TOLD_EVERY,
        )
        embedding.optimize(EARLY, exaggeration=EXAGGERATION, momentum=0.5, inplace=True)
        embedding.optimize(LATE, momentum=0.8, inplace=True)
    return into_square(np.asarray(embedding))


def into_square(places: NDArray[np.floating]) -> Places:
    """Move and scale places into the unit square, keeping proportions; the middle stays so."""
    low, high = places.min(axis=0), places.max(axis=0)
    size = float((high - low).max()) or 1.0
    return np.asarray((places - (low + high) / 2) / size + 0.5, dtype=np.float32)


def place_among(places: Places, found: Codes) -> Places:
    """Place further items, (M, 2), in the middle of their neighbors.

    The middle is the median of each coordinate: where neighbors lie in two parts of the map, an
    item goes to one of them rather than between.

    Args:
        places: Of the items of the map, (N, 2).
        found: Rows of the map's items that are nearest, (M, K), K at least 1.
    """
    return np.asarray(np.median(places[found[:, :PLACED_BY]], axis=1), dtype=np.float32)


def import_tsne() -> Any:
    """openTSNE, which takes a second to import.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import openTSNE
    except ImportError:
        raise MissingExtraError(
            "a map needs the package openTSNE", fix="pip install 'eyedex[map]'"
        ) from None
    return openTSNE


def _principal(vectors: Vectors) -> NDArray[np.floating]:
    """Return the first two principal components of each item, (N, 2)."""
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    if len(vectors) < 2:
        return np.zeros((len(vectors), 2))
    some = np.random.default_rng(SEED).permutation(len(vectors))[:LEARNED_FROM]
    with threadpool_limits(spare_cores()):
        learned = PCA(2, svd_solver="randomized", random_state=SEED).fit(vectors[np.sort(some)])
        return np.asarray(learned.transform(vectors))
