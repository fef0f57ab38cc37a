"""Every kind of index, in memory and as a published generation, held against comparing with all."""

import gc
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from search_engine.errors import DimensionMismatchError
from search_engine.indexes import generations as generation
from search_engine.indexes.faiss import index as faiss_index_module
from search_engine.indexes.faiss import kinds
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.faiss.tuning import tune
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.manifest import Manifest
from search_engine.indexes.selection import KeySet, Selection
from search_engine.indexes.spec import Effort, IndexSpec
from search_engine.records import Keys, Vectors
from tests.contract.exact_index import ExactIndex
from tests.contract.index_kinds import (
    APPROXIMATE,
    KINDS,
    THOROUGH,
    all_found,
    build,
    found,
    found_keys,
    manifold,
    one_thread,
    oracle,
    recall,
    some_keys,
    surface_index,
    unit_vectors,
)
from tests.marking import slow_but

COUNT, QUERIES, DIMENSION = 400, 12, 32
MANY, HELD_OUT = 2_500, 600
TARGET = 0.99
CLUSTERS, CLUSTER_SIZE = 8, 250
FAR_WITH_ONE_BIT = 0.95
"""One bit a dimension tells rows apart less well the farther they are from the query."""
EQUAL = 180
"""So many equal vectors: beyond the number of candidates of an untuned search."""

