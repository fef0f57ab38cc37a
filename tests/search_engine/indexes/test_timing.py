"""Which of two indexes answers sooner here."""

import time

import numpy as np
import pytest

from search_engine.indexes.exact import NumpyIndex
from search_engine.indexes.selection import Selection
from search_engine.indexes.timing import quicker
from search_engine.records import Hits, Vectors
from tests.contract.index_kinds import unit_vectors

BUSY_S = 0.02


class BusyIndex(NumpyIndex):
    """Takes the processor for far longer than it needs."""

    def search(self, queries: Vectors, k: int, within: Selection | None = None) -> Hits:
        """See Index."""
        ends = time.thread_time() + BUSY_S
        while time.thread_time() < ends:
            pass
        return super().search(queries, k, within)


@pytest.mark.parametrize("busy_first", [False, True])
def test_the_index_that_needs_less_of_the_processor_is_the_quicker_one(busy_first: bool) -> None:
    keys, rows = np.arange(20), unit_vectors(20, 8).astype(np.float16)
    busy, quick = BusyIndex(keys, rows), NumpyIndex(keys, rows)
    pair = (busy, quick) if busy_first else (quick, busy)
    assert quicker(*pair) is quick
