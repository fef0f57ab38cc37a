"""Find how hard an approximate index must search, by querying it with its own vectors.

The questions are some stored vectors, each left out of its own answer; comparing with all vectors
gives the right answers. On the scale data of `benchmarks.vectors` they need as many probes as
photos outside the index, or slightly more.

Only scores matter: among equal vectors, as of placeholder pictures and duplicates, any is right.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.faiss.kinds import SEED
from search_engine.indexes.scoring import Positions, rescore
from search_engine.indexes.spec import DEPTHS, Effort
from search_engine.neighbors import nearest
from search_engine.records import Vectors

SAMPLE = 512
ROOM = 0.002
"""Margin above the target, for the error of a sample."""
MOST_CANDIDATES = 3_000
CANDIDATES_A_NEIGHBOR = (2, 3, 4, 6, 8, 10, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100)
PROBES = tuple(round(4 * 1.15**step) for step in range(50))
"""Numbers of probes to try, from 4 to 3,770."""
TIE_MARGIN = 1e-6
"""float32 scores that differ by less are equal, as sums are rounded at this size."""


@dataclass(frozen=True, slots=True)
class Questions:
    """Stored vectors used as queries for their nearest others.

    Q rows of the index and their vectors (Q, D); `right` (Q, K) are the nearest others and `scores`
    (Q, K) their scores, best first.
    """

    rows: Positions
    vectors: Vectors
    right: Positions
    scores: NDArray[np.float32]

    def bars(self, k: int) -> NDArray[np.float32]:
        """Return the least score among the k nearest, (Q, 1)."""
        return np.asarray(self.scores[:, k - 1 : k] - np.float32(TIE_MARGIN))

    def tied(self, k: int) -> Positions:
        """Return the questions for which more than k answers reach that score."""
        return np.flatnonzero((self.scores[:, k : k + 1] >= self.bars(k)).any(axis=1))


def questions(stored: NDArray[np.float16], rows: Positions, k: int) -> Questions:
    """Return what some stored vectors (N, D) should find besides themselves: k and one more."""
    k = min(k + 1, len(stored) - 1)
    vectors = stored[rows].astype(np.float32)
    _, right = nearest(vectors, stored, k, rows)
    scores = rescore(vectors, stored, right)
    order = np.argsort(-scores, axis=1, kind="stable")
    return Questions(
        rows, vectors, np.take_along_axis(right, order, 1), np.take_along_axis(scores, order, 1)
    )


def tune(index: FaissIndex, target: float, sample: int = SAMPLE) -> FaissIndex:
    """Return the index with the least effort that reaches a recall, and the recall reached.

    If even the greatest effort misses the target, that effort is used and `recall` says what it
    gives. Exact indexes, and those with fewer than two vectors, are returned unchanged.

    Args:
        index: The index to tune.
        target: index_recall@10: the share of the 10 most similar vectors that a search finds.
        sample: Number of questions.
    """
    if index.exact or len(index) < 2:
        return index
    rows = np.random.default_rng(SEED).permutation(len(index))[:sample]
    depths = [min(depth, len(index) - 1) for depth in DEPTHS]
    asked = questions(index.stored.rows, np.sort(rows).astype(np.int64), depths[-1])
    probes, candidates = zip(
        *(_least_effort(index, asked, depth, target) for depth in depths), strict=True
    )
    effort = Effort(probes=(probes[0], max(probes)), candidates=(candidates[0], max(candidates)))
    tuned = index.with_spec(replace(index.spec, effort=effort))
    recall = index_recall(tuned, asked, depths[0])
    return tuned.with_spec(replace(tuned.spec, recall=round(recall, 4)))


def index_recall(index: FaissIndex, asked: Questions, k: int) -> float:
    """Return the share of the k places filled with items that score like the k nearest."""
    found = index.search(asked.vectors, k + 1)
    others = found.keys != index.keys[asked.rows][:, None]
    others &= np.cumsum(others, axis=1) <= k
    return float((others & (found.scores >= asked.bars(k))).sum() / (len(asked.rows) * k))


def _least_effort(index: FaissIndex, asked: Questions, k: int, target: float) -> tuple[int, int]:
    """Return probes and candidates of the cheapest effort that reaches the target at this depth."""
    wanted = min(1.0, target + ROOM)
    cheapest: tuple[float, int, int] | None = None
    efforts = [probes for probes in PROBES if probes < index.most_probes] + [index.most_probes]
    for probes in efforts:
        most = min(MOST_CANDIDATES, index.most_candidates(probes))
        if most < CANDIDATES_A_NEIGHBOR[0] * k and probes < efforts[-1]:
            continue  # enough for vectors in the graph, not for others
        counts = _counts(k, most)
        reached = _recall_by_count(index, asked, k, probes, counts)
        enough = [count for count, recall in zip(counts, reached, strict=True) if recall >= wanted]
        if enough:
            cost = index.nanoseconds(k, Effort((probes, probes), (enough[0], enough[0])))
            if cheapest is not None and cost >= cheapest[0]:
                break
            cheapest = (cost, probes, enough[0])
    return cheapest[1:] if cheapest else (efforts[-1], counts[-1])


def _counts(k: int, most: int) -> list[int]:
    """Return ascending numbers of candidates to consider for k neighbors."""
    return [number * k for number in CANDIDATES_A_NEIGHBOR if number * k <= most] or [most]


def _recall_by_count(
    index: FaissIndex, asked: Questions, k: int, probes: int, counts: list[int]
) -> list[float]:
    """Return the share of right neighbors among the first candidates, for each number of them."""
    effort = Effort((probes, probes), (counts[-1], counts[-1]))
    found = index.unrefined(asked.vectors, k, effort)
    is_right = _is_among(found, asked.right[:, :k])
    tied = asked.tied(k)
    is_right[tied] = _scores_as_well(index, asked, k, tied, found[tied])
    seen = np.minimum(np.cumsum(is_right, axis=1), k).sum(axis=0) / (len(found) * k)
    return [float(seen[min(count, found.shape[1]) - 1]) for count in counts]


def _scores_as_well(
    index: FaissIndex, asked: Questions, k: int, tied: Positions, found: Positions
) -> NDArray[np.bool_]:
    """Return which of the found (T, C) score like the k nearest of the tied questions.

    Equal questions find the same, so each distinct one is scored once.
    """
    if not len(tied):
        return np.zeros(found.shape, dtype=np.bool_)
    vectors, first, same = np.unique(
        asked.vectors[tied], axis=0, return_index=True, return_inverse=True
    )
    scores = rescore(vectors, index.stored.rows, found[first])[same]
    is_other = found != asked.rows[tied][:, None]
    return np.asarray((scores >= asked.bars(k)[tied]) & is_other & (found >= 0))


def _is_among(found: Positions, right: Positions) -> NDArray[np.bool_]:
    """Return which of the found (Q, C) are among the right ones (Q, k) of the same row."""
    offset = (np.arange(len(found)) * (int(max(found.max(), right.max())) + 2))[:, None] + 1
    return np.asarray(np.isin(found + offset, right + offset) & (found >= 0))
