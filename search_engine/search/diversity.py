"""Diversity: results that look less like each other, by maximal marginal relevance."""

import numpy as np

from search_engine.indexes.scoring import cosines
from search_engine.records import Codes, Floats, Vectors

DECIMALS = 6


def diverse(relevance: Floats, vectors: Vectors, diversity: float, count: int) -> Codes:
    """The places of the candidates (C,) in a new order: the first `count` picked, then the rest.

    Each pick has the most `(1 - diversity) * relevance - diversity * likeness`, where likeness is
    the greatest cosine to those picked before; of equals the first is picked. With 0 the order
    stays; with 1 each is the one least like those before it, behind the first.

    Args:
        relevance: Falling.
        vectors: Embeddings of the candidates, (C, D).
        diversity: 0 to 1.
        count: How many are picked; the rest follow in the order that they have.
    """
    left = np.ones(len(relevance), dtype=bool)
    likeness = np.full(len(relevance), -1.0)
    picked: list[int] = []
    gain = relevance.astype(np.float64)
    while len(picked) < min(count, len(relevance)):
        best = int(np.argmax(np.where(left, np.round(gain, DECIMALS), -np.inf))) if picked else 0
        picked.append(best)
        left[best] = False
        likeness = np.maximum(likeness, cosines(vectors[best], vectors))
        gain = (1 - diversity) * relevance - diversity * likeness
    return np.concatenate([np.array(picked, dtype=np.int64), np.flatnonzero(left)])
