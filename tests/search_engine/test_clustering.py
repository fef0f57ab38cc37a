"""Clusters of made-up vectors whose groups are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from search_engine.clustering import (
    METHODS,
    Clusters,
    Proposal,
    _numbered,
    agreement,
    default_clusters,
    hdbscan,
    kmeans,
    labels_of,
    most_frequent,
    names_of,
    propose_labels,
)
from search_engine.errors import ParameterError
from search_engine.records import Vectors

DIMENSION = 64


def groups(sizes: list[int], spread: float = 0.02, seed: int = 0) -> tuple[Vectors, list[str]]:
    """Unit vectors close around far directions, shuffled; and the group of each."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(sizes), DIMENSION))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    which = random.permutation(np.arange(len(sizes)).repeat(sizes))
    rows = centres[which] + spread * random.normal(size=(len(which), DIMENSION))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), [f"g{number}" for number in which]


def clusters(*members: int) -> Clusters:
    """Clusters by hand; medoids are the first members."""
    found = np.array(members, dtype=np.int64)
    return Clusters(found, np.array([list(members).index(n) for n in range(max(members) + 1)]))


@pytest.mark.parametrize("method", METHODS)
def test_groups_are_found_the_largest_first(method: str) -> None:
    vectors, truth = groups([10, 40, 20])
    found = kmeans(vectors, 3) if method == "kmeans" else hdbscan(vectors)
    assert [int((found.members == n).sum()) for n in range(3)] == [40, 20, 10]
    for number, wanted in enumerate(("g1", "g2", "g0")):
        assert {truth[row] for row in np.flatnonzero(found.members == number)} == {wanted}


@pytest.mark.parametrize("method", METHODS)
def test_the_same_clusters_come_again(method: str) -> None:
    vectors, _ = groups([30, 30, 30], spread=0.2)
    first, second = METHODS[method](vectors), METHODS[method](vectors)
    np.testing.assert_array_equal(first.members, second.members)
    np.testing.assert_array_equal(first.medoids, second.medoids)


def test_items_without_company_are_in_no_dense_region() -> None:
    """Beside two groups of 20, 30 items that are all alone."""
    vectors, truth = groups([20, 20, *[1] * 30])
    found = hdbscan(vectors)
    lonely = np.array([name not in ("g0", "g1") for name in truth])
    assert set(found.members[~lonely].tolist()) == {0, 1}
    assert (found.members[lonely] < 0).mean() > 0.5
    assert found.noise == (found.members < 0).sum()


def test_large_collections_are_clustered_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_engine.clustering.BATCH_FROM", 50)
    vectors, truth = groups([40, 30, 20])
    found = agreement(kmeans(vectors, 3), truth)
    assert found is not None
    assert found.purity == 1.0


def brute_force_medoid(vectors: NDArray[np.floating]) -> int:
    """The row whose mean cosine to all is highest, every pair compared."""
    return int((vectors.astype(np.float64) @ vectors.astype(np.float64).T).mean(axis=1).argmax())


def test_the_medoid_is_most_alike_to_the_others() -> None:
    vectors, _ = groups([25, 15], spread=0.1)
    found = kmeans(vectors, 2)
    for number, medoid in enumerate(found.medoids.tolist()):
        rows = np.flatnonzero(found.members == number)
        assert medoid == rows[brute_force_medoid(vectors[rows])]


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=40))
def test_numbers_follow_size_then_place(found: list[int]) -> None:
    vectors, _ = groups([len(found)])
    ours = _numbered(vectors, np.array(found))
    sizes = [int((ours.members == n).sum()) for n in range(len(ours))]
    assert sizes == sorted(sizes, reverse=True)
    assert len(ours) == len(set(found) - {-1})
    for row, before in enumerate(found):
        assert (ours.members[row] == -1) == (before == -1)
        same = [n for n, other in enumerate(found) if other == before]
        assert {int(ours.members[n]) for n in same} == {int(ours.members[row])}
    firsts = [int(np.flatnonzero(ours.members == n)[0]) for n in range(len(ours))]
    for number in range(1, len(ours)):
        if sizes[number] == sizes[number - 1]:
            assert firsts[number - 1] < firsts[number]


