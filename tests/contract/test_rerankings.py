"""What every re-ranking promises, over all that are registered."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search_engine.indexes.live import LiveIndex
from search_engine.indexes.selection import KeySet
from search_engine.records import Vectors
from search_engine.search.rerank.base import Candidates, unit
from search_engine.search.rerank.registry import METHODS, Method, method_named, methods_named
from search_engine.search.scope import Scope
from tests.reranked import DrawnPictures, NoPictures, blurred, candidates, drawn
from tests.small_catalog import unit_vectors

steady = settings(deadline=None, derandomize=True, database=None, max_examples=25)
every = pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
SMALL = [drawn(seed).resize((90, 90)) for seed in (0, 1)]
PICTURES = DrawnPictures(SMALL[0], [SMALL[1], SMALL[0], None, blurred(SMALL[0])] * 30)


def found(query: NDArray[np.float32], vectors: Vectors, count: int | None = None) -> Candidates:
    first = candidates(query, vectors, count)
    return Candidates(first.query, first.keys, first.scores, first.gallery, PICTURES)


def rows(count: int, seed: int = 0) -> Vectors:
    return unit_vectors(count, seed, 6)


@every
@steady
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 40),
    zeros=st.sets(st.integers(0, 39), max_size=3),
    doubles=st.integers(0, 8),
)
def test_a_permutation_whatever_the_rows(
    method: Method, seed: int, count: int, zeros: set[int], doubles: int
) -> None:
    vectors = rows(count, seed)
    vectors = np.concatenate([vectors, vectors[:doubles]])
    vectors[[row for row in zeros if row < len(vectors)]] = 0
    before = found(rows(1, seed + 1)[0], vectors)
    kept = before.keys.copy(), before.scores.copy(), vectors.copy()
    order = method.reorder(before)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(len(vectors)))
    np.testing.assert_array_equal(method.reorder(before), order)
    for now, then in zip((before.keys, before.scores, vectors), kept, strict=True):
        np.testing.assert_array_equal(now, then)  # nothing that was given is changed


@every
@pytest.mark.parametrize("count", [0, 1])
def test_nothing_changes_without_neighbors(method: Method, count: int) -> None:
    before = found(rows(1, 1)[0], rows(count))
    np.testing.assert_array_equal(method.reorder(before), before.keys)


@every
def test_no_candidate_is_lost_where_there_is_more(method: Method) -> None:
    before = found(rows(1, 1)[0], rows(120), count=15)
    order = method.reorder(before).tolist()
    assert set(before.keys.tolist()) <= set(order) <= set(range(120))
    assert len(set(order)) == len(order)


@every
def test_what_the_search_may_not_find_is_not_found(method: Method) -> None:
    """Only even keys fulfil the filter, and 8 is the item that asks."""
    index = LiveIndex(6)
    index.upsert(np.arange(80), rows(80))
    scope = Scope(index.snapshot, KeySet(np.arange(0, 80, 2)), exclude=(8,))
    query = rows(80)[[8]]
    ((keys, scores),) = scope.nearest(query, 10)
    order = method.reorder(Candidates(query, keys, scores, scope, PICTURES)).tolist()
    assert len(order) >= 10
    assert {key % 2 for key in order} == {0}
    assert 8 not in order


@every
def test_equal_rows_stay_in_the_order_of_their_keys(method: Method) -> None:
    vectors = np.repeat(rows(12), 3, axis=0)
    before = candidates(rows(1, 1)[0], vectors)
    pictures = DrawnPictures(drawn(0), [None] * len(vectors))
    order = method.reorder(
        Candidates(before.query, before.keys, before.scores, before.gallery, pictures)
    ).tolist()
    for first in range(0, 36, 3):
        places = [order.index(first + step) for step in range(3)]
        assert places == sorted(places)


@every
def test_a_query_among_its_like_finds_them(method: Method) -> None:
    """Two groups far apart: whoever asks from one gets it before the other."""
    near, far = rows(1, 1)[0], -rows(1, 1)[0]
    noise = 0.2 * np.random.default_rng(0).normal(size=(20, 6))
    vectors = unit((np.repeat(np.stack([near, far]), 10, axis=0) + noise).astype(np.float32))
    before = candidates(near, vectors)
    pictures = DrawnPictures(drawn(0), [None] * 20)
    order = method.reorder(
        Candidates(before.query, before.keys, before.scores, before.gallery, pictures)
    )
    assert set(order[:10].tolist()) == set(range(10))


@every
def test_pictures_are_looked_at_only_by_those_that_say_so(method: Method) -> None:
    before = candidates(rows(1, 1)[0], rows(8))
    assert isinstance(before.pictures, NoPictures)
    if method.looks:
        with pytest.raises(AssertionError, match="looked at"):
            method.reorder(before)
    else:
        method.reorder(before)


@every
def test_it_is_found_by_its_name(method: Method) -> None:
    assert method_named(method.name) is method
    assert methods_named(f" {method.name} ,{method.name}") == (method,)


def test_all_is_every_one_of_them() -> None:
    assert methods_named("all") == tuple(METHODS.values())
