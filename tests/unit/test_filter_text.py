"""Filter lines: what they mean, and what is said of wrong ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_engine.errors import FilterError
from search_engine.filter_text import parse_filter_text
from search_engine.filters import Condition, conditions, parse_filter

PRICE = {"field": "price", "lt": 30.0}
TEAL = {"field": "color", "eq": "teal"}
KITCHEN = {"field": "label", "under": "Home/Kitchen"}


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("price < 30", PRICE),
        ("price<30", PRICE),
        ("price <= 30", {"field": "price", "lte": 30.0}),
        ("price>=-1.5e1", {"field": "price", "gte": -15.0}),
        ("price != 30", {"field": "price", "ne": 30.0}),
        ("color=teal", TEAL),
        ('color = "teal"', TEAL),
        ('size = "30"', {"field": "size", "eq": "30"}),
        ('"shelf no" = "a \\"b\\" c"', {"field": "shelf no", "eq": 'a "b" c'}),
        ("sold = true", {"field": "sold", "eq": True}),
        ("label under Home/Kitchen", KITCHEN),
        ("price exists", {"field": "price", "exists": True}),
        ("color in (teal, red, 3)", {"field": "color", "in": ["teal", "red", 3.0]}),
        ("price < 30 and color = teal", {"all": [PRICE, TEAL]}),
        (
            "price < 30 and color = teal or label under Home/Kitchen",
            {"any": [{"all": [PRICE, TEAL]}, KITCHEN]},
        ),
        (
            "price < 30 and (color = teal or label under Home/Kitchen)",
            {"all": [PRICE, {"any": [TEAL, KITCHEN]}]},
        ),
        ("not price < 30", {"not": PRICE}),
        ("not not color = teal", {"not": {"not": TEAL}}),
        ('{"field": "price", "lt": 30}', {"field": "price", "lt": 30}),
    ],
)
def test_meaning(line: str, meaning: dict[str, Any]) -> None:
    assert parse_filter_text(line) == parse_filter(meaning)


@pytest.mark.parametrize(
    ("line", "character", "expected"),
    [
        ("", 1, "expected a field"),
        ("price", 6, "expected = !="),
        ("price < ", 8, "expected a value"),
        ("price < < 3", 9, "expected a value"),
        ("price < 30 color = teal", 12, "expected and, or, or the end"),
        ("(price < 30", 12, "expected )"),
        ("color in teal", 10, "expected ("),
        ("color in (teal", 15, "expected )"),
        ('color = "teal', 8, "a quote that is not closed"),
        ("price ! 3", 6, "odd character"),
        ("not " * 9 + "price < 3", 33, "nested deeper"),
    ],
)
def test_mistakes_are_named_with_their_place(line: str, character: int, expected: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter_text(line)
    assert expected in caught.value.what
    assert caught.value.where == f"filter, character {character}"


def test_broken_json_and_long_lines_are_refused() -> None:
    for line in ("{", "{" * 100_000, "a" * 5_000):
        with pytest.raises(FilterError):
            parse_filter_text(line)


@given(st.text(max_size=40))
def test_any_line_is_a_filter_or_a_filter_error(line: str) -> None:
    try:
        parsed = parse_filter_text(line)
    except FilterError:
        return
    assert list(conditions(parsed))


@given(st.text(min_size=1, max_size=20))
def test_any_text_can_be_asked_for_in_quotes(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_filter_text(f'name = "{quoted}"') == Condition("name", "eq", text)
