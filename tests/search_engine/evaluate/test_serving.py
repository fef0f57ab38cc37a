"""The index against exact ranking, and percentiles of times."""

import numpy as np
import pytest

from search_engine.collections.labelled import Labelled
from search_engine.evaluate.serving import index_recall, percentiles_ms, search_times_ms
from search_engine.records import Hits, Vectors
from tests.contract.exact_index import ExactIndex
from tests.small_catalog import DIMENSION, unit_vectors

COUNT = 60


@pytest.fixture
def gallery() -> Labelled:
    vectors = unit_vectors(COUNT).astype(np.float16).astype(np.float32)  # as they are stored
    vectors[7] = vectors[3]  # twins: which of them is found does not matter
    return Labelled(vectors, ["a"] * COUNT, np.arange(COUNT) * 2)


@pytest.fixture
def index(gallery: Labelled) -> ExactIndex:
    made = ExactIndex(DIMENSION)
    made.upsert(gallery.keys, gallery.vectors)
    return made


def test_an_exact_index_finds_everything(gallery: Labelled, index: ExactIndex) -> None:
    assert index_recall(index.search, gallery, gallery, [1, 5, 10]) == {1: 1.0, 5: 1.0, 10: 1.0}


def test_of_equal_vectors_any_will_do() -> None:
    """Three of five pictures are one placeholder."""
    vectors = unit_vectors(COUNT).astype(np.float16).astype(np.float32)
    vectors[: COUNT * 3 // 5] = vectors[0]
    same = Labelled(vectors, ["a"] * COUNT, np.arange(COUNT) * 2)
    made = ExactIndex(DIMENSION)
    made.upsert(same.keys, same.vectors)
    assert index_recall(made.search, same, same, [1, 10]) == {1: 1.0, 10: 1.0}


def test_photos_from_elsewhere_and_more_than_there_are(
    gallery: Labelled, index: ExactIndex
) -> None:
    photos = Labelled(unit_vectors(5, seed=9), ["a"] * 5, np.full(5, -1))
    assert index_recall(index.search, photos, gallery, [COUNT * 2]) == {COUNT * 2: 1.0}


def test_what_an_index_misses_is_missing(gallery: Labelled, index: ExactIndex) -> None:
    """Without half of the items, about half of the nearest are not found."""

    def forgetful(queries: Vectors, k: int) -> Hits:
        other = ExactIndex(DIMENSION)
        other.upsert(gallery.keys[::2], gallery.vectors[::2])
        return other.search(queries, k)

    found = index_recall(forgetful, gallery, gallery, [10])[10]
    assert 0.3 < found < 0.7


def test_alone_in_the_catalog_there_is_nothing_to_miss(index: ExactIndex) -> None:
    alone = Labelled(unit_vectors(1), ["a"], np.array([4]))
    only = ExactIndex(DIMENSION)
    only.upsert(alone.keys, alone.vectors)
    assert index_recall(only.search, alone, alone, [10]) == {10: 1.0}


def test_every_query_is_timed_alone(index: ExactIndex) -> None:
    asked: list[int] = []

    def search(queries: Vectors, k: int) -> Hits:
        asked.append(len(queries))
        return index.search(queries, k)

    times = search_times_ms(search, unit_vectors(5), 3)
    assert len(times) == 5
    assert min(times) > 0
    assert set(asked) == {1}


def test_percentiles_of_each_stage() -> None:
    found = percentiles_ms([{"search": float(ms), "decode": 1.0} for ms in range(101)])
    assert found["search"] == {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "count": 101}
    assert found["decode"]["p99"] == 1.0
    assert percentiles_ms([]) == {}