MakeIndex = Callable[[str], FaissIndex]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=APPROXIMATE)
def approximate(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> MakeIndex:
    """The index of a kind, published and mapped into memory from its files."""

    @cache
    def load(kind: str) -> FaissIndex:
        return reloaded(surface_index(kind, COUNT, DIMENSION), tmp_path_factory.mktemp("indexes"))

    return load


def reloaded(index: FaissIndex, folder: Path) -> FaissIndex:
    manifest = Manifest("uid", "fingerprint", 1, len(index), index.dimension, index.spec)
    generation.publish(folder, manifest, index)
    read = generation.load(folder, "uid", "fingerprint")
    assert read is not None
    assert (read.findings, read.manifest.spec) == ((), index.spec)
    assert isinstance(read.index, FaissIndex)
    return read.index


@cache
def exact() -> ExactIndex:
    return oracle(some_keys(COUNT), manifold(COUNT, 0, DIMENSION)[0])


@pytest.fixture(params=["in memory", "mapped"])
def index(request: pytest.FixtureRequest, kind: str, loaded: MakeIndex) -> LiveIndex:
    """A live index over a kind that searches thoroughly."""
    base = surface_index(kind, COUNT, DIMENSION) if request.param == "in memory" else loaded(kind)
    return LiveIndex(DIMENSION, base.with_spec(base.spec))


def questions(count: int = QUERIES) -> Vectors:
    return manifold(COUNT, count, DIMENSION)[1]


@pytest.mark.usefixtures("faiss_only")
@pytest.mark.parametrize("k", [1, 10, 200, COUNT, 5_000])
def test_a_thorough_search_equals_the_oracle_to_the_last_bit(index: LiveIndex, k: int) -> None:
    hits = index.search(questions(), k)
    assert all_found(hits) == all_found(exact().search(questions(), k))
    assert hits.counts.tolist() == [min(k, COUNT)] * QUERIES


@pytest.mark.usefixtures("faiss_only")
@pytest.mark.parametrize("matches", [0, 1, 3, 40, COUNT])
def test_a_filter_finds_the_best_of_its_matches(index: LiveIndex, matches: int) -> None:
    chosen = KeySet(some_keys(COUNT)[:matches])
    hits = index.search(questions(), 10, chosen)
    assert all_found(hits) == all_found(exact().search(questions(), 10, chosen))
    assert hits.counts.tolist() == [min(10, matches)] * QUERIES


def test_comparing_with_all_gives_the_same_as_asking_faiss(
    index: LiveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = KeySet(some_keys(COUNT)[:90])
    answers = []
    for price in (-(10**12), 10**12):
        monkeypatch.setattr(faiss_index_module, "SCAN_NS", price)
        base = index.snapshot.base
        assert isinstance(base, FaissIndex)
        again = LiveIndex(DIMENSION, base.with_spec(base.spec))  # it remembers how it searches
        answers.append([all_found(again.search(questions(), 10, each)) for each in (None, chosen)])
    assert answers[0] == answers[1]


@pytest.mark.usefixtures("faiss_only")
def test_a_selection_of_rows_is_searched_without_a_live_index(kind: str) -> None:
    base = surface_index(kind, COUNT, DIMENSION)
    rows = np.arange(5, COUNT, 9)
    hits = base.search(questions(), 7, Selection(rows, COUNT))
    assert all_found(hits) == all_found(exact().search(questions(), 7, KeySet(base.keys[rows])))


@pytest.mark.usefixtures("faiss_only")
def test_a_batch_equals_single_queries(index: LiveIndex) -> None:
    chosen = KeySet(some_keys(COUNT)[::2])
    for within in (None, chosen):
        batch = all_found(index.search(questions(), 9, within))
        assert batch == [found(index.search(one[None], 9, within)) for one in questions()]


@pytest.mark.usefixtures("faiss_only")
def test_removed_changed_and_new_items_are_those_of_the_oracle(index: LiveIndex) -> None:
    wanted = oracle(some_keys(COUNT), manifold(COUNT, 0, DIMENSION)[0])
    keys, others = some_keys(COUNT), unit_vectors(60, DIMENSION, seed=7)
    new = np.arange(40, dtype=np.int64) + 10**6
    for each in (index, wanted):
        each.remove(keys[:70])
        each.upsert(keys[60:80], others[:20])
        each.upsert(keys[60:80], others[20:40])
        each.upsert(new, np.repeat(others[40:], 2, axis=0))
    for within in (None, KeySet(np.concatenate([keys[:100], new[::3]]))):
        got = all_found(index.search(questions(), 15, within))
        assert got == all_found(wanted.search(questions(), 15, within))
    index.remove(np.concatenate([keys, new]))
    assert index.search(questions(), 15).counts.tolist() == [0] * QUERIES


def test_no_queries_give_no_rows(index: LiveIndex) -> None:
    hits = index.search(questions(0), 3)
    assert len(hits.counts) == len(hits.keys) == len(hits.scores) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_query_that_is_not_finite_is_refused(index: LiveIndex, bad: float) -> None:
    queries = questions().copy()
    queries[3, 4] = bad
    with pytest.raises(ValueError, match="finite"):
        index.search(queries, 3)


@pytest.mark.parametrize("dimension", [DIMENSION - 1, DIMENSION + 1, 0])
def test_queries_of_another_dimension_are_refused(index: LiveIndex, dimension: int) -> None:
    with pytest.raises(DimensionMismatchError):
        index.search(np.ones((2, dimension), dtype=np.float32), 3)


@pytest.mark.usefixtures("faiss_only")
def test_queries_are_not_changed(index: LiveIndex) -> None:
    queries = questions().copy()
    queries.flags.writeable = False
    index.search(queries, 3)
    index.search(queries, 3, KeySet(some_keys(COUNT)[:50]))
    np.testing.assert_array_equal(queries, questions())


@pytest.mark.usefixtures("faiss_only")
def test_any_layout_of_queries_gives_the_same(index: LiveIndex) -> None:
    wanted = all_found(index.search(questions(), 5))
    assert all_found(index.search(np.asfortranarray(questions()), 5)) == wanted
    wide = np.zeros((QUERIES, 2 * DIMENSION), dtype=np.float32)
    wide[:, ::2] = questions()
    assert all_found(index.search(wide[:, ::2], 5)) == wanted


def partly_equal() -> Vectors:
    vectors = manifold(COUNT, 0, DIMENSION)[0].copy()
    vectors[:EQUAL] = vectors[0]
    return vectors


@cache
def index_of_partly_equal(kind: str) -> FaissIndex:
    return build(kind, some_keys(COUNT), partly_equal(), Effort())


@pytest.mark.parametrize("k", [1, 10, EQUAL, EQUAL + 20])
def test_among_many_equal_vectors_scores_are_right_and_equal_ones_come_by_key(
    approximate: str, k: int
) -> None:
    """Which of them are found is open where there are more than candidates."""
    keys, vectors = some_keys(COUNT), partly_equal()
    hits = index_of_partly_equal(approximate).search(vectors[:1], k)
    wanted = oracle(keys, vectors).search(vectors[:1], k)
    np.testing.assert_array_equal(hits.scores, wanted.scores)
    assert sorted(found(hits), key=lambda pair: (-pair[1], pair[0])) == found(hits)
    assert set(found_keys(hits)[:EQUAL]) <= set(keys[:EQUAL].tolist())


TUNED = slow_but([kind for kind in APPROXIMATE if not kind.startswith("OPQ")], APPROXIMATE)
"""To train the rotation of OPQ takes most of all the time, each time."""


@cache
def tuned(kind: str) -> FaissIndex:
    keys, (vectors, _) = some_keys(MANY), manifold(MANY, HELD_OUT, DIMENSION)
    with one_thread():
        return tune(build(kind, keys, vectors), TARGET, sample=256)


@pytest.mark.parametrize("approximate", TUNED, indirect=True)
def test_a_tuned_index_finds_what_it_was_tuned_for(approximate: str) -> None:
    """On vectors that are not in the index."""
    keys, (vectors, queries) = some_keys(MANY), manifold(MANY, HELD_OUT, DIMENSION)
    index, wanted = tuned(approximate), oracle(keys, vectors)
    assert index.spec.recall is not None
    assert index.spec.recall >= TARGET
    for k, least in ((1, TARGET), (10, TARGET), (100, 0.985)):
        hits = index.search(queries, k)
        assert hits.counts.tolist() == [k] * HELD_OUT
        assert recall(hits, wanted.search(queries, k)) >= least, f"k = {k}"


@pytest.mark.parametrize("approximate", TUNED, indirect=True)
def test_a_tuned_index_gives_the_scores_of_the_oracle_and_singles_as_a_batch(
    approximate: str,
) -> None:
    keys, (vectors, queries) = some_keys(MANY), manifold(MANY, HELD_OUT, DIMENSION)
    index, queries = tuned(approximate), queries[:20]
    batch = all_found(index.search(queries, 10))
    right = [dict(each) for each in all_found(oracle(keys, vectors).search(queries, MANY))]
    for row, hits in enumerate(batch):
        assert [score for _, score in hits] == [right[row][key] for key, _ in hits]
        assert sorted(hits, key=lambda pair: (-pair[1], pair[0])) == hits
    assert batch == [found(index.search(query[None], 10)) for query in queries]


def clustered(kind: str) -> tuple[FaissIndex, ExactIndex, Keys, Vectors]:
    """Clusters far from each other; keys of cluster n are in row n."""
    centres = 6 * unit_vectors(CLUSTERS, DIMENSION, seed=5)
    near = unit_vectors(CLUSTERS * (CLUSTER_SIZE + 10), DIMENSION, seed=6)
    rows = near.reshape(CLUSTERS, -1, DIMENSION) + centres[:, None]
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    vectors = rows[:, :CLUSTER_SIZE].reshape(-1, DIMENSION)
    keys = np.arange(1, len(vectors) + 1, dtype=np.int64)
    with one_thread():
        index = tune(build(kind, keys, vectors), TARGET, sample=128)
    return index, oracle(keys, vectors), keys.reshape(CLUSTERS, -1), rows[:, CLUSTER_SIZE:]


@pytest.mark.parametrize("approximate", TUNED, indirect=True)
def test_matches_far_from_the_query_are_found(approximate: str) -> None:
    """The filter selects one cluster, whole or thinned out, and the query lies in another."""
    index, wanted, keys, queries = clustered(approximate)
    live = LiveIndex(DIMENSION, index)
    for step in (1, 5, 60):
        shares = []
        for cluster in range(CLUSTERS):
            within = KeySet(keys[cluster][::step])
            asked = queries[(cluster + 3) % CLUSTERS]
            hits = live.search(asked, 10, within)
            assert hits.counts.tolist() == [min(10, len(within))] * len(asked)
            shares.append(recall(hits, wanted.search(asked, 10, within)))
        least = FAR_WITH_ONE_BIT if "RaBitQ" in approximate else TARGET
        assert np.mean(shares) >= least, f"every {step}th of a cluster"


def test_a_plan_that_faiss_cannot_follow_finds_all_there_is() -> None:
    """One probe finds too few for k: the rest comes from comparing with all."""
    keys, (vectors, queries) = some_keys(COUNT), manifold(COUNT, 5, DIMENSION)
    frugal = Effort((1, 1), (10, 10))
    index = build("IVF16,Flat", keys, vectors, frugal)
    wanted = oracle(keys, vectors)
    assert all_found(index.search(queries, COUNT)) == all_found(wanted.search(queries, COUNT))


def test_what_an_index_learned_serves_another(approximate: str) -> None:
    """Built of the same vectors it is the same index, but for a graph, which is drawn at random;
    of others it holds those and only those."""
    vectors, queries = manifold(COUNT, 5, DIMENSION)
    keys = np.arange(COUNT)
    with one_thread():
        first = FaissIndex.build(IndexSpec(approximate), keys, vectors)
        before = faiss.serialize_index(first.faiss_index).tobytes()
        again = FaissIndex.build(IndexSpec(approximate), keys, vectors, trained=first)
        same = faiss.serialize_index(again.faiss_index).tobytes() == before
        assert same or approximate.startswith("HNSW")
    keys = np.arange(COUNT + 50)
    others = unit_vectors(len(keys), DIMENSION, seed=4)
    grown = FaissIndex.build(IndexSpec(approximate, THOROUGH), keys, others, trained=first)
    wanted = oracle(keys, others)
    assert all_found(grown.search(queries, 20)) == all_found(wanted.search(queries, 20))
    assert faiss.serialize_index(first.faiss_index).tobytes() == before


@pytest.mark.usefixtures("faiss_only")
def test_how_to_search_is_planned_once_for_a_selection(monkeypatch: pytest.MonkeyPatch) -> None:
    """One removed item selects nearly all rows: planning costs more than searching then."""
    index = surface_index("IVF16,PQ8x4fs", COUNT, DIMENSION)
    index = index.with_spec(index.spec)  # no plans of other tests
    planned: list[int] = []
    plan = kinds.InvertedFile.parameters

    def counted(kind: kinds.InvertedFile, k: int, effort: Effort, within: Selection | None) -> Any:
        planned.append(COUNT if within is None else len(within))
        return plan(kind, k, effort, within)

    monkeypatch.setattr(kinds.InvertedFile, "parameters", counted)
    selections = [Selection(np.arange(first, COUNT), COUNT) for first in (1, 2)]
    for within in (None, *selections) * 3:
        index.search(questions(), 10, within)
    assert planned == [COUNT, COUNT - 1, COUNT - 2]
    index.search(questions(), 11, selections[0])
    assert planned[3:] == [COUNT - 1]


def test_a_plan_goes_with_its_selection() -> None:
    index = surface_index("IVF16,PQ8x4fs", COUNT, DIMENSION)
    selection = Selection(np.arange(1, COUNT), COUNT)
    index.search(questions(), 10, selection)
    left = weakref.ref(selection)
    del selection
    gc.collect()
    assert left() is None
