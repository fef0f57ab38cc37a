"""Exact ranking: compare every item of the gallery with every query, in blocks.

This is for measuring, not for serving. Measures of the whole ranking are computed block by block,
so memory grows with the number of queries, not with queries times items.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from search_engine import metrics
from search_engine.collections.labelled import Labelled
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import Learned
from search_engine.records import Floats, Keys, Vectors

T = TypeVar("T")

SCORES_A_BLOCK = 2_000_000
CURVE_DEPTH = 100
"""Ranks to keep of each query, at least: enough for curves over k."""

IsRelevant = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""Maps rows of queries (q,) to whether each item of the gallery is relevant to them, (q, N)."""


Reorder = Callable[
    [int, NDArray[np.int64], NDArray[np.float32], Vectors, Vectors], NDArray[np.int64]
]
"""Maps a query's row, the items that it can see, best first, and their scores, (V,) both, to the
same items in another order; it is given the embeddings of the query, (1, D), and the gallery's."""


@dataclass(frozen=True, slots=True)
class Hiding:
    """Items that a query must not find besides itself: those of its own group.

    `queries` (Q,) and `gallery` (N,) are group numbers, -1 for no group. A fold of a
    cross-validation is such a group.
    """

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Space:
    """What was learned from a gallery without some of its rows, `unseen` (n,).

    Embeddings `before` (N, D) are projected by `learned` when they are needed, as several spaces of
    a large gallery would not fit into memory.
    """

    unseen: NDArray[np.int64]
    before: Vectors
    learned: Learned

    def vectors(self) -> Vectors:
        """Return the embeddings (N, d) of the gallery in the space."""
        return project(self.before, *self.learned)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first K neighbors of Q queries, and measures of their whole rankings.

    `neighbors` are positions in the gallery (Q, K), best first, -1 after the last; `scores` are
    cosines (Q, K); `relevant` (Q, K). `total` counts the relevant items that a query could find,
    (Q,); where it is 0, the other measures (Q,) are NaN.
    """

    neighbors: NDArray[np.int64]
    scores: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    total: NDArray[np.int64]
    average_precision: Floats
    ndcg: Floats
    r_precision: Floats
    reciprocal_rank: Floats

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """Whether each query has a relevant item, (Q,)."""
        return self.total > 0

    def neighbors_with(self, query: int, known: Sequence[T], k: int) -> list[tuple[T, float]]:
        """Return a value and the score of a query's first k neighbors, as votes take them."""
        found = self.neighbors[query, :k]
        return [
            (known[item], float(score))
            for item, score in zip(found[found >= 0].tolist(), self.scores[query], strict=False)
        ]


