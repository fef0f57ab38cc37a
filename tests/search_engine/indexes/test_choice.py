"""Which kind of index for how many vectors: a table, and what must hold for all."""

import re

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_engine.errors import ParameterError
from search_engine.indexes import choice
from search_engine.indexes.choice import EXACT_ELEMENTS, IndexPlan, choose_index
from search_engine.indexes.faiss import kinds
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.spec import IndexSpec
from tests.contract.index_kinds import one_thread
from tests.small_catalog import unit_vectors

GIGABYTE = 10**9
PLENTY = 10**15
OUR_BYTES_A_ROW = 12
"""Keys and list numbers, kept beside FAISS's index."""

steady = settings(deadline=None, derandomize=True, database=None, max_examples=300)
counts = st.integers(0, 10**8)
dimensions = st.sampled_from([16, 64, 100, 128, 256, 512, 1_280, 2_048])
memories = st.integers(1, 10**12)
recalls = st.sampled_from([0.5, 0.9, 0.99, 0.999, 1.0])


@pytest.mark.parametrize(
    ("count", "dimension", "memory", "recall", "factory"),
    [
        (0, 256, 1, 0.99, "Flat"),
        (1, 256, 2_000, 0.99, "Flat"),
        (100_000, 256, GIGABYTE, 0.99, "Flat"),
        (100_001, 256, GIGABYTE, 0.99, "PCAR160,IVF512,PQ80x4fs"),
        (450_000, 256, GIGABYTE, 0.99, "PCAR160,IVF1024,PQ80x4fs"),
        (450_000, 256, 25_000_000, 0.99, "PCAR160,IVF1024,PQ40x4fs"),
        (450_000, 256, GIGABYTE, 1.0, "Flat"),
        (1_000_000, 256, GIGABYTE, 0.9, "PCAR160,IVF2048,PQ80x4fs"),
        (10_000_000, 256, GIGABYTE, 0.99, "PCAR160,IVF4096,PQ80x4fs"),
        (10_000_000, 256, GIGABYTE / 2, 0.99, "PCAR160,IVF4096,PQ40x4fs"),
        (20_000, 1_280, GIGABYTE, 0.99, "Flat"),
        (20_001, 1_280, GIGABYTE, 0.99, "PCAR360,IVF256,PQ180x4fs"),
        (1_000_000, 64, GIGABYTE, 0.99, "PCAR64,IVF2048,PQ32x4fs"),
        (1_000_000, 101, GIGABYTE, 0.99, "PCAR100,IVF2048,PQ50x4fs"),
    ],
)
def test_the_kind_for_a_size(
    count: int, dimension: int, memory: int, recall: float, factory: str
) -> None:
    assert choose_index(count, dimension, int(memory), recall).factory == factory


