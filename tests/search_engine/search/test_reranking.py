"""Re-rankings of embeddings small enough to follow by hand, and against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search_engine.records import Vectors
from search_engine.search.rerank import database_augmentation, query_expansion
from search_engine.search.rerank.base import CANDIDATES, by_score, followed_by, unit
from search_engine.search.rerank.database_augmentation import AUGMENTED, augment, augmented
from search_engine.search.rerank.k_reciprocal import by_reciprocity, distances
from search_engine.search.rerank.query_expansion import expand_query, expanded
from tests.reranked import candidates
from tests.search_engine.evaluate.test_evaluation import on_circle
from tests.small_catalog import unit_vectors

steady = settings(deadline=None, derandomize=True, database=None, max_examples=15)


def clustered(clusters: int, each: int, seed: int = 0, spread: float = 0.25) -> Vectors:
    """Some items about each of some centres, in 12 dimensions."""
    centres = np.repeat(unit_vectors(clusters, seed, 12), each, axis=0)
    noise = np.random.default_rng(seed + 1).normal(size=centres.shape)
    return unit((centres + spread * noise).astype(np.float32))


class TestOrder:
    def test_equal_scores_stay_in_their_order(self) -> None:
        keys = np.array([7, 3, 9, 1])
        assert by_score(keys, np.array([0.5, 0.9, 0.5, 0.9])).tolist() == [3, 1, 7, 9]

    def test_scores_that_differ_by_rounding_are_equal(self) -> None:
        assert by_score(np.array([1, 2]), np.array([0.5, 0.5 + 1e-9])).tolist() == [1, 2]

    def test_what_is_not_first_follows(self) -> None:
        rest = np.array([1, 2, 3, 4])
        assert followed_by(np.array([9, 3]), rest).tolist() == [9, 3, 1, 2, 4]

    def test_a_row_of_zeros_has_no_direction(self) -> None:
        rows = unit(np.array([[3, 4], [0, 0]], dtype=np.float32))
        assert rows.tolist() == [pytest.approx([0.6, 0.8]), [0.0, 0.0]]


class TestQueryExpansion:
    def test_without_alpha_it_is_the_mean(self) -> None:
        query, vectors = on_circle([0]), on_circle([30, 60])
        scores = (vectors @ query[0]).astype(np.float32)
        mean = (query[0] + vectors.sum(axis=0)) / 3
        found = expanded(query, vectors, scores, alpha=0.0)
        np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), rtol=1e-6)

    def test_by_hand(self) -> None:
        """A neighbor at 60 degrees has a cosine of 1/2, and with alpha 3 a weight of 1/8."""
        found = expanded(on_circle([0]), on_circle([60]), np.array([0.5], dtype=np.float32), 3.0)
        wanted = np.array([1 + 0.5 / 8, np.sqrt(0.75) / 8])
        np.testing.assert_allclose(found[0], wanted / np.linalg.norm(wanted), rtol=1e-6)

    def test_what_points_away_has_no_weight(self) -> None:
        query = on_circle([0])
        found = expanded(query, on_circle([120]), np.array([-0.5], dtype=np.float32))
        np.testing.assert_allclose(found, query, atol=1e-7)

    def test_the_new_query_finds_what_lies_behind_the_neighbors(self) -> None:
        """Items at 20, 25 and 30 degrees draw the query to their side: 45 comes before -44."""
        vectors = on_circle([20, 25, 30, -44, 45])
        found = candidates(on_circle([0])[0], vectors)
        assert found.keys.tolist() == [0, 1, 2, 3, 4]
        assert expand_query(found).tolist() == [0, 1, 2, 4, 3]

    def test_it_finds_what_was_no_candidate(self) -> None:
        vectors = on_circle([20, 25, 30, -44, -44, -44, 45])
        found = candidates(on_circle([0])[0], vectors, count=4)
        assert 6 not in found.keys
        assert expand_query(found).tolist().index(6) == 3

    def test_candidates_that_it_does_not_find_again_follow(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It asks for as many as there are candidates: 45 takes the place of -44."""
        monkeypatch.setattr(query_expansion, "CANDIDATES", 1)
        vectors = on_circle([20, 25, 30, -44, 45])
        found = candidates(on_circle([0])[0], vectors, count=4)
        assert found.keys.tolist() == [0, 1, 2, 3]
        assert expand_query(found).tolist() == [0, 1, 2, 4, 3]


class TestDatabaseAugmentation:
    def test_an_item_is_found_by_what_is_like_it(self) -> None:
        """Item 0 is alone at 40 degrees; item 1, at -41, stands with items nearer to the query."""
        vectors = on_circle([40, -41, -30, -31, -32])
        found = candidates(on_circle([0])[0], vectors)
        assert found.keys.tolist().index(0) < found.keys.tolist().index(1)
        moved = augment(found).tolist()
        assert moved.index(1) < moved.index(0)

    def test_with_alpha_0_it_is_the_mean_of_the_nearest(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database_augmentation, "NEIGHBORS", 2)
        vectors = on_circle([0, 10, 20, 90])
        found = candidates(on_circle([1])[0], vectors)
        assert found.keys.tolist() == [0, 1, 2, 3]
        last = on_circle([90]) + on_circle([20]) + on_circle([10])
        wanted = np.concatenate([on_circle([10, 10, 10]), unit(last)])
        np.testing.assert_allclose(augmented(found, alpha=0.0), wanted, atol=1e-3)

    def test_neighbors_need_not_be_candidates(self) -> None:
        """The only candidates are 0 and 1; what stands behind 1 is not among them, yet counts."""
        vectors = on_circle([40, -41, -55, -56, -57])
        found = candidates(on_circle([0])[0], vectors, count=2)
        assert augmented(found)[1] @ found.query[0] < vectors[1] @ found.query[0]

    def test_only_the_first_are_moved(self) -> None:
        vectors = clustered(5, 60)
        found = candidates(unit_vectors(1, 5, 12)[0], vectors)
        order = augment(found)
        assert set(order[:AUGMENTED].tolist()) == set(found.keys[:AUGMENTED].tolist())
        np.testing.assert_array_equal(order[AUGMENTED:], found.keys[AUGMENTED:])