def rank(
    queries: Labelled,
    gallery: Labelled,
    is_relevant: IsRelevant,
    kept: int,
    hiding: Hiding | None = None,
    advance: Callable[[int], None] = lambda count: None,
    reorder: Reorder | None = None,
    spaces: Sequence[Space] = (),
) -> Ranking:
    """Rank the whole gallery for each query, leaving out the query itself by key.

    Equal scores are ordered by key. If a ranking is reordered, scores move with their items.

    Args:
        queries: Q queries.
        gallery: N items, at least one.
        is_relevant: Returns which items are relevant.
        kept: Neighbors to keep of each query; fewer if the gallery is smaller.
        hiding: Further items that a query must not find.
        advance: Called with the number of queries done since the last call.
        reorder: Reorders what each query finds.
        spaces: Where to ask, each query, which is an item, in the one that has not seen it; without
            any by the embeddings of queries and gallery.
    """
    count = len(gallery.keys)
    by_key = np.argsort(gallery.keys, kind="stable")
    size = max(1, SCORES_A_BLOCK // count)
    blocks = []
    asked = np.empty(0, dtype=np.int64)
    for here, asking, vectors in by_space(queries, gallery, spaces):
        ordered = vectors[by_key]
        for start in range(0, len(here), size):
            rows = here[start : start + size]
            hidden = _hidden(queries.keys[rows], gallery.keys, rows, hiding)
            wanted = is_relevant(rows) & ~hidden
            scores = _visible_scores(asking[start : start + size], ordered, hidden[:, by_key])
            order = _best_first(scores)
            items, scores = by_key[order], np.take_along_axis(scores, order, axis=1)
            if reorder is not None:
                own = asking[start : start + size]
                _reorder_block(rows, items, scores, own, vectors, reorder)
            blocks.append(_rank_block(items, scores, wanted, min(kept, count)))
            advance(len(rows))
        asked = np.concatenate([asked, here])
    return _joined(blocks, min(kept, count), asked)


def by_space(
    queries: Labelled, gallery: Labelled, spaces: Sequence[Space]
) -> Iterator[tuple[NDArray[np.int64], Vectors, Vectors]]:
    """Yield rows of queries (q,), embeddings (q, d) of these and those of the gallery, (N, d)."""
    if not spaces:
        yield np.arange(len(queries.keys)), queries.vectors, gallery.vectors
    by_key = np.argsort(gallery.keys, kind="stable")
    for space in spaces:
        rows = np.flatnonzero(np.isin(queries.keys, gallery.keys[space.unseen]))
        places = np.searchsorted(gallery.keys, queries.keys[rows], sorter=by_key)
        vectors = space.vectors()
        yield rows, vectors[by_key[places]], vectors


def exact_scores(queries: Vectors, gallery: Labelled, own_keys: Keys) -> NDArray[np.float32]:
    """Return cosines (Q, N) of every item by position, with -inf for the query itself."""
    return _visible_scores(queries, gallery.vectors, own_keys[:, None] == gallery.keys)


def same_label(queries: Labelled, gallery: Labelled) -> IsRelevant:
    """Items with the query's label are relevant; unlabelled items and queries never match."""
    numbers: dict[str, int] = {}
    asked = np.array(
        [-1 if one is None else numbers.setdefault(one, len(numbers)) for one in queries.labels]
    )
    known = np.array([-2 if one is None else numbers.get(one, -2) for one in gallery.labels])
    return lambda rows: asked[rows, None] == known


def shared_value(
    queries: Sequence[frozenset[str]], gallery: Sequence[frozenset[str]]
) -> IsRelevant:
    """Items that share at least one value with the query are relevant."""
    numbers = {value: number for number, value in enumerate(sorted(frozenset().union(*gallery)))}
    asked, known = _indicators(queries, numbers), _indicators(gallery, numbers)
    return lambda rows: asked[rows] @ known.T > 0


def _indicators(sets: Sequence[frozenset[str]], numbers: dict[str, int]) -> NDArray[np.float32]:
    found = np.zeros((len(sets), len(numbers)), dtype=np.float32)
    for row, values in enumerate(sets):
        found[row, [numbers[value] for value in values if value in numbers]] = 1
    return found


def _hidden(
    own: Keys, keys: Keys, rows: NDArray[np.int64], hiding: Hiding | None
) -> NDArray[np.bool_]:
    hidden: NDArray[np.bool_] = own[:, None] == keys
    if hiding is not None:
        group = hiding.queries[rows, None]
        hidden |= (group == hiding.gallery) & (group >= 0)
    return hidden


def _visible_scores(
    queries: Vectors, vectors: Vectors, hidden: NDArray[np.bool_]
) -> NDArray[np.float32]:
    scores = queries @ vectors.T
    scores[hidden] = -np.inf
    return np.asarray(scores, dtype=np.float32)


def _best_first(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the positions of scores (B, N), the highest first; equal ones in their order.

    Numbers that hold the score above the position are sorted in a third of the time of a stable
    sort of positions.
    """
    bits = (scores + np.float32(0)).view(np.uint32)  # -0 becomes 0
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    packed = (~ascending).astype(np.uint64) << np.uint64(32)
    packed |= np.arange(scores.shape[1], dtype=np.uint64)
    packed.sort(axis=1)
    return (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _reorder_block(
    rows: NDArray[np.int64],
    items: NDArray[np.int64],
    scores: NDArray[np.float32],
    asking: Vectors,
    vectors: Vectors,
    reorder: Reorder,
) -> None:
    """Reorder the visible items (B, N) of each query in place, with their scores."""
    for row, places, values, own in zip(rows.tolist(), items, scores, asking, strict=True):
        seen = int(np.isfinite(values).sum())
        score_of = np.empty(len(places), dtype=values.dtype)
        score_of[places] = values
        places[:seen] = reorder(row, places[:seen].copy(), values[:seen].copy(), own[None], vectors)
        values[:seen] = score_of[places[:seen]]


def _rank_block(
    items: NDArray[np.int64], scores: NDArray[np.float32], wanted: NDArray[np.bool_], kept: int
) -> Ranking:
    """Rank B queries: items (B, N) and their scores, best first, and relevance by item."""
    relevant = np.take_along_axis(wanted, items, axis=1)
    total = relevant.sum(axis=1)
    best = scores[:, :kept].copy()  # a view would keep the whole block
    undefined = np.where(total > 0, 0.0, np.nan)
    return Ranking(
        neighbors=np.where(np.isfinite(best), items[:, :kept], -1),
        scores=best,
        relevant=relevant[:, :kept].copy(),
        total=total,
        average_precision=metrics.average_precision(relevant, total) + undefined,
        ndcg=metrics.ndcg(relevant, total) + undefined,
        r_precision=metrics.r_precision(relevant, total) + undefined,
        reciprocal_rank=metrics.reciprocal_rank(relevant) + undefined,
    )


def _joined(blocks: Sequence[Ranking], kept: int, asked: NDArray[np.int64]) -> Ranking:
    """Join blocks of the queries `asked`, (Q,), in the order of queries."""
    if not blocks:
        return _rank_block(
            np.empty((0, kept), np.int64),
            np.empty((0, kept), np.float32),
            np.empty((0, kept), bool),
            kept,
        )
    names, order = Ranking.__slots__, np.argsort(asked)
    columns = (np.concatenate([getattr(one, name) for one in blocks]) for name in names)
    return Ranking(*(column[order] for column in columns))
