"""How hard an approximate index must search, found by asking it about its own vectors.

Some stored vectors, each left out of its own answer, are the questions; comparing with all
vectors gives the right answers. On the scale data of `benchmarks.vectors` this needs as many
probes as photos that are not in the index do, or slightly more.
"""

from dataclasses import replace

import faiss
import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.faiss_index import FaissIndex
from search_engine.indexes.kinds import SEED
from search_engine.indexes.scoring import Positions
from search_engine.indexes.spec import DEPTHS, Effort
from search_engine.records import Vectors

SAMPLE = 512
ROOM = 0.002
"""Tuned so much above the target, for the error of a sample."""
MOST_CANDIDATES = 3_000
CANDIDATES_A_NEIGHBOR = (2, 3, 4, 6, 8, 10, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100)
PROBES = tuple(round(4 * 1.15**step) for step in range(50))
"""4 to 3,770."""
BLOCK_ELEMENTS = 2**24


def tune(index: FaissIndex, target: float, sample: int = SAMPLE) -> FaissIndex:
    """The same index with the least effort that reaches a recall, and the recall it reached.

    When even the greatest effort does not reach the target, that effort stays and `recall` says
    what it gives. Exact indexes come back as they are, and those of fewer than two vectors.

    Args:
        index: What to tune.
        target: index_recall@10: the share of the 10 most similar vectors that a search finds.
        sample: Number of questions.
    """
    if index.exact or len(index) < 2:
        return index
    rows = np.random.default_rng(SEED).permutation(len(index))[:sample]
    rows = np.sort(rows).astype(np.int64)
    queries = index.stored.rows[rows].astype(np.float32)
    depth = min(DEPTHS[1], max(1, len(index) - 1))
    right = _without(exact_neighbors(index.stored.rows, queries, depth + 1), rows, depth)
    probes, candidates = zip(
        *(_least_effort(index, queries, right[:, :wanted], target) for wanted in DEPTHS),
        strict=True,
    )
    effort = Effort(probes=(probes[0], max(probes)), candidates=(candidates[0], max(candidates)))
    tuned = index.with_spec(replace(index.spec, effort=effort))
    recall = index_recall(tuned, queries, rows, right[:, : DEPTHS[0]])
    return tuned.with_spec(replace(tuned.spec, recall=round(recall, 4)))


def index_recall(index: FaissIndex, queries: Vectors, rows: Positions, right: Positions) -> float:
    """Share of the right neighbors (Q, k) that a search finds, the asking rows themselves aside."""
    k = right.shape[1]
    found = index.search(queries, k + 1)
    positions = index.positions(found.keys.ravel()).reshape(found.keys.shape)
    return _overlap(_without(positions, rows, k), right)


def exact_neighbors(vectors: NDArray[np.float16], queries: Vectors, k: int) -> Positions:
    """Positions (Q, min(k, N)) of the most similar vectors, by comparing with all of them.

    By products of matrices, whose rounding may swap what scores alike to six digits.
    """
    k = min(k, len(vectors))
    step = max(k, BLOCK_ELEMENTS // vectors.shape[1])
    heap = faiss.ResultHeap(len(queries), k, keep_max=True)
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step].astype(np.float32)
        scores, positions = faiss.knn(
            queries, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT
        )
        heap.add_result(scores, positions + start)
    heap.finalize()
    return np.asarray(heap.I)


def _least_effort(
    index: FaissIndex, queries: Vectors, right: Positions, target: float
) -> tuple[int, int]:
    """Probes and candidates of the cheapest effort that reaches the target at this depth."""
    k = right.shape[1]
    wanted = min(1.0, target + ROOM)
    cheapest: tuple[float, int, int] | None = None
    efforts = [probes for probes in PROBES if probes < index.most_probes] + [index.most_probes]
    for probes in efforts:
        most = min(MOST_CANDIDATES, index.most_candidates(probes))
        if most < CANDIDATES_A_NEIGHBOR[0] * k and probes < efforts[-1]:
            continue  # enough for a vector that has its place in the graph, not for others
        counts = _counts(k, most)
        reached = _recall_by_count(index, queries, right, probes, counts)
        enough = [count for count, recall in zip(counts, reached, strict=True) if recall >= wanted]
        if enough:
            cost = index.nanoseconds(k, Effort((probes, probes), (enough[0], enough[0])))
            if cheapest is not None and cost >= cheapest[0]:
                break
            cheapest = (cost, probes, enough[0])
    return cheapest[1:] if cheapest else (efforts[-1], counts[-1])


def _counts(k: int, most: int) -> list[int]:
    """Numbers of candidates to consider for k neighbors, ascending."""
    return [number * k for number in CANDIDATES_A_NEIGHBOR if number * k <= most] or [most]


def _recall_by_count(
    index: FaissIndex, queries: Vectors, right: Positions, probes: int, counts: list[int]
) -> list[float]:
    """For each number of candidates the share of right neighbors among the first so many."""
    k = right.shape[1]
    effort = Effort((probes, probes), (counts[-1], counts[-1]))
    found = index.unrefined(queries, k, effort)
    is_right = _is_among(found, right)
    seen = np.cumsum(is_right.sum(axis=0)) / right.size
    return [float(seen[min(count, found.shape[1]) - 1]) for count in counts]


def _overlap(found: Positions, right: Positions) -> float:
    return float(_is_among(found, right).sum() / right.size)


def _is_among(found: Positions, right: Positions) -> NDArray[np.bool_]:
    """Which of the found (Q, C) are among the right ones (Q, k) of the same row."""
    offset = (np.arange(len(found)) * (int(max(found.max(), right.max())) + 2))[:, None] + 1
    return np.asarray(np.isin(found + offset, right + offset) & (found >= 0))


def _without(positions: Positions, rows: Positions, k: int) -> Positions:
    """The first k of each row of positions, not counting the asking row itself."""
    others = positions != rows[:, None]
    others &= np.cumsum(others, axis=1) <= k
    short = np.flatnonzero(others.sum(axis=1) < k)
    if len(short):
        raise ValueError(f"fewer than {k} neighbors in row {short[0]}")
    return np.asarray(positions[others].reshape(len(positions), k))
