"""How hard an index must search: measures by hand, and what tuning promises."""

from dataclasses import replace

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_engine.indexes.faiss import tuning
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.faiss.tuning import index_recall, questions, tune
from search_engine.indexes.spec import DEPTHS, Effort, IndexSpec
from search_engine.records import Vectors
from tests.contract.index_kinds import build, manifold
from tests.small_catalog import unit_vectors

steady = settings(deadline=None, derandomize=True, database=None, max_examples=200)
COUNT, DIMENSION = 1_500, 32

pairs = st.tuples(st.integers(1, 500), st.integers(1, 5_000))


def on_a_circle(*degrees: float) -> Vectors:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def index_of(kind: str, vectors: Vectors, effort: Effort | None = None) -> FaissIndex:
    keys = np.arange(10, 10 + len(vectors), dtype=np.int64)
    return build(kind, keys, vectors, effort or Effort())


def without(index: FaissIndex, *positions: int) -> FaissIndex:
    """The same index, but for some of what it holds."""
    left = np.setdiff1d(np.arange(len(index)), positions)
    return FaissIndex.build(index.spec, index.keys[left], index.stored.rows[left])


def test_recall_is_the_share_of_right_neighbors_found() -> None:
    """On a circle at 0, 10, 25, 90 and 100 degrees. The two nearest others are

    of row 0: rows 1 and 2; of row 3: row 4 (10 degrees off) and row 2 (65 degrees off).
    """
    index = index_of("Flat", on_a_circle(0, 10, 25, 90, 100))
    asked = questions(index.stored.rows, np.array([0, 3]), 2)
    assert index_recall(index, asked, 2) == 1.0
    assert index_recall(index, asked, 1) == 1.0
    assert asked.right[:, :2].tolist() == [[1, 2], [4, 2]]


@pytest.mark.parametrize(("gone", "recall"), [((1,), 0.75), ((2,), 0.5), ((1, 4), 0.5)])
def test_what_is_not_found_is_missing(gone: tuple[int, ...], recall: float) -> None:
    index = index_of("Flat", on_a_circle(0, 10, 25, 90, 100))
    asked = questions(index.stored.rows, np.array([0, 3]), 2)
    lacking = without(index, *gone)
    rows = np.searchsorted(lacking.keys, index.keys[[0, 3]])
    assert index_recall(lacking, replace(asked, rows=rows), 2) == recall


def test_of_equal_vectors_any_will_do() -> None:
    """At 0 degrees five times, and at 90: any two of the other four are the two nearest."""
    index = index_of("Flat", on_a_circle(0, 0, 0, 0, 0, 90))
    asked = questions(index.stored.rows, np.array([4]), 2)
    assert asked.tied(2).tolist() == [0]
    for found in ((0, 1), (0, 2), (1, 3)):
        some = without(index, *set(range(4)) - set(found))
        rows = np.searchsorted(some.keys, index.keys[[4]])
        assert index_recall(some, replace(asked, rows=rows), 2) == 1.0


