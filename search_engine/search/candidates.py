"""Hits of a query by scores that are as exact as they are shown, and how long that takes."""

import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from search_engine.records import Keys, Vectors
from search_engine.search.rerank.base import Scores
from search_engine.search.scope import Scope

Timings = MutableMapping[str, float]

NEAR_ONE = 1 - 2**-11
"""From here on a score is close to 1 within what float16, as vectors are stored, can express."""
BELOW_NEAR_ONE = 1 - 2**-10
"""Below this a score is none of those, nor lower than one of them can become."""
DECIMALS = 6
"""Of a score as it is shown, and as it is held against a least score."""
FIRST = 8
"""So many are looked at at least, as those near 1 may change places."""


def nearest(scopes: Sequence[Scope], queries: Vectors, count: int) -> list[tuple[Keys, Scores]]:
    """Keys and cosines of the `count` nearest items of each query (Q, D), best first.

    The scopes are those of the queries: of one state of the index, under one filter.
    """
    fetch = count + max(len(each.exclude) for each in scopes)
    hits = scopes[0].snapshot.search(queries, fetch, scopes[0].within)
    rows = [each.cut(*hits.row(row), count) for row, each in enumerate(scopes)]
    return [
        nearest_of(scope, queries[row : row + 1], count, rows[row])
        for row, scope in enumerate(scopes)
    ]


def nearest_of(
    scope: Scope, query: Vectors, count: int, hits: tuple[Keys, Scores] | None = None
) -> tuple[Keys, Scores]:
    """As `nearest`, of one query (1, D).

    Where the last of so many is near 1, so may be others that change places with it: all of them
    are looked at.

    Args:
        scope: Where to search.
        query: What for.
        count: How many.
        hits: As the index finds them, if it was asked already.
    """
    fetch = count
    keys, scores = hits if hits is not None else scope.nearest(query, fetch)[0]
    while len(keys) >= fetch and scores[-1] >= BELOW_NEAR_ONE:
        fetch *= 4
        keys, scores = scope.nearest(query, fetch)[0]
    keys, scores = settled(keys, scores, scope.vectors)
    return keys[:count], scores[:count]


def settled(keys: Keys, scores: Scores, vectors: Callable[[Keys], Vectors]) -> tuple[Keys, Scores]:
    """Hits of one query, best first, by scores that are as exact as they are shown."""
    exact = exact_scores(keys, scores, vectors)
    if exact is scores:
        return keys, scores
    order = np.lexsort((keys, -exact))
    return keys[order], exact[order]


def exact_scores(keys: Keys, scores: Scores, vectors: Callable[[Keys], Vectors]) -> Scores:
    """The scores, those near 1 as exact as they are shown.

    A stored vector is rounded to float16, so its length is 1 only nearly, and so would be the score
    of the very picture that it came from. Where that matters the length is divided out.
    """
    near = np.flatnonzero(scores >= NEAR_ONE)
    if len(near) == 0:
        return scores
    lengths = np.linalg.norm(vectors(keys[near]), axis=1)
    exact = scores.astype(np.float64)
    exact[near] = np.minimum(1.0, np.round(exact[near] / lengths, DECIMALS))
    return exact.astype(np.float32)


def reaching(scores: Scores, least: float | None) -> NDArray[np.bool_]:
    """Which scores reach a least one, rounded as scores are shown."""
    if least is None:
        return np.ones(len(scores), dtype=np.bool_)
    return np.asarray(np.round(scores.astype(np.float64), DECIMALS) >= round(least, DECIMALS))


def with_total(timings: Timings) -> dict[str, float]:
    """Milliseconds by stage, rounded, and their sum."""
    rounded = {name: round(ms, 3) for name, ms in timings.items()}
    return {**rounded, "total": round(sum(timings.values()), 3)}


@contextmanager
def timed(timings: Timings, name: str) -> Iterator[None]:
    """Add the milliseconds that a block takes."""
    started = time.perf_counter()
    try:
        yield
    finally:
        timings[name] = timings.get(name, 0.0) + (time.perf_counter() - started) * 1000
