"""Cursors: their round trip, and that nothing else is taken for one."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_engine.cursors import NONE, read_cursor, write_cursor
from search_engine.errors import ParameterError

QUESTION = {"collection": "one", "filter": None, "sort": "-price"}
ANY = (str, int, float, bool, NONE)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
scalars = st.one_of(
    texts, st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(), st.none(),
)  # fmt: skip


@given(st.lists(scalars, max_size=4))
def test_a_place_comes_back_as_it_was(place: list[Any]) -> None:
    cursor = write_cursor(place, QUESTION)
    assert cursor.isascii()
    assert read_cursor(cursor, QUESTION, [ANY] * len(place)) == tuple(place)


@pytest.mark.parametrize("name", QUESTION)
def test_a_cursor_of_another_question_is_refused_by_name(name: str) -> None:
    cursor = write_cursor((1,), QUESTION)
    with pytest.raises(ParameterError, match=rf"another {name} \(") as caught:
        read_cursor(cursor, {**QUESTION, name: "other"}, (int,))
    assert caught.value.where == "cursor"


def test_all_that_differs_is_named() -> None:
    with pytest.raises(ParameterError, match=r"another filter and another sort \("):
        read_cursor(write_cursor((1,), QUESTION), {"collection": "one", "filter": 1, "sort": 1}, [])


@pytest.mark.parametrize(
    ("place", "kinds"),
    [
        ([], (int,)), ([1, 2], (int,)), (["1"], (int,)), ([True], (int,)), ([1.0], (int,)),
        ([None], (int,)), ([2**63], (int,)), ([-(2**63)], (int,)), ([10**400], (int,)),
        ([1], (str,)), (["a\0b"], (str,)), (["\ud800"], (str,)), ([float("nan")], (float,)),
        ([float("inf")], (float,)), ([[1]], (int,)), ([{"a": 1}], (int,)),
    ],
)  # fmt: skip
def test_a_place_of_another_shape_is_no_cursor(place: list[Any], kinds: tuple[type, ...]) -> None:
    digests = json.loads(base64.urlsafe_b64decode(write_cursor([], QUESTION) + "=="))[0]
    forged = base64.urlsafe_b64encode(json.dumps([digests, *place]).encode()).decode().rstrip("=")
    with pytest.raises(ParameterError, match="not a cursor of ours"):
        read_cursor(forged, QUESTION, kinds)


@pytest.mark.parametrize(
    "text",
    ["", "A", "AAAA", "LTE", "!!!", "_w", "é", "W10", "e30", "MQ", "bnVsbA", "W251bGxd", "=" * 9],
)
def test_other_texts_are_no_cursors(text: str) -> None:
    with pytest.raises(ParameterError, match="not a cursor of ours"):
        read_cursor(text, QUESTION, (int,))


@given(st.binary(max_size=60), texts)
def test_nothing_makes_it_fail_otherwise(content: bytes, text: str) -> None:
    for cursor in (base64.urlsafe_b64encode(content).decode(), text):
        with pytest.raises(ParameterError):
            read_cursor(cursor, QUESTION, (int,))
