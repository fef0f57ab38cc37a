"""Alpha query expansion: ask again for what query and nearest items have in common.

Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2019,
after Chum et al., "Total recall", ICCV 2007: the new query is the mean of the query and its nearest
items, each weighed by its similarity to the power of alpha. It costs a second search.
"""

import numpy as np

from search_engine.records import Keys, Vectors
from search_engine.search.rerank.base import CANDIDATES, Candidates, Scores, followed_by, unit

NEIGHBORS = 3
"""On clothing and groceries 5 and 10 gained no more, and lost first places."""
ALPHA = 3.0


def expand_query(found: Candidates) -> Keys:
    """What the expanded query finds, then the candidates that it does not."""
    if len(found) == 0:
        return found.keys
    query = expanded(found.query, found.vectors[:NEIGHBORS], found.scores[:NEIGHBORS])
    ((again, _),) = found.gallery.nearest(query, max(CANDIDATES, len(found)))
    return followed_by(again, found.keys)


def expanded(query: Vectors, vectors: Vectors, scores: Scores, alpha: float = ALPHA) -> Vectors:
    """The query (1, D) with its neighbors in it, of length 1; itself if they cancel each other.

    Args:
        query: Shape (1, D). Its own weight is 1.
        vectors: The neighbors, (N, D).
        scores: Their cosines, (N,); what is below 0 has no weight.
        alpha: 0 is the plain mean; the larger, the more the nearest count.
    """
    weights = weights_of(scores, alpha)
    mean = unit(query + weights[None] @ vectors)
    return mean if mean.any() else query


def weights_of(scores: Scores, alpha: float) -> Scores:
    """Similarities to the power of alpha; those below 0 count as 0, and 1 is the most."""
    return np.asarray(np.clip(scores, 0, 1) ** alpha, dtype=np.float32)
