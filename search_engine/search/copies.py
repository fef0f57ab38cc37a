"""Copies of the photo that is asked with: they are found by its hash, and shown first.

An embedding of a thumbnail, or of a picture that was turned, is another than that of the original;
a hash is nearly the same (`images.picture_hash`).

Not in a vote, which is calibrated for neighbors by their cosines, nor with a re-ranking, which has
an order of its own.
"""

import numpy as np

from search_engine.indexes.hashes import HashTable
from search_engine.indexes.scoring import cosines
from search_engine.records import Vectors
from search_engine.search.candidates import exact_scores, reaching
from search_engine.search.scope import Scope

MOST = 20
"""So many copies come first and are called so at most; further ones stand where their cosine puts
them."""

Copies = list[tuple[int, float]]
"""Keys and cosines, best first."""


def copies_of(
    hashes: HashTable, scope: Scope, picture_hash: bytes, query: Vectors, least: float | None
) -> Copies:
    """The items of a scope whose picture is a copy of the one that is asked with; `MOST` at most.

    Args:
        hashes: Of the collection's pictures.
        scope: What may be found.
        picture_hash: Of the picture; empty for none.
        query: Its embedding, (1, D).
        least: The cosine that they must reach, if any.
    """
    if not picture_hash:
        return []
    keys = hashes.copies_of(picture_hash)
    if len(keys) == 0:
        return []
    keys = keys[scope.snapshot.holds(keys) & scope.holds(keys)]
    scores = cosines(query[0], scope.vectors(keys))
    scores = exact_scores(keys, scores, scope.vectors)
    good = reaching(scores, least)
    order = np.lexsort((keys[good], -scores[good]))
    best = np.flatnonzero(good)[order[:MOST]]
    return list(zip(keys[best].tolist(), scores[best].tolist(), strict=True))
