"""Invariants of votes, numbers and ids."""

import math
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.sources.numerals import parse_number
from search_engine.catalog.vectors import pack, unpack
from search_engine.errors import ParameterError
from search_engine.names import MAX_ID_BYTES, check_item_id
from search_engine.vote.labels import vote
from search_engine.vote.tally import VoteRule
from tests.small_catalog import DIMENSION, unit_vectors

steady = settings(deadline=None, derandomize=True, database=None, max_examples=80)

labels = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d/e"]))
scores = st.one_of(st.floats(-1, 1), st.sampled_from([0.5, 0.7, 0.9]))
neighbors = st.lists(st.tuples(labels, scores), max_size=12)
rules = st.builds(
    VoteRule,
    temperature=st.floats(0.01, 2),
    min_score=st.floats(-1, 1),
    min_confidence=st.floats(0, 1),
)


@steady
@given(labelled=neighbors, rule=rules)
def test_shares_sum_to_one_and_fall(
    labelled: list[tuple[str | None, float]], rule: VoteRule
) -> None:
    prediction = vote(labelled, rule)
    shares = [one.share for one in prediction.votes]
    assert shares == sorted(shares, reverse=True)
    assert not shares or math.isclose(sum(shares), 1)
    assert {one.label for one in prediction.votes} <= {label for label, _ in labelled}
    assert prediction.abstained == (prediction.label is None) == (prediction.reason is not None)
    assert prediction.abstained or prediction.label == prediction.votes[0].label
    assert prediction.confidence == (shares[0] if shares else 0.0)
    assert (prediction.reason in ("too_few", "too_far")) == (not shares)


@steady
@given(labelled=neighbors, rule=rules, data=st.data())
def test_the_order_of_the_neighbors_does_not_matter(
    labelled: list[tuple[str | None, float]], rule: VoteRule, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(labelled))
    assert vote(shuffled, rule) == vote(labelled, rule)


@steady
@given(number=st.one_of(st.integers(-(10**15) + 1, 10**15 - 1), st.floats(-1e300, 1e300)))
def test_numbers_are_read_back_as_written(number: int | float) -> None:
    written = repr(number)
    parsed = parse_number(written)
    if sum(map(str.isdecimal, written)) > 15 or "e" in written or written == "-0.0":
        assert parsed is None
    else:
        assert parsed == number
        assert type(parsed) is type(number)


@steady
@given(text=st.text(alphabet="0123456789+-.eExX_ ,naif٣", max_size=12))
def test_what_is_read_as_a_number_is_one(text: str) -> None:
    number = parse_number(text)
    if number is not None:
        assert math.isfinite(number)
        assert text.isascii()
        assert number == float(text.replace(",", "").replace(" ", ""))


@pytest.mark.parametrize(
    "text",
    ["007", "", ".", "-", "e5", "1e", "0x1", "1_0", "1,5", " 1", "1 ",
     "+5", "1e5", "-0", "1,00,000", "9" * 16],
)  # fmt: skip
def test_texts_that_are_no_numbers(text: str) -> None:
    assert parse_number(text) is None


@steady
@given(text=st.text(max_size=300))
def test_an_accepted_id_is_normal_and_accepted_again(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    unusual = {"Cc", "Zl", "Zp"}.intersection(map(unicodedata.category, normal))
    parts = {"", ".", ".."}.intersection(normal.split("/"))
    spaced = normal != normal.strip()
    if unusual or parts or spaced or len(normal.encode()) > MAX_ID_BYTES:
        with pytest.raises(ParameterError) as caught:
            check_item_id(text)
        assert (caught.value.where, bool(caught.value.fix)) == ("item_id", True)
    else:
        assert check_item_id(text) == normal
        assert check_item_id(normal) == normal


@steady
@given(seed=st.integers(0, 2**32 - 1))
def test_vectors_are_unpacked_as_packed(seed: int) -> None:
    vector = unit_vectors(1, seed)
    blob, _ = pack(vector[0])
    assert unpack([blob], DIMENSION).tolist() == vector.astype("float16").tolist()
    assert pack(unpack([blob], DIMENSION)[0].astype("float32"))[0] == blob
