"""Exact ranking: order, ties, what a query must not see."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_engine.collections.labelled import Labelled, take
from search_engine.evaluate import ranking
from search_engine.evaluate.ranking import Hiding, Space, rank, same_label, shared_value
from tests.search_engine.evaluate.test_evaluation import labelled
from tests.small_catalog import unit_vectors


def ranked(queries: Labelled, gallery: Labelled, kept: int = 10) -> ranking.Ranking:
    return rank(queries, gallery, same_label(queries, gallery), kept)


def test_equal_scores_are_in_the_order_of_the_keys_wherever_they_stand() -> None:
    gallery = labelled([30, 30, 0, 30], ["a", "b", "c", "d"], keys=[7, 2, 9, 5])
    found = ranked(labelled([30], ["a"], keys=[-1]), gallery)
    assert gallery.keys[found.neighbors[0]].tolist() == [2, 5, 7, 9]


def test_what_is_hidden_is_neither_found_nor_counted() -> None:
    gallery = labelled([0, 1, 2], ["a", "a", "a"])
    hiding = Hiding(np.array([0, 1, -1]), np.array([0, 0, 1]))
    found = rank(gallery, gallery, same_label(gallery, gallery), 3, hiding)
    # the first is in group 0 as the second is; the second is put in group 1, with the third
    assert [row[row >= 0].tolist() for row in found.neighbors] == [[2], [0], [1, 0]]
    assert found.total.tolist() == [1, 1, 2]


def test_each_query_asks_in_the_space_that_has_not_seen_it() -> None:
    gallery = labelled([0, 10, 40, 90], ["a", "b", "a", "b"], keys=[9, 3, 7, 5])
    mean, turned = np.zeros(2, np.float32), np.array([[1, 0], [0, -1]], np.float32)
    flat = np.array([[1, 0], [0, 0.1]], np.float32)
    spaces = [
        Space(np.array([1, 3]), gallery.vectors, (mean, turned)),
        Space(np.array([0, 2]), gallery.vectors, (mean, flat)),
    ]
    queries = take(gallery, np.array([2, 1, 3]))
    relevance = same_label(queries, gallery)
    found = rank(queries, gallery, relevance, 3, spaces=spaces)
    assert found.neighbors.tolist() == [[1, 0, 3], [0, 2, 3], [2, 1, 0]]
    flattened = rank(
        replace(queries, vectors=spaces[1].vectors()[[2, 1, 3]]),
        replace(gallery, vectors=spaces[1].vectors()),
        relevance,
        3,
    )
    assert found.scores[0].tolist() == flattened.scores[0].tolist()
    assert np.allclose(found.scores[1:], ranked(queries, gallery, 3).scores[1:], atol=1e-5)


def test_measures_are_undefined_where_nothing_is_relevant() -> None:
    found = ranked(labelled([1], ["z"], keys=[-1]), labelled([0, 5], ["a", "b"]))
    assert not found.answerable[0]
    assert np.isnan(found.average_precision[0])
    assert np.isnan(found.ndcg[0])


def test_without_queries_there_is_an_empty_ranking() -> None:
    found = ranked(labelled([], []), labelled([0, 5], ["a", "b"]), kept=5)
    assert found.neighbors.shape == (0, 2)


def test_unlabelled_items_are_relevant_to_nobody() -> None:
    gallery = labelled([0, 5], [None, "a"])
    queries = labelled([1, 2], ["a", None], keys=[-1, -1])
    assert same_label(queries, gallery)(np.arange(2)).tolist() == [[False, True], [False, False]]


def test_one_shared_value_is_enough() -> None:
    queries = [frozenset({"red", "odd"}), frozenset({"none of it"}), frozenset[str]()]
    gallery = [frozenset({"red", "blue"}), frozenset({"blue"}), frozenset[str]()]
    found = shared_value(queries, gallery)(np.arange(3))
    assert found.tolist() == [[True, False, False], [False] * 3, [False] * 3]


@given(seed=st.integers(0, 10_000), count=st.integers(2, 40), blocks=st.integers(1, 200))
def test_agrees_with_sorting_one_by_one(seed: int, count: int, blocks: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice(["a", "b", "c"], count).tolist()
    keys = rng.permutation(count * 3)[:count].astype(np.int64)
    gallery = Labelled(unit_vectors(count, seed), labels, keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "SCORES_A_BLOCK", blocks)
        found = ranked(gallery, gallery, kept=count)
    for row in range(count):
        scores = gallery.vectors @ gallery.vectors[row]
        order = [one for one in sorted(range(count), key=lambda i: -scores[i]) if one != row]
        assert found.neighbors[row].tolist() == [*order, -1]
        assert found.total[row] == labels.count(labels[row]) - 1
