"""Filter lines: what they mean, and what is said of wrong ones."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_engine.catalog.filter_text import parse_filter_text, read_filter
from search_engine.catalog.filters import Condition, Word, conditions, parse_filter
from search_engine.errors import FilterError, ParameterError
from search_engine.names import normal

PRICE = {"field": "price", "lt": Word("30")}
TEAL = {"field": "color", "eq": Word("teal")}
KITCHEN = {"field": "label", "under": "Home/Kitchen"}


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("price < 30", PRICE),
        ("price<30", PRICE),
        ("price <= 30", {"field": "price", "lte": Word("30")}),
        ("price>=-1.5e1", {"field": "price", "gte": Word("-1.5e1")}),
        ("price != 30", {"field": "price", "ne": Word("30")}),
        ("price <> 30", {"field": "price", "ne": Word("30")}),
        ("color=teal", TEAL),
        ("color==teal", TEAL),
        ('color = "teal"', {"field": "color", "eq": "teal"}),
        ("color = 'teal'", {"field": "color", "eq": "teal"}),
        ("color = 'it''s \\'x\\''", {"field": "color", "eq": "it's 'x'"}),
        ("color = Men's", {"field": "color", "eq": Word("Men's")}),
        ("'shelf no' = 7", {"field": "shelf no", "eq": Word("7")}),
        ("label = 'and'", {"field": "label", "eq": "and"}),
        ('size = "30"', {"field": "size", "eq": "30"}),
        ('"shelf no" = "a \\"b\\" c"', {"field": "shelf no", "eq": 'a "b" c'}),
        ("sold = true", {"field": "sold", "eq": Word("true")}),
        ("label under Home/Kitchen", KITCHEN),
        ("price exists", {"field": "price", "exists": True}),
        (
            "color IN (teal, 'red', 3)",
            {"field": "color", "in": [Word("teal"), "red", Word("3")]},
        ),
        (
            "color not in (teal)",
            {
                "all": [
                    {"field": "color", "exists": True},
                    {"not": {"field": "color", "in": [Word("teal")]}},
                ]
            },
        ),
        ("price NOT exists", {"field": "price", "exists": False}),
        ("price < 30 AND NOT color = teal", {"all": [PRICE, {"not": TEAL}]}),
        ("price < 30 Or color = teal", {"any": [PRICE, TEAL]}),
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
        ("color = teal blue", 14, "found blue; put text that has spaces in quotes"),
        ("color like teal", 7, "found like; a filter compares whole values; q looks for words"),
        ("date is null", 6, "found is; write date exists, or not date exists"),
        ("date IS NOT NULL", 6, "write date exists, or not date exists"),
        ("price between 1 and 2", 7, "write price >= 10 and price <= 20"),
        ("sold", 5, "found the end; write sold exists, or sold = true"),
        ("made:15.03.2024", 16, "found the end; write made = 15.03.2024"),
        ("color~teal", 11, "found the end; a filter compares whole values; q looks for words"),
        ("price < 10,5", 11, "found ,; write numbers with a decimal point"),
        ("price < 1.000,50 and sold = true", 14, "found ,; write numbers with a decimal point"),
        ("price < 1,299.00", 10, "found ,; write numbers with a decimal point"),
        ("price < 10, 5", 11, "found ,; write and"),
        ("price < 30 & sold = true", 12, "found &; write and"),
        ("price < 30, sold = true", 11, "found ,; write and"),
        ("price < 30 || sold = true", 12, "found ||; write or"),
        ("color in [teal, red]", 10, "write the values as in (red, blue)"),
        ("price not < 3", 11, "expected in, under or exists, found <"),
        ('color = "teal', 9, 'a quote that is not closed: "teal'),
        ("color = 'teal", 9, "a quote that is not closed: 'teal"),
        ("price ! 3", 7, "odd character: ! 3"),
        ("not " * 9 + "price < 3", 33, "nested deeper"),
    ],
)
def test_mistakes_are_named_with_their_place(line: str, character: int, expected: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter_text(line)
    assert expected in f"{caught.value.what}; {caught.value.fix}"
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


@given(st.text(min_size=1, max_size=20), st.sampled_from("\"'"))
def test_any_text_can_be_asked_for_in_quotes(text: str, quote: str) -> None:
    quoted = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    assert parse_filter_text(f"name = {quote}{quoted}{quote}") == Condition(
        "name", "eq", normal(text)
    )


def test_every_form_of_a_filter_is_read_by_one_reader() -> None:
    meant = {"field": "price", "lt": 30}
    for source in (meant, json.dumps(meant), parse_filter(meant)):
        assert read_filter(source) == parse_filter(meant)
    assert read_filter("price < 30") == parse_filter_text("price < 30")
    assert read_filter(None) is None
    with pytest.raises(ParameterError, match="the filter is empty"):
        read_filter("")
