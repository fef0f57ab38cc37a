"""Names of kinds of index: what is refused before FAISS sees it."""

import subprocess
import sys

import numpy as np
import pytest

from search_engine.errors import ParameterError
from search_engine.indexes.faiss.index import FaissIndex
from search_engine.indexes.faiss.kinds import build as build_faiss
from search_engine.indexes.spec import IndexSpec
from tests.contract.index_kinds import LEAST_VECTORS, unit_vectors

REFUSED = (
    "",
    " ",
    "nonsense",
    "flat",
    "Flat ",
    "IVF",
    "IVF16",
    "IVF16,",
    ",Flat",
    "IDMap,Flat",
    "Flat,IDMap",
    "IVF16,Flat,RFlat",
    "NSG16",
    "PQ8x4fs",
    "HNSW16_PQ400",
    "Flat\0",
    "Fl\x1bat",
    "Flat\n",
    "((((",
    "%n%n%s",
    "é",
    "\ud800",
    "IVF100000,Flat",
    "IVF11,Flat",
    "IVF99999999999999999999,Flat",
    "IVF4294967312,Flat",
    "PQ8x40",
    "IVF4,PQ7x4fs",
    "PCA100000,Flat",
    "SQ3",
    "LSQ1000x12",
    "IVF16,Flat" * 50,
)
DEADLY = ("IVF0,Flat", "HNSW0", "HNSW1", "IVF4_HNSW0,Flat", "RR0,Flat", "PQ8x0", "HNSW2147483647")
"""What FAISS answers with a signal, or by taking all memory."""
UNFILTERED = ("PQ2", "LSH", "IVF4,RQ2x4")
"""What FAISS searches without a filter only."""


@pytest.mark.parametrize("factory", REFUSED, ids=lambda factory: ascii(factory)[:40])
def test_what_is_no_kind_of_index_is_refused_by_name(factory: str) -> None:
    rows = unit_vectors(10, 8)
    with pytest.raises(ParameterError) as refused:
        FaissIndex.build(IndexSpec(factory), np.arange(10), rows)
    assert repr(factory)[:100] in str(refused.value)
    assert "/" not in str(refused.value)


@pytest.mark.parametrize("factory", UNFILTERED)
def test_a_kind_that_knows_no_filter_is_refused(factory: str) -> None:
    rows = unit_vectors(LEAST_VECTORS + 44, 8).astype(np.float16)
    with pytest.raises(ParameterError, match="cannot"):
        build_faiss(factory, rows)


def test_what_would_end_the_process_is_refused() -> None:
    """In a process of its own, should it not be."""
    code = f"""
import numpy as np
from search_engine.errors import ParameterError
from search_engine.indexes.faiss.kinds import build
for factory in {DEADLY!r}:
    try:
        build(factory, np.ones((300, 8), dtype=np.float16))
    except ParameterError as error:
        assert repr(factory) in str(error)
        print(factory)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, list(DEADLY)), done.stderr