def slow_distances(vectors: Vectors, k1: int, k2: int, share: float) -> NDArray[np.float64]:
    """The formulas of Zhong et al. (2017) one by one, with sets."""
    places = range(len(vectors))
    squares = [
        [0.0 if i == j else max(2 - 2 * round(float(a @ b), 6), 0.0) for j, b in enumerate(wide)]
        for wide in [vectors.astype(np.float64)]
        for i, a in enumerate(wide)
    ]
    d = [[one / (max(row) or 1.0) for one in row] for row in squares]

    def nearest(p: int, k: int) -> list[int]:
        others = sorted((q for q in places if q != p), key=lambda q: (d[p][q], q))
        return [p, *others][: k + 1]

    def reciprocal(p: int, k: int) -> set[int]:
        return {q for q in nearest(p, k) if p in nearest(q, k)}

    def robust(p: int) -> set[int]:
        found = reciprocal(p, k1)
        for q in sorted(found):
            half = reciprocal(q, round(k1 / 2))
            if 3 * len(reciprocal(p, k1) & half) >= 2 * len(half):
                found = found | half
        return found

    def weights(p: int) -> NDArray[np.float64]:
        members = robust(p)
        row = np.array([np.exp(-d[p][q]) if q in members else 0.0 for q in places])
        return np.asarray(row / row.sum())

    plain = [weights(p) for p in places]
    mean = [np.mean([plain[q] for q in nearest(p, k2 - 1)], axis=0) for p in places]
    return np.array(
        [
            (1 - share) * (1 - np.minimum(mean[0], one).sum() / np.maximum(mean[0], one).sum())
            + share * d[0][p]
            for p, one in enumerate(mean)
        ]
    )


class TestReciprocity:
    @pytest.mark.parametrize(("k1", "k2", "share"), [(20, 6, 0.3), (4, 2, 0.0), (7, 1, 0.5)])
    def test_agrees_with_the_formulas_one_by_one(self, k1: int, k2: int, share: float) -> None:
        vectors = clustered(4, 8)
        wanted = slow_distances(vectors, k1, k2, share)
        np.testing.assert_allclose(distances(vectors, k1, k2, share), wanted, rtol=1e-9, atol=1e-12)

    @steady
    @given(seed=st.integers(0, 1_000), each=st.integers(1, 6), doubled=st.booleans())
    def test_agrees_for_all_kinds_of_rows(self, seed: int, each: int, doubled: bool) -> None:
        vectors = clustered(3, each, seed)
        vectors = np.concatenate([vectors, vectors[:2]]) if doubled else vectors
        wanted = slow_distances(vectors, 5, 3, 0.3)
        np.testing.assert_allclose(distances(vectors, 5, 3), wanted, rtol=1e-9, atol=1e-12)

    def test_with_the_original_distance_alone_nothing_moves(self) -> None:
        vectors = clustered(4, 8)
        found = distances(vectors, original_share=1.0)
        cosines = vectors.astype(np.float64) @ vectors[0].astype(np.float64)
        np.testing.assert_array_equal(np.argsort(found[1:]), np.argsort(-cosines[1:]))

    def test_a_near_stranger_goes_behind_the_family(self) -> None:
        """The query stands at the edge of a family of ten; a stranger is nearer than most of it.

        The stranger has nine friends of its own, nearer to it than the query is.
        """
        family = np.linspace(0, 30, 10)
        friends = np.linspace(-12, -24, 10)
        vectors = on_circle([*family, *friends])
        query = on_circle([1.0])[0]
        found = candidates(query, vectors)
        stranger = 10  # at -12 degrees: nearer than the family's half beyond 14
        before = found.keys.tolist().index(stranger)
        vectors_first = np.concatenate([found.query, found.vectors])
        after = by_score(found.keys, -distances(vectors_first, k1=8, k2=3)[1:]).tolist()
        assert before < 9
        assert after.index(stranger) > before

    def test_the_default_order_is_by_these_distances(self) -> None:
        found = candidates(clustered(4, 8, seed=3)[0], clustered(4, 8))
        rows = np.concatenate([found.query, found.vectors])
        wanted = found.keys[
            np.argsort(np.round(slow_distances(rows, 20, 6, 0.3)[1:], 6), kind="stable")
        ]
        np.testing.assert_array_equal(by_reciprocity(found), wanted)


def test_as_many_candidates_as_a_search_can_ask_for() -> None:
    from search_engine.search.declared import MAX_K

    assert CANDIDATES == MAX_K
