"""Database-side augmentation: items are compared with the query together with what is like them.

Arandjelovic and Zisserman, "Three things everyone should know to improve object retrieval", CVPR
2012; Gordo et al., "End-to-end learning of deep visual representations for image retrieval", IJCV
2017. Each embedding is replaced by the mean of it and its nearest items, weighed here by similarity
to the power of alpha.

The papers do so once for the whole gallery. Here it is done for the candidates of a query, with the
neighbors that they have in the whole gallery: nothing is kept that a change of the catalog would
make wrong, and memory does not grow with the catalog. It costs a search for each candidate, in one
batch.
"""

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Keys
from search_engine.search.rerank.base import Candidates, by_score, followed_by, unit
from search_engine.search.rerank.query_expansion import weights_of

AUGMENTED = 100
NEIGHBORS = 5
ALPHA = 3.0


def augment(found: Candidates) -> Keys:
    """Order the first candidates by the similarity of the query to their augmented embeddings."""
    first = found.keys[:AUGMENTED]
    if len(first) < 2:
        return found.keys
    scores = augmented(found) @ found.query[0]
    return followed_by(by_score(first, scores), found.keys)


def augmented(found: Candidates, alpha: float = ALPHA) -> NDArray[np.float64]:
    """The first candidates as means with their neighbors, unit rows (at most `AUGMENTED`, D)."""
    keys, vectors = found.keys[:AUGMENTED], found.vectors[:AUGMENTED]
    nearest = found.gallery.nearest(unit(vectors), NEIGHBORS + 1)
    known = np.unique(np.concatenate([keys, *(near for near, _ in nearest)]))
    weights = np.zeros((len(keys), len(known)))
    for row, (near, scores) in zip(weights, nearest, strict=True):
        row[np.searchsorted(known, near)] = weights_of(scores, alpha)
    weights[np.arange(len(keys)), np.searchsorted(known, keys)] = 1.0  # found or not
    return unit(weights @ found.gallery.vectors(known).astype(np.float64))