def test_impossible_numbers_are_refused() -> None:
    vectors, _ = groups([4])
    for wanted in (1, 5):
        with pytest.raises(ParameterError, match=f"4 items do not make {wanted} clusters"):
            kmeans(vectors, wanted)
    with pytest.raises(ParameterError, match="0 items"):
        kmeans(vectors[:0])
    with pytest.raises(ParameterError, match="the smallest cluster has 5"):
        hdbscan(vectors)


def test_the_default_number_of_clusters() -> None:
    """sqrt(3068 / 2) = 39.2."""
    assert [default_clusters(n) for n in (0, 2, 8, 50, 3_068)] == [2, 2, 2, 5, 39]


def test_purity_by_hand() -> None:
    """Cluster 0: a a b, so 2; cluster 1: b, so 1; one item has no label, one no cluster: 3 of 4."""
    found = agreement(clusters(0, 0, 0, 1, 0, -1), ["a", "a", "b", "b", None, "a"])
    assert found is not None
    assert (found.items, found.purity) == (4, 0.75)


def test_mutual_information_by_hand() -> None:
    """Clusters that are the labels say all of them; clusters that cut across say nothing."""
    same = agreement(clusters(0, 0, 1, 1), ["b", "b", "a", "a"])
    across = agreement(clusters(0, 1, 0, 1), ["b", "b", "a", "a"])
    assert same is not None
    assert across is not None
    assert same.nmi == pytest.approx(1.0)
    assert across.nmi == pytest.approx(0.0)
    assert across.purity == 0.5


def test_without_labels_nothing_is_said_of_agreement() -> None:
    assert agreement(clusters(0, 1), [None, None]) is None


def test_unlabelled_items_get_the_label_that_their_cluster_agrees_on() -> None:
    """Cluster 0 has a a a a b: four fifths are enough. Item 6 has a label, item 7 no cluster."""
    labels = ["a", "a", "a", "a", "b", None, "b", None]
    found = propose_labels(clusters(0, 0, 0, 0, 0, 0, 0, -1), labels, 0.6)
    assert found == [*[None] * 5, Proposal("a", 4 / 6), None, None]


@pytest.mark.parametrize(
    ("labels", "proposed"),
    [
        (["a", "a", "a", "a", "b"], Proposal("a", 0.8)),
        (["a", "a", "a", "b"], None),  # three quarters are too few
        (["a", "a"], None),  # so are two items
        (["a", "a", "a"], Proposal("a", 1.0)),
        ([None, None], Proposal("cluster-01", 0.0)),
    ],
)
def test_a_cluster_speaks_when_enough_of_it_agree(
    labels: list[str | None], proposed: Proposal | None
) -> None:
    known = [*labels, None]
    assert propose_labels(clusters(*[0] * len(known)), known)[-1] == proposed


def test_names_are_of_equal_length() -> None:
    assert clusters(0, 1).name(1) == "cluster-02"
    many = Clusters(np.zeros(200, np.int64), np.zeros(120, np.int64))
    assert (many.name(0), many.name(119)) == ("cluster-001", "cluster-120")


def test_the_most_frequent_label() -> None:
    assert most_frequent(["b", "a", "b"]) == ("b", 2)
    assert most_frequent(["b", "a"]) == ("a", 1)


def test_clusters_are_named_after_their_labels() -> None:
    """Most of one label, most below one path, halves, a name again, and no label."""
    found = clusters(0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4)
    labels = ["Cup", "Cup", "Pot", "Fruit/Apple", "Fruit/Pear", None, "Hat", "Cap", "Cup", "Cup"]
    assert names_of(found, [*labels, None]) == [
        "Cup", "Fruit", "Cap and Hat", "Cup (2)", "cluster-05",
    ]  # fmt: skip
    assert labels_of(found, [*labels, None]) == [
        ("Cup",), ("Fruit",), ("Cap", "Hat"), ("Cup",), (),
    ]  # fmt: skip
