"""Weights rounded to bfloat16: each to a neighbor, the sum of a filter kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from search_engine.encoders.runtime.rounding import round_to_bfloat16

WEIGHTS = st.floats(-8, 8, width=32, allow_subnormal=False)


def nearest(values: np.ndarray) -> np.ndarray:
    import torch

    return torch.from_numpy(values).bfloat16().float().numpy()


def test_the_sums_of_filters_are_kept_far_better_than_by_the_nearest() -> None:
    filters = np.random.default_rng(0).normal(0, 0.1, (200, 144)).astype(np.float32)
    wanted = filters.sum(axis=1, dtype=np.float64)
    ours = round_to_bfloat16(filters).sum(axis=1, dtype=np.float64)
    plain = nearest(filters).sum(axis=1, dtype=np.float64)
    assert np.abs(ours - wanted).mean() < 0.05 * np.abs(plain - wanted).mean()


@pytest.mark.parametrize("taps", [1, 9, 64])
def test_few_weights_move_and_none_by_more_than_a_step(taps: int) -> None:
    filters = np.random.default_rng(1).normal(0, 1, (100, taps)).astype(np.float32)
    rounded = round_to_bfloat16(filters)
    step = 2.0 ** (np.floor(np.log2(np.abs(filters))) - 7)
    assert (np.abs(rounded - filters) < step).all()
    assert np.abs(rounded - filters).mean() < 1.5 * np.abs(nearest(filters) - filters).mean()


@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=WEIGHTS))
def test_weights_become_neighbors_in_bfloat16_and_no_sum_gets_worse(filters: np.ndarray) -> None:
    before = filters.copy()
    rounded = round_to_bfloat16(filters)
    assert np.array_equal(filters, before)
    assert np.array_equal(nearest(rounded), rounded)
    exact = filters == nearest(filters)
    assert np.array_equal(rounded[exact.all(axis=1)], filters[exact.all(axis=1)])
    wanted = filters.sum(axis=1, dtype=np.float64)
    ours = np.abs(rounded.sum(axis=1, dtype=np.float64) - wanted)
    plain = np.abs(nearest(filters).sum(axis=1, dtype=np.float64) - wanted)
    assert (ours <= plain + 1e-2).all()


def test_what_is_bfloat16_already_stays() -> None:
    filters = np.array([[1.0, -0.5, 0.0, 3.0]], dtype=np.float32)
    assert np.array_equal(round_to_bfloat16(filters), filters)
