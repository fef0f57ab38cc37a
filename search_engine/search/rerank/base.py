"""What a re-ranking is given: the first candidates of a query, and where they came from.

A method answers with keys, best first: the candidates in another order, and others before them
where it searched again. Scores are not its business: they stay the cosines to the query, so that
they mean the same with and without re-ranking.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Keys, Vectors
from search_engine.search.rerank.local_features import LocalFeatures

CANDIDATES = 200
"""As many as a search can ask for: so the first results do not depend on how many are wanted."""

Scores = NDArray[np.float32]
Float = TypeVar("Float", np.float32, np.float64)


class Gallery(Protocol):
    """What the search may find: under its filter, and without the item that it is about."""

    def vectors(self, keys: Keys) -> Vectors:
        """Embeddings (N, D) of items that were found, in the order of their keys."""
        ...

    def nearest(self, queries: Vectors, count: int) -> Sequence[tuple[Keys, Scores]]:
        """Keys and cosines of the `count` nearest items of each query (Q, D), best first."""
        ...


class Pictures(Protocol):
    """Local features of the pictures of query and items."""

    def query(self) -> LocalFeatures:
        """Features of the query picture."""
        ...

    def items(self, keys: Keys) -> Sequence[LocalFeatures | None]:
        """Features of items' pictures; None where one cannot be read any more."""
        ...


@dataclass(frozen=True)
class Candidates:
    """What a search found first for a query (1, D): keys and cosines, (C,), best first.

    `pictures` cost nothing where a method does not look at them.
    """

    query: Vectors
    keys: Keys
    scores: Scores
    gallery: Gallery
    pictures: Pictures

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def vectors(self) -> Vectors:
        """Their embeddings, (C, D)."""
        return self.gallery.vectors(self.keys)


Reorder = Callable[[Candidates], Keys]
"""Keys of candidates, best first: every candidate once; others may be among them."""


def by_score(keys: Keys, scores: NDArray[np.floating]) -> Keys:
    """The keys by falling score; equal scores stay in the order that they have.

    Six decimals count: products of matrices round equal rows differently by their place.
    """
    return keys[np.argsort(-np.round(scores, 6), kind="stable")]


def followed_by(first: Keys, rest: Keys) -> Keys:
    """`first`, then those of `rest` that are not in it."""
    return np.concatenate([first, rest[~np.isin(rest, first)]])


def unit(vectors: NDArray[Float]) -> NDArray[Float]:
    """Rows (N, D) of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=vectors.dtype)
