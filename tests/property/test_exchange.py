"""Exported and imported again, a collection is what it was, whatever it holds."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from indexer.exchange.exporting import export_embeddings
from indexer.exchange.files import open_embeddings
from indexer.exchange.rows import unit_vectors
from search_engine.engine import SearchEngine
from tests.embedding_tables import CLIP, counts, stored_items, take_in, write_npy

steady = settings(deadline=None, derandomize=True, database=None, max_examples=60)

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8
)
ids = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6).filter(
    lambda name: name not in ("label", "image", "attributes")
)
numbers = st.one_of(
    st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
plain = st.one_of(st.none(), st.booleans(), numbers, texts)
attributes = st.dictionaries(names, st.one_of(plain, st.lists(plain, max_size=3)), max_size=4)
items = st.fixed_dictionaries(
    {
        "label": st.one_of(st.none(), texts),
        "product_id": st.one_of(st.none(), texts),
        "attributes": attributes,
        "content_hash": st.one_of(st.none(), st.just("0a" * 32)),
    }
)
halves = st.floats(-1000, 1000, width=16).filter(bool)


@pytest.mark.parametrize("form", [".parquet", ".npy"])
@settings(steady, max_examples=5)
@given(st.dictionaries(ids, items, max_size=6), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_round_trip_changes_nothing(
    form: str, known: dict[str, dict[str, Any]], dimension: int, seed: int
) -> None:
    vectors = np.random.default_rng(seed).normal(size=(len(known), dimension))
    records = [{"item_id": item_id, **values} for item_id, values in known.items()]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        first = take_in(write_npy(root / "given.npy", vectors, records), root / "one")
        assume(first.added or not known)  # refused as a whole, there is no encoder to export
        with SearchEngine(root / "one") as engine:
            export_embeddings(engine.catalog, "default", root / f"a{form}")
        second = take_in(root / f"a{form}", root / "two", encoder=None)
        there, here = stored_items(root / "one"), stored_items(root / "two")
        assert counts(second) == (len(there), 0, 0, 0)
        assert second.scaled == 0
        assert list(here) == list(there)
        for item_id, (item, vector) in there.items():
            assert here[item_id][1].tobytes() == vector.tobytes()
            for column in ("label", "product_id", "attributes", "content_hash"):
                assert same(getattr(here[item_id][0], column), getattr(item, column)), column
        assert counts(take_in(root / f"a{form}", root / "two", encoder=CLIP)) == (
            0, 0, len(there), 0,
        )  # fmt: skip
        heading = open_embeddings(root / f"a{form}").encoder
        assert heading is not None
        assert (heading.name, heading.dimension) == (CLIP, dimension)


def same(one: Any, other: Any) -> bool:
    """Equal in kind too: 1, 1.0 and true are three values."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@steady
@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.just(4)), elements=halves))
def test_rows_become_unit_rows_of_the_same_direction(rows: Any) -> None:
    vectors, problems, scaled = unit_vectors(rows)
    assert problems == {}
    lengths = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1.001e-3)
    np.testing.assert_allclose(vectors, rows / lengths[:, None], atol=1.001e-3)
    kept = [row for row in range(len(rows)) if row not in scaled]
    np.testing.assert_array_equal(vectors[kept], rows[kept].astype(np.float32))
    again = unit_vectors(vectors)
    assert again[2] == set()
    np.testing.assert_array_equal(again[0], vectors)
