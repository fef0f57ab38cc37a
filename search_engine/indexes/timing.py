"""Which of two indexes of the same vectors answers sooner on this machine."""

import time

import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.base import Index
from search_engine.indexes.spec import DEPTHS

TURNS = 15
SEED = 20_261_201
FORGOTTEN_BYTES = 2**25
"""Between two questions a network runs, whose weights push vectors out of the caches: so does this
much memory that is written."""


def quicker(first: Index, second: Index) -> Index:
    """The one that takes less of the processor for a query, the first if it is equal.

    Both are asked in turns for neighbors of their own vectors, of which there has to be one.
    """
    pushing = np.zeros(FORGOTTEN_BYTES // 8)
    random = np.random.default_rng(SEED)
    taken: NDArray[np.float64] = np.empty((TURNS, 2))
    for turn in range(TURNS):
        query = first.vectors(random.integers(len(first), size=1))
        for number, index in enumerate((first, second)):
            pushing += 1
            started = time.thread_time()
            index.search(query, DEPTHS[0])
            taken[turn, number] = time.thread_time() - started
    of_first, of_second = np.median(taken, axis=0)
    return first if of_first <= of_second else second