@pytest.mark.parametrize("kind", ["HNSW16", "IVF16,Flat", "IVF16,PQ8x4fs", "SQ8"])
def test_placeholders_do_not_lower_the_recall(kind: str) -> None:
    """Three of five pictures are the same one: whichever of them is found, nothing is missed."""
    vectors = manifold(COUNT, 0, DIMENSION)[0]
    vectors[np.random.default_rng(1).permutation(COUNT)[: COUNT * 3 // 5]] = vectors[0]
    index = tune(index_of(kind, vectors), 0.99, sample=100)
    assert index.spec.recall is not None
    assert index.spec.recall >= 0.98


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("kind", ["HNSW16", "Flat"])
def test_an_index_of_nothing_to_compare_stays_as_it_is(kind: str, count: int) -> None:
    index = index_of(kind, unit_vectors(count))
    assert tune(index, 0.99) is index


def test_an_exact_index_stays_as_it_is() -> None:
    index = index_of("Flat", unit_vectors(50))
    assert tune(index, 0.99) is index
    assert index.spec.recall is None


@pytest.mark.parametrize("count", [2, 3, 10, 11, 12, 100, 101, 102])
@pytest.mark.parametrize("kind", ["SQ8", "HNSW8", "IVF1,Flat"])
def test_few_vectors_are_all_found(kind: str, count: int) -> None:
    """Around the depths that are tuned for."""
    index = tune(index_of(kind, unit_vectors(count)), 0.99)
    assert index.spec.recall is not None
    assert index.spec.recall >= 0.99
    assert index.search(unit_vectors(3, seed=1), count).counts.tolist() == [count] * 3


def test_what_cannot_reach_the_target_says_what_it_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One bit for each of 8 dimensions, and too few candidates to make up for it."""
    monkeypatch.setattr(tuning, "MOST_CANDIDATES", 20)
    vectors = manifold(COUNT, 0, DIMENSION)[0]
    index = tune(index_of("PCAR8,RaBitQ", vectors), 0.99, sample=100)
    assert index.spec.recall is not None
    assert 0.1 < index.spec.recall < 0.9
    rows = np.sort(np.random.default_rng(0).permutation(COUNT)[:400])
    asked = questions(index.stored.rows, rows, 10)
    assert index.spec.recall == pytest.approx(index_recall(index, asked, 10), abs=0.07)


def test_tuning_gives_the_same_again() -> None:
    index = index_of("IVF32,PQ8x4fs", manifold(COUNT, 0, DIMENSION)[0])
    specs = {tune(index, 0.95, sample=100).spec for _ in range(2)}
    assert len(specs) == 1


def test_tuning_changes_nothing_but_the_effort() -> None:
    index = index_of("IVF32,Flat", manifold(COUNT, 0, DIMENSION)[0])
    before = index.spec
    tuned = tune(index, 0.9, sample=50)
    assert index.spec == before == IndexSpec("IVF32,Flat")
    assert (tuned.faiss_index, tuned.keys, tuned.stored) == (
        index.faiss_index,
        index.keys,
        index.stored,
    )
    assert tuned.spec.factory == before.factory


def test_a_higher_target_takes_no_less_effort() -> None:
    index = index_of("IVF64,Flat", manifold(COUNT, 0, DIMENSION)[0])
    costs, recalls = [], []
    for target in (0.5, 0.9, 0.99, 1.0):
        tuned = tune(index, target, sample=100)
        costs.append(tuned.nanoseconds(10, tuned.spec.effort))
        recalls.append(tuned.spec.recall)
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]
    assert all(
        recall is not None and recall >= target
        for recall, target in zip(recalls, (0.5, 0.9, 0.99, 1.0), strict=True)
    )


@pytest.mark.parametrize("threads", [1, 4])
def test_faiss_keeps_its_number_of_threads(threads: int) -> None:
    before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(threads)
        tune(index_of("IVF4,Flat", unit_vectors(200)), 0.9, sample=20)
        index_of("IVF4,Flat", unit_vectors(200)).search(unit_vectors(2), 3)
        assert faiss.omp_get_max_threads() == threads
    finally:
        faiss.omp_set_num_threads(before)


@steady
@given(probes=pairs, candidates=pairs)
def test_effort_is_exactly_what_was_tuned_at_both_depths(
    probes: tuple[int, int], candidates: tuple[int, int]
) -> None:
    """Never below the first; candidates never below the neighbors wanted."""
    effort = Effort(probes, candidates)
    assert [effort.probes_at(depth) for depth in DEPTHS] == [probes[0], max(probes)]
    wanted = [max(DEPTHS[0], candidates[0]), max(DEPTHS[1], *candidates)]
    assert [effort.candidates_at(depth) for depth in DEPTHS] == wanted


@steady
@given(probes=pairs, candidates=pairs, depths=st.lists(st.integers(1, 10**7), min_size=2))
def test_effort_grows_with_depth(
    probes: tuple[int, int], candidates: tuple[int, int], depths: list[int]
) -> None:
    effort = Effort(probes, candidates)
    depths = sorted(depths)
    for at in (effort.probes_at, effort.candidates_at):
        efforts = [at(depth) for depth in depths]
        assert efforts == sorted(efforts)
    assert all(effort.candidates_at(depth) >= depth for depth in depths)
    assert effort.probes_at(1) == probes[0]


def test_effort_follows_a_power_law_between_and_beyond() -> None:
    """4 at 10 and 64 at 200: 16 times as much for 20 times the depth."""
    effort = Effort(probes=(4, 64), candidates=(20, 400))
    assert effort.probes_at(10 * 20**0.5) == 16
    assert effort.probes_at(4_000) == 1_024
    assert [effort.candidates_at(k) for k in (5, 10, 50, 100, 200)] == [20, 20, 100, 200, 400]


def test_a_spec_comes_back_from_json() -> None:
    from dataclasses import asdict

    for spec in (IndexSpec(), IndexSpec("IVF4,Flat", Effort((3, 9), (20, 70)), 0.9912)):
        assert IndexSpec.from_json(asdict(spec)) == spec


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"factory": "Flat"},
        {"factory": "Flat", "effort": None, "recall": None},
        {"factory": "Flat", "effort": {"probes": [1], "candidates": [1, 2]}, "recall": None},
        {"factory": "Flat", "effort": {"probes": ["x", 1], "candidates": [1, 2]}, "recall": None},
        {"factory": "Flat", "effort": {"probes": [1, 1], "candidates": [1, 2]}, "recall": "high"},
    ],
)
def test_what_describes_no_spec_is_refused(described: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        IndexSpec.from_json(described)
