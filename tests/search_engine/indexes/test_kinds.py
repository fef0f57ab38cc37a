"""FAISS's kinds of index: how they are made, and what they are told."""

import faiss
import numpy as np
import pytest

from search_engine.errors import ParameterError
from search_engine.indexes.faiss import kinds
from search_engine.indexes.faiss.kinds import build, inner_index, kind_of
from search_engine.indexes.selection import Selection
from search_engine.indexes.spec import Effort
from tests.contract.index_kinds import LEAST_VECTORS, one_thread, unit_vectors

COUNT, DIMENSION = LEAST_VECTORS + 44, 32
VECTORS = unit_vectors(COUNT, DIMENSION).astype(np.float16)
EFFORT = Effort(probes=(4, 40), candidates=(20, 200))


@pytest.mark.parametrize(
    ("factory", "kind"),
    [
        ("Flat", kinds.Codes),
        ("SQ8", kinds.Codes),
        ("RR32,SQ8", kinds.Codes),
        ("RaBitQ", kinds.Codes),
        ("IVF4,Flat", kinds.InvertedFile),
        ("IVF4_HNSW8,Flat", kinds.InvertedFile),
        ("PCAR8,IVF4,PQ4x4fs", kinds.InvertedFile),
        ("HNSW8", kinds.Graph),
        ("PCA8,HNSW8,SQ8", kinds.Graph),
    ],
)
def test_a_factory_string_makes_an_index_of_a_kind(factory: str, kind: type) -> None:
    made = build(factory, VECTORS)
    assert type(kind_of(made)) is kind
    assert (made.ntotal, made.d) == (COUNT, DIMENSION)


def test_flat_compares_inner_products_and_other_kinds_distances() -> None:
    assert build("Flat", VECTORS).metric_type == faiss.METRIC_INNER_PRODUCT
    for factory in ("SQ8", "HNSW8", "IVF4,Flat", "PCAR8,IVF4,PQ4x4fs"):
        assert inner_index(build(factory, VECTORS)).metric_type == faiss.METRIC_L2


@pytest.mark.parametrize("factory", ["IVF8,Flat", "PCAR8,IVF4,PQ4x4fs", "HNSW8", "RR32,SQ8"])
def test_building_twice_gives_the_same_index(factory: str) -> None:
    with one_thread():
        one, other = (faiss.serialize_index(build(factory, VECTORS)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_vectors_are_added_in_parts_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build("SQfp16", VECTORS)
    monkeypatch.setattr(kinds, "ADD_ELEMENTS", 7 * DIMENSION)
    parts = build("SQfp16", VECTORS)
    np.testing.assert_array_equal(parts.reconstruct_n(0, COUNT), whole.reconstruct_n(0, COUNT))


@pytest.mark.parametrize("factory", ["SQ8", "IVF4,Flat", "PCAR8,IVF4,PQ4x4fs", "PCA8,SQ8"])
@pytest.mark.parametrize("count", [0, 1])
def test_too_few_vectors_are_refused_without_a_word_from_blas(
    capfd: pytest.CaptureFixture[str], factory: str, count: int
) -> None:
    if factory == "SQ8" and count == 1:
        pytest.skip("one is enough")
    with pytest.raises(ParameterError, match=f"cannot be built from {count} vectors"):
        build(factory, VECTORS[:count])
    assert "illegal value" not in "".join(capfd.readouterr())


def test_an_inverted_file_knows_the_list_of_each_row() -> None:
    index = build("IVF8,Flat", VECTORS)
    _, nearest = inner_index(index).quantizer.search(VECTORS.astype(np.float32), 1)
    kind = kind_of(index)
    assert isinstance(kind, kinds.InvertedFile)
    np.testing.assert_array_equal(kind.list_of, nearest[:, 0])


@pytest.mark.parametrize(("k", "probes"), [(1, 4), (10, 4), (200, 40), (10**6, 64)])
def test_probes_follow_the_depth_up_to_all_lists(k: int, probes: int) -> None:
    kind = kind_of(build("IVF64,Flat", VECTORS))
    assert kind.parameters(k, EFFORT, None).nprobe == probes


def test_under_a_filter_only_lists_with_a_match_count() -> None:
    """A tenth of the rows match: as deep as 10 times the k. Never more lists than have any."""
    index = build("IVF64,Flat", VECTORS)
    kind = kind_of(index)
    assert isinstance(kind, kinds.InvertedFile)
    tenth = Selection(np.arange(0, COUNT, 10), COUNT)
    lists = len(np.unique(kind.list_of[tenth.positions]))
    assert kind.parameters(10, EFFORT, tenth).nprobe == min(40, lists)
    one = Selection(np.array([17]), COUNT)
    assert kind.parameters(10, EFFORT, one).nprobe == 1
    _, found = index.search(
        VECTORS[:1].astype(np.float32), 1, params=kind.parameters(1, EFFORT, one)
    )
    assert found.tolist() == [[17]]


def test_lists_whose_centroids_form_a_graph_are_all_within_reach_of_a_filter() -> None:
    """Which lists count cannot be told to a graph of centroids."""
    index = build("IVF16_HNSW8,Flat", VECTORS)
    one = Selection(np.array([17]), COUNT)
    parameters = kind_of(index).parameters(10, EFFORT, one)
    assert parameters.nprobe == 16
    assert [
        index.search(VECTORS[row : row + 1].astype(np.float32), 1, params=parameters)[1].item()
        for row in range(0, COUNT, 10)
    ] == [17] * 30


@pytest.mark.parametrize("k", [1, 10, 100, 1_000])
def test_a_graph_keeps_at_least_as_many_nodes_as_candidates(k: int) -> None:
    parameters = kind_of(build("HNSW8", VECTORS)).parameters(k, EFFORT, None)
    assert parameters.efSearch == min(COUNT, EFFORT.candidates_at(k))


def test_more_effort_is_estimated_to_cost_more() -> None:
    for factory in ("IVF64,Flat", "HNSW8"):
        kind = kind_of(build(factory, VECTORS))
        costs = [kind.nanoseconds(k, EFFORT, 1.0) for k in (10, 100)]
        assert costs == sorted(set(costs))


def test_what_faiss_is_told_of_the_number_of_queries_changes_no_answer() -> None:
    """Neither does whether it was told at all: what is stored is told nothing yet."""
    index = build("PCAR16,IVF16,PQ8x4fs", VECTORS)
    kind = kind_of(index)
    parameters = kind.parameters(10, EFFORT, None)
    queries = VECTORS[:20].astype(np.float32)
    untold = index.search(queries, 40, params=parameters)
    told = {}
    for number in (1, kinds.FEW_QUERIES, kinds.FEW_QUERIES + 1):
        kind.expect(number)
        told[inner_index(index).implem] = index.search(queries, 40, params=parameters)
    assert set(told) == {kinds.QUERY_BY_QUERY, kinds.FAISS_DECIDES}
    for distances, positions in told.values():
        np.testing.assert_allclose(distances, untold[0], rtol=1e-6)
        assert [set(row) for row in positions] == [set(row) for row in untold[1]]
