"""Exact neighbors, in one block and in several."""

import numpy as np
import pytest

from search_engine import neighbors
from search_engine.neighbors import nearest
from tests.contract.exact_index import ExactIndex
from tests.small_catalog import unit_vectors

VECTORS = unit_vectors(300).astype(np.float16).astype(np.float32)
QUERIES = unit_vectors(9, seed=1)


@pytest.fixture(params=[(256, 16_384), (2, 70), (4, 1)], autouse=True)
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "QUERIES_A_BLOCK", request.param[0])
    monkeypatch.setattr(neighbors, "VECTORS_A_BLOCK", request.param[1])


@pytest.mark.parametrize("k", [1, 7, 299, 300, 400])
def test_they_are_those_of_the_oracle(k: int) -> None:
    oracle = ExactIndex(8)
    oracle.upsert(np.arange(300, dtype=np.int64), VECTORS)
    wanted = oracle.search(QUERIES, k)
    for stored in (VECTORS, VECTORS.astype(np.float16)):
        scores, places = nearest(QUERIES, stored, k)
        np.testing.assert_array_equal(places, wanted.keys)
        np.testing.assert_allclose(scores, wanted.scores, atol=1e-3)


def test_a_row_never_finds_itself() -> None:
    own = np.array([5, 299, 0])
    _, alone = nearest(VECTORS[own], VECTORS, 4, own)
    _, every = nearest(VECTORS[own], VECTORS, 5)
    np.testing.assert_array_equal(every[:, 0], own)
    np.testing.assert_array_equal(alone, every[:, 1:])


def test_equal_rows_come_in_their_order() -> None:
    _, places = nearest(QUERIES[:1], np.repeat(QUERIES[:1], 150, axis=0), 150)
    assert places.tolist() == [list(range(150))]


def test_of_nothing_there_is_nothing() -> None:
    scores, places = nearest(QUERIES, VECTORS[:0], 3)
    assert scores.shape == places.shape == (9, 0)
    assert nearest(QUERIES[:0], VECTORS, 3)[1].shape == (0, 3)
