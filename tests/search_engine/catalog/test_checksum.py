"""The checksum of keys: the published mix, and a sum that follows the set in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_engine.catalog.checksum import key_checksum, signed_64
from search_engine.records import Keys

INCREMENT = 0x9E3779B97F4A7C15
FROM_SEED_1234567 = (
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
)
"""What S. Vigna's splitmix64.c gives in turn; its state grows by the increment each time."""

signed = st.integers(-(2**63), 2**63 - 1)
key_sets = st.sets(signed, max_size=20)


def keys_of(numbers: object) -> Keys:
    return np.array(list(numbers), dtype=np.int64)  # type: ignore[call-overload]


@pytest.mark.parametrize(("turn", "wanted"), [*enumerate(FROM_SEED_1234567)])
def test_the_mix_is_splitmix64(turn: int, wanted: int) -> None:
    state = signed_64(1234567 + turn * INCREMENT)
    assert key_checksum(keys_of([state])) == signed_64(wanted)


def test_no_keys_sum_to_nothing() -> None:
    assert key_checksum(keys_of([])) == 0


def test_sets_of_one_size_and_sum_differ() -> None:
    assert key_checksum(keys_of([1, 4])) != key_checksum(keys_of([2, 3]))
    assert key_checksum(keys_of([1, 2, 3])) != key_checksum(keys_of([6]))


def test_the_keys_stay_as_they_are() -> None:
    keys = keys_of(range(100))
    key_checksum(keys)
    assert keys.tolist() == list(range(100))


@given(key_sets, key_sets)
def test_adding_and_removing_keys_adds_and_subtracts_their_sums(
    one: set[int], other: set[int]
) -> None:
    both = key_checksum(keys_of(one | other))
    assert both == signed_64(key_checksum(keys_of(one)) + key_checksum(keys_of(other - one)))
    assert key_checksum(keys_of(one)) == signed_64(both - key_checksum(keys_of(other - one)))


@given(st.lists(signed, max_size=20), st.randoms())
def test_the_order_does_not_matter(numbers: list[int], random: object) -> None:
    shuffled = list(numbers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert key_checksum(keys_of(shuffled)) == key_checksum(keys_of(numbers))


@given(st.integers())
def test_signed_64_keeps_the_number_modulo_2_to_the_64(number: int) -> None:
    kept = signed_64(number)
    assert -(2**63) <= kept < 2**63
    assert (kept - number) % 2**64 == 0
