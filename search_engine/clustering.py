"""Cluster embeddings, choose a representative of each cluster, and propose labels.

Pure functions on arrays. Clusters are numbered from 0, the largest first (of equal size, the one
with the earliest item); -1 is in none.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.names import SEPARATOR, prefixes
from search_engine.processes import spare_cores
from search_engine.records import Vectors

Members = NDArray[np.int64]
"""The cluster of each item, shape (N,); -1 for none."""

SEED = 0
STARTS = 3
"""Number of k-means runs from different centres; the tightest clusters are kept."""
BATCH_FROM = 20_000
"""From so many items on, k-means learns from batches."""
BATCH_SIZE = 4_096
PRINCIPAL = 50
"""Principal components for HDBSCAN: density means little in a thousand dimensions."""
SMALLEST = 5
"""Items of the smallest cluster that HDBSCAN finds."""
MIN_SUPPORT = 0.8
MIN_LABELLED = 3


@dataclass(frozen=True, slots=True)
class Clusters:
    """Members of each cluster, and its medoid: the row most similar to the others."""

    members: Members
    medoids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.medoids)

    @property
    def noise(self) -> int:
        """Number of items in no cluster."""
        return int((self.members < 0).sum())

    def name(self, number: int) -> str:
        """Return a name such as `cluster-07`: numbered from 1, all names of equal length."""
        return f"cluster-{number + 1:0{max(2, len(str(len(self))))}d}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well clusters match classes, over the `items` that have a label and a cluster.

    `purity` is the share that has the most frequent label of its cluster; `nmi` the mutual
    information of label and cluster over the mean of their entropies. Manning, Raghavan and
    Schuetze, "Introduction to Information Retrieval", section 16.3. Both rise with the number of
    clusters, purity to 1.
    """

    items: int
    purity: float
    nmi: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A label for an unlabelled item; `support` is the share of labelled members having it.

    A cluster without any label gets its own name as a label, and a support of 0.
    """

    label: str
    support: float


def default_clusters(items: int) -> int:
    """Return the square root of half the items: the rule of thumb of Mardia et al., 1979."""
    return max(2, round(math.sqrt(items / 2)))


def kmeans(vectors: Vectors, clusters: int | None = None) -> Clusters:
    """Cluster around centres (scikit-learn's KMeans); every item is in a cluster.

    On unit rows the squared distance falls as the cosine rises, so this is k-means by cosine.

    Args:
        vectors: Shape (N, D), unit rows.
        clusters: Number of clusters; None for `default_clusters`.

    Raises:
        ParameterError: There are fewer items than clusters, or fewer than 2 clusters.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    wanted = default_clusters(len(vectors)) if clusters is None else clusters
    if not 2 <= wanted <= len(vectors):
        few = len(vectors) < 2
        raise ParameterError(
            f"{len(vectors):,} items do not make {wanted:,} clusters",
            where=None if few else "clusters",
            fix="index more first" if few else f"give a number from 2 to {len(vectors):,}",
        )
    if len(vectors) < BATCH_FROM:
        estimator = KMeans(wanted, n_init=STARTS, random_state=SEED)
    else:
        estimator = MiniBatchKMeans(wanted, n_init=STARTS, random_state=SEED, batch_size=BATCH_SIZE)
    with threadpool_limits(spare_cores()):
        return _numbered(vectors, estimator.fit_predict(vectors))


def hdbscan(vectors: Vectors) -> Clusters:
    """Find dense regions (scikit-learn's HDBSCAN); other items are in no cluster.

    Campello et al., "Density-based clustering based on hierarchical density estimates", PAKDD 2013.
    It takes the leaves of the hierarchy: many small clusters, each mostly of one class.

    Args:
        vectors: Shape (N, D), unit rows.

    Raises:
        ParameterError: There are fewer items than the smallest cluster has.
    """
    from sklearn.cluster import HDBSCAN
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    if len(vectors) < SMALLEST:
        raise ParameterError(
            f"{len(vectors):,} items; the smallest cluster has {SMALLEST}",
            where="method",
            fix="use kmeans",
        )
    with threadpool_limits(spare_cores()):
        components = min(PRINCIPAL, *vectors.shape)
        reduced = PCA(components, random_state=SEED, svd_solver="randomized").fit_transform(vectors)
        found = HDBSCAN(
            min_cluster_size=SMALLEST, min_samples=2, cluster_selection_method="leaf", copy=True
        )
        return _numbered(vectors, found.fit_predict(reduced))


METHODS: dict[str, Callable[[Vectors], Clusters]] = {"kmeans": kmeans, "hdbscan": hdbscan}


def agreement(clusters: Clusters, labels: Sequence[str | None]) -> Agreement | None:
    """Compute purity and mutual information; None if no item has both a label and a cluster."""
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    rows = [row for row, label in enumerate(labels) if label and clusters.members[row] >= 0]
    if not rows:
        return None
    truth, members = [str(labels[row]) for row in rows], clusters.members[rows]
    table = contingency_matrix(truth, members)
    return Agreement(
        items=len(rows),
        purity=float(table.max(axis=0).sum() / len(rows)),
        nmi=float(normalized_mutual_info_score(truth, members)),
    )


def propose_labels(
    clusters: Clusters,
    labels: Sequence[str | None],
    min_support: float = MIN_SUPPORT,
    min_labelled: int = MIN_LABELLED,
) -> list[Proposal | None]:
    """Propose a label for each unlabelled item whose cluster has enough; None for all others.

    Args:
        clusters: Clusters of N items.
        labels: Their labels, N values, None if unknown.
        min_support: A label needs at least this share of a cluster's labelled members.
        min_labelled: A cluster with fewer labelled members, but at least one, proposes nothing.
    """
    of_cluster = [
        _proposal(clusters, number, labels, min_support, min_labelled)
        for number in range(len(clusters))
    ]
    return [
        of_cluster[number] if label is None and number >= 0 else None
        for label, number in zip(labels, clusters.members.tolist(), strict=True)
    ]


def _proposal(
    clusters: Clusters,
    number: int,
    labels: Sequence[str | None],
    min_support: float,
    min_labelled: int,
) -> Proposal | None:
    rows = np.flatnonzero(clusters.members == number).tolist()
    known = [label for row in rows if (label := labels[row]) is not None]
    if not known:
        return Proposal(clusters.name(number), 0.0)
    label, count = most_frequent(known)
    support = count / len(known)
    enough = len(known) >= min_labelled and support >= min_support
    return Proposal(label, support) if enough else None


def most_frequent(labels: Sequence[str]) -> tuple[str, int]:
    """Return the most frequent label, the first in the alphabet among equals, and its count."""
    values, counts = np.unique(labels, return_counts=True)
    best = int(counts.argmax())
    return str(values[best]), int(counts[best])


def names_of(clusters: Clusters, labels: Sequence[str | None]) -> list[str]:
    """Name each cluster after the labels of its items, no two alike.

    That is its labels as `labels_of` has them; the cluster's own name where no item has a label. Of
    clusters that share a name, the largest has it as it is, and the others with a number.
    """
    taken: Counter[str] = Counter()
    names: list[str] = []
    for number, named_after in enumerate(labels_of(clusters, labels)):
        name = " and ".join(named_after) or clusters.name(number)
        taken[name] += 1
        names.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return names


def labels_of(clusters: Clusters, labels: Sequence[str | None]) -> list[tuple[str, ...]]:
    """Return the labels that each cluster is named after.

    That is the deepest level of label paths that most of the labelled items agree on; the two most
    frequent labels where there is none; nothing where no item has a label.
    """
    found: list[tuple[str, ...]] = []
    for number in range(len(clusters)):
        rows = np.flatnonzero(clusters.members == number).tolist()
        found.append(
            _common_labels(sorted(known for row in rows if (known := labels[row]) is not None))
        )
    return found


def _common_labels(labels: Sequence[str]) -> tuple[str, ...]:
    nodes = Counter(node for label in labels for node in prefixes(label))
    shared = [node for node, count in nodes.items() if 2 * count > len(labels)]
    if shared:
        return (max(shared, key=lambda node: node.count(SEPARATOR)),)
    return tuple(label for label, _ in Counter(labels).most_common(2))


def _numbered(vectors: Vectors, found: NDArray[np.integer]) -> Clusters:
    """Number the clusters in our order, and find their medoids."""
    numbers, first, size = np.unique(found, return_index=True, return_counts=True)
    real = numbers >= 0
    order = np.lexsort((first[real], -size[real]))
    members = np.full(len(found), -1, dtype=np.int64)
    medoids = np.empty(len(order), dtype=np.int64)
    for number, before in enumerate(numbers[real][order]):
        rows = np.flatnonzero(found == before)
        members[rows] = number
        medoids[number] = _medoid(vectors, rows)
    return Clusters(members, medoids)


def _medoid(vectors: Vectors, rows: NDArray[np.int64]) -> int:
    """Return the row with the largest sum of cosines to all rows, which is that with their sum."""
    chosen = vectors[rows].astype(np.float64)
    return int(rows[(chosen @ chosen.sum(axis=0)).argmax()])