@pytest.mark.parametrize(
    ("count", "memory", "recall", "fix"),
    [
        (450_000, 10_000_000, 0.99, "allow more memory"),
        (450_000, 100_000_000, 1.0, "allow more memory, or a recall below 1"),
        (50_000, 10_000_000, 0.99, "allow more memory"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_size(
    count: int, memory: int, recall: float, fix: str
) -> None:
    with pytest.raises(ParameterError, match=f"may take {memory // 10**6} MB") as refused:
        choose_index(count, 256, memory, recall)
    assert (refused.value.where, refused.value.fix) == ("EYEDEX_INDEX_MEMORY_MB", fix)


@pytest.mark.parametrize("recall", [0.0, -0.5, 1.01, float("nan")])
def test_a_recall_that_is_no_share_is_refused(recall: float) -> None:
    with pytest.raises(ParameterError, match="recall"):
        choose_index(10, 256, GIGABYTE, recall)


def planned(count: int, dimension: int, memory: int, recall: float) -> IndexPlan | None:
    try:
        return choose_index(count, dimension, memory, recall)
    except ParameterError:
        return None


@steady
@given(count=counts, dimension=dimensions, memory=memories, more=memories, recall=recalls)
def test_a_kind_fits_and_more_memory_never_gives_a_smaller_one(
    count: int, dimension: int, memory: int, more: int, recall: float
) -> None:
    plan = planned(count, dimension, memory, recall)
    larger = planned(count, dimension, memory + more, recall)
    if plan is not None:
        assert plan.memory_bytes <= memory
        assert larger is not None
        assert plan.memory_bytes <= larger.memory_bytes <= memory + more
        assert larger.factory == plan.factory or larger.memory_bytes > plan.memory_bytes


@steady
@given(count=counts, dimension=dimensions, recall=recalls)
def test_small_collections_and_a_recall_of_1_are_exact_and_others_are_not(
    count: int, dimension: int, recall: float
) -> None:
    exact = recall == 1 or count * dimension <= EXACT_ELEMENTS
    assert (choose_index(count, dimension, PLENTY, recall).factory == "Flat") == exact


@pytest.mark.parametrize("count", [100_001, 3_000_000, 100_000_000])
@pytest.mark.parametrize("dimension", [100, 256, 384, 1_280])
@pytest.mark.parametrize("share", [1.0, 0.99], ids=["roomy", "tight"])
def test_faiss_makes_what_is_chosen_and_it_can_be_searched(
    count: int, dimension: int, share: float
) -> None:
    if count * dimension <= EXACT_ELEMENTS:
        count = EXACT_ELEMENTS // dimension + 1
    plan = choose_index(count, dimension, PLENTY)
    if share < 1:
        plan = choose_index(count, dimension, int(share * plan.memory_bytes))
    made = kinds.create(plan.factory, dimension)
    assert made.d == dimension
    assert kinds.inner_index(made).nlist > 4


def taken_bytes(factory: str, count: int, dimension: int) -> int:
    vectors = unit_vectors(count, dimension=dimension).astype(np.float16)
    with one_thread():
        index = kinds.build(factory, vectors)
    return len(faiss.serialize_index(index)) + count * OUR_BYTES_A_ROW


def test_a_flat_index_takes_what_is_estimated() -> None:
    vectors = unit_vectors(3_000, dimension=64).astype(np.float16)
    index = FaissIndex.build(IndexSpec(), np.arange(3_000), vectors)
    taken = index.stored.rows.nbytes + 3_000 * OUR_BYTES_A_ROW
    assert choose_index(3_000, 64, PLENTY).memory_bytes == pytest.approx(taken, rel=0.25)


@pytest.mark.parametrize("share", [1.0, 0.99], ids=["roomy", "tight"])
@pytest.mark.parametrize("dimension", [64, 256])
def test_a_row_takes_what_is_estimated(dimension: int, share: float) -> None:
    """Within a quarter: the recipe of a large collection, with fewer lists for so few rows."""
    count, step, few = 1_000_000, 100_000, 1_000
    memory = int(share * choose_index(count, dimension, PLENTY).memory_bytes)
    plan = choose_index(count, dimension, memory)
    larger = choose_index(count + step, dimension, memory + 100 * step)
    if larger.factory != plan.factory:
        larger = choose_index(count + step, dimension, memory + 30 * step)
    assert larger.factory == plan.factory
    estimated = (larger.memory_bytes - plan.memory_bytes) / step
    small = re.sub(r"IVF\d+", "IVF4", plan.factory)
    taken = (taken_bytes(small, 3 * few, dimension) - taken_bytes(small, few, dimension)) / 2 / few
    assert estimated == pytest.approx(taken, rel=0.25)


def test_an_estimate_is_not_below_what_an_index_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where lists are short."""
    monkeypatch.setattr(choice, "EXACT_ELEMENTS", 0)
    plan = choose_index(3_000, 64, PLENTY)
    assert plan.factory.startswith("PCAR64,IVF64,")
    assert taken_bytes(plan.factory, 3_000, 64) <= plan.memory_bytes
