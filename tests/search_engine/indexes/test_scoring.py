"""Exact scores: float16 widened without loss, the same bits by every way, and the one order."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from search_engine.indexes import scoring
from search_engine.indexes.scoring import best, by_products, cosines, rescore, scan
from tests.small_catalog import unit_vectors

steady = settings(deadline=None, derandomize=True, database=None, max_examples=200)

ALL_FLOAT16 = np.arange(2**16, dtype=np.uint16).view(np.float16)
FINITE = ALL_FLOAT16[np.isfinite(ALL_FLOAT16)]
THREADS = 8

few_scores = st.sampled_from([1.0, 0.5, 0.25, 0.0, -0.0, -0.25, -1.0, 1e-45, 3.4e38, -3.4e38])
scores_or_none = st.one_of(few_scores, st.none())


def stored(count: int, dimension: int, seed: int = 0) -> NDArray[np.float16]:
    return unit_vectors(count, seed, dimension).astype(np.float16)


def test_there_are_63488_finite_float16_numbers() -> None:
    assert len(FINITE) == 63_488
    assert np.signbit(FINITE).sum() == len(FINITE) // 2


def test_every_finite_float16_is_widened_exactly() -> None:
    """Subnormal ones and -0.0 too."""
    wide = scoring.widened(FINITE) * np.float32(2.0**112)
    np.testing.assert_array_equal(wide, FINITE.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(wide), np.signbit(FINITE))


def test_every_finite_float16_scores_as_its_float32() -> None:
    rows = FINITE.reshape(-1, 64)
    query = unit_vectors(1, dimension=64)[0]
    narrow, wide = cosines(query, rows), cosines(query, rows.astype(np.float32))
    assert narrow.tobytes() == wide.tobytes()


@pytest.mark.parametrize("dimension", [1, 3, 8, 31, 256, 1_280])
def test_scores_are_the_same_bits_by_every_way(dimension: int) -> None:
    rows = stored(50, dimension)
    queries = unit_vectors(4, 1, dimension)
    everywhere = np.broadcast_to(np.arange(50), (4, 50)).copy()
    rescored = rescore(queries, rows, everywhere)
    positions, scanned = scan(queries, rows, None, 50)
    for number, query in enumerate(queries):
        wanted = cosines(query, rows)
        assert wanted.tobytes() == cosines(query, rows.astype(np.float32)).tobytes()
        assert wanted.tobytes() == rescored[number].tobytes()
        assert wanted[positions[number]].tobytes() == scanned[number].tobytes()
        assert [cosines(query, row[None])[0] for row in rows] == wanted.tolist()
        exact = rows.astype(np.float64) @ query.astype(np.float64)
        np.testing.assert_allclose(wanted, exact, rtol=0, atol=1e-6)


def test_candidates_that_are_none_score_minus_infinity() -> None:
    positions = np.array([[0, -1, 2], [-1, -1, -1]])
    scores = rescore(unit_vectors(2), stored(3, 8), positions)
    np.testing.assert_array_equal(np.isneginf(scores), positions < 0)


def test_no_candidates_and_no_queries_give_empty_scores() -> None:
    rows = stored(3, 8)
    assert rescore(unit_vectors(2), rows, np.empty((2, 0), dtype=np.int64)).shape == (2, 0)
    assert rescore(unit_vectors(0), rows, np.empty((0, 5), dtype=np.int64)).shape == (0, 5)


def by_lexsort(
    positions: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[list[int], list[float]]:
    behind = np.where(positions < 0, 2**31, positions)
    order = np.lexsort((behind, -scores))[:k]
    return positions[order].tolist(), (scores[order] + 0.0).tolist()


@steady
@given(
    rows=st.integers(1, 12).flatmap(
        lambda width: st.lists(
            st.lists(scores_or_none, min_size=width, max_size=width), min_size=1, max_size=4
        )
    ),
    k=st.integers(1, 14),
    seed=st.integers(0, 9),
    largest=st.sampled_from([20, 2**31 - 1]),
)
def test_the_best_are_in_the_order_of_a_lexsort(
    rows: list[list[float | None]], k: int, seed: int, largest: int
) -> None:
    """Ties, zeros of both signs, the largest numbers, places without a candidate."""
    random = np.random.default_rng(seed)
    scores = np.array([[-np.inf if s is None else s for s in row] for row in rows], np.float32)
    positions = np.array([random.choice(20, len(row), replace=False) for row in rows])
    positions[positions == 19] = largest
    positions[np.isneginf(scores)] = -1
    found, their_scores = best(positions, scores, k)
    assert found.shape == their_scores.shape == (len(rows), min(k, scores.shape[1]))
    for row in range(len(rows)):
        wanted = by_lexsort(positions[row], scores[row], k)
        assert (found[row].tolist(), their_scores[row].tolist()) == wanted


def test_the_best_of_many_are_those_of_a_lexsort() -> None:
    random = np.random.default_rng(3)
    scores = random.choice(unit_vectors(1, dimension=300)[0], (5, 4_000)).astype(np.float32)
    positions = np.stack([random.permutation(4_000) for _ in range(5)])
    for k in (1, 10, 3_999, 4_000, 5_000):
        found, _ = best(positions, scores, k)
        for row in range(5):
            assert found[row].tolist() == by_lexsort(positions[row], scores[row], k)[0]


@pytest.mark.parametrize("rows", [None, [], [3], [0, 7, 8, 499], range(0, 500, 2)])
@pytest.mark.parametrize("k", [1, 10, 600])
def test_a_scan_is_brute_force(
    monkeypatch: pytest.MonkeyPatch, rows: list[int] | None, k: int
) -> None:
    """In several chunks and groups of queries."""
    monkeypatch.setattr(scoring, "CHUNK_ELEMENTS", 8 * 64)
    monkeypatch.setattr(scoring, "SCORES_AT_ONCE", 1_000)
    vectors = stored(500, 8)
    vectors[100:200] = vectors[0]
    queries = unit_vectors(7, seed=5)
    chosen = None if rows is None else np.array(rows, dtype=np.int64)
    positions, scores = scan(queries, vectors, chosen, k)
    among = np.arange(500) if chosen is None else chosen
    for row, query in enumerate(queries):
        wanted = by_lexsort(among, cosines(query, vectors[among]), k)
        assert (positions[row].tolist(), scores[row].tolist()) == wanted


def test_threads_that_score_at_once_give_what_one_gives() -> None:
    """Each of another shape: the buffers are of a thread."""
    vectors = stored(2_000, 64)
    random = np.random.default_rng(0)
    tasks = [
        (unit_vectors(1 + n % 5, n, 64), random.integers(0, 2_000, (1 + n % 5, 10 + 7 * n)))
        for n in range(60)
    ]
    alone = [rescore(queries, vectors, positions) for queries, positions in tasks]
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(3):
            together = list(pool.map(lambda task: rescore(task[0], vectors, task[1]), tasks))
            for one, other in zip(alone, together, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rows", [None, np.array([3, 4, 9, 17, 40])])
def test_products_of_matrices_find_the_best_in_steps(
    rows: NDArray[np.int64] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "PRODUCT_ELEMENTS", 7)
    vectors, queries = unit_vectors(50, 0, 16).astype(np.float16), unit_vectors(12, 1, 16)
    positions, scores = by_products(queries, vectors, rows, 4)
    wanted, exact = scan(queries, vectors, rows, 4)
    np.testing.assert_array_equal(positions, wanted)
    np.testing.assert_allclose(scores, exact, atol=1e-6)


def test_products_give_all_rows_where_there_are_fewer_than_asked_for() -> None:
    positions, scores = by_products(
        unit_vectors(9, 1, 8), unit_vectors(3, 0, 8).astype(np.float16), None, 10
    )
    assert positions.shape == scores.shape == (9, 3)
    assert (np.diff(scores) <= 0).all()
