"""Which of two indexes of the same vectors answers sooner on this machine."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.base import Index
from search_engine.indexes.spec import DEPTHS
from search_engine.records import Vectors

TURNS = 15
SEED = 20_261_201
FORGOTTEN_BYTES = 2**25
"""Between two questions a network runs, whose weights push vectors out of the caches: so does this
much memory that is written."""

Ask = Callable[[Vectors], object]


def quicker(first: Index, second: Index) -> Index:
    """The one that takes less of the processor for a query, the first if it is equal.

    Both are asked in turns for neighbors of their own vectors, of which there has to be one.
    """
    random = np.random.default_rng(SEED)
    queries = first.vectors(random.integers(len(first), size=TURNS))
    asks = [lambda query, index=index: index.search(query, DEPTHS[0]) for index in (first, second)]
    of_first, of_second = core_seconds(asks, queries)
    return first if of_first <= of_second else second


def core_seconds(asks: Sequence[Ask], queries: Vectors) -> NDArray[np.float64]:
    """Seconds of this thread on a core that each way to ask takes for a query in the middle, by
    asking in turns with every query."""
    pushing = np.zeros(FORGOTTEN_BYTES // 8)
    taken: NDArray[np.float64] = np.empty((len(queries), len(asks)))
    for turn, query in enumerate(queries):
        for number, ask in enumerate(asks):
            pushing += 1
            started = time.thread_time()
            ask(query[None])
            taken[turn, number] = time.thread_time() - started
    return np.asarray(np.median(taken, axis=0))
