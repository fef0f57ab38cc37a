"""Filters: what is refused and where, and what each operator finds in a real catalog."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filters import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_TEXT,
    MAX_VALUES,
    check_fields,
    compile_filter,
    parse_filter,
)
from search_engine.catalog.store import Catalog
from search_engine.errors import FilterError, UnknownFieldError
from tests.small_catalog import bound_collection, draft, open_catalog, put

ITEMS: dict[str, dict[str, Any]] = {
    "mug": {
        "label": "Home/Kitchen",
        "product_id": "5",
        "attributes": {
            "price": 10,
            "colour": "red",
            "new": True,
            "tags": ["a", "b", None, ["deep"]],
            "sizes": [38, 40.5, True],
        },
    },
    "pan": {
        "label": "Home/Kitchen/Pans",
        "product_id": "p%",
        "attributes": {"price": 29.5, "colour": "Red", "new": False, "code": "007"},
    },
    "set": {
        "label": "Home/Kitchenware",
        "attributes": {"price": "10", "colour": "it's; DROP TABLE items --", "path": "a/b"},
    },
    "hat": {"label": "Clothing_Hat", "attributes": {"price": -3, "colour": None, "odd name.x": 1}},
    "bag": {"label": None, "attributes": {}},
}
"""What each test below finds can be checked by looking here."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, Collection]]:
    with open_catalog(tmp_path_factory.mktemp("shop")) as catalog:
        collection = bound_collection(catalog)
        other = bound_collection(catalog, "other")
        put(catalog, collection, [draft(name, **known) for name, known in ITEMS.items()])
        put(catalog, other, [draft("mug", label="Home/Kitchen", attributes={"price": 10})])
        yield catalog, collection


def matches(shop: tuple[Catalog, Collection], source: Any) -> list[str]:
    """Ids of the items that a filter finds, in the order of ITEMS."""
    catalog, collection = shop
    keys = catalog.keys_where(collection, compile_filter(parse_filter(source))).tolist()
    found = catalog.by_keys(keys)
    return [found[key].item_id for key in keys]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ({"field": "colour", "eq": "red"}, ["mug"]),
        ({"field": "colour", "ne": "red"}, ["pan", "set"]),
        ({"field": "colour", "in": ["red", "Red", "blue"]}, ["mug", "pan"]),
        ({"field": "price", "eq": 10}, ["mug"]),
        ({"field": "price", "eq": 10.0}, ["mug"]),
        ({"field": "price", "ne": 10}, ["pan", "set", "hat"]),
        ({"field": "price", "lt": 10}, ["hat"]),
        ({"field": "price", "lte": 10}, ["mug", "hat"]),
        ({"field": "price", "gt": 10}, ["pan"]),
        ({"field": "price", "gte": 10}, ["mug", "pan"]),
        ({"field": "price", "in": [10, -3, 4]}, ["mug", "hat"]),
        ({"field": "price", "in": ["10", -3]}, ["set", "hat"]),
        ({"field": "new", "eq": True}, ["mug"]),
        ({"field": "new", "eq": False}, ["pan"]),
        ({"field": "new", "ne": True}, ["pan"]),
        ({"field": "item_id", "eq": "hat"}, ["hat"]),
        ({"field": "item_id", "gte": "mug"}, ["mug", "pan", "set"]),
        ({"field": "product_id", "in": ["5", "p%"]}, ["mug", "pan"]),
        ({"field": "label", "ne": "Home/Kitchen"}, ["pan", "set", "hat"]),
        ({"field": "label", "exists": True}, ["mug", "pan", "set", "hat"]),
        ({"field": "label", "exists": False}, ["bag"]),
        ({"field": "colour", "exists": True}, ["mug", "pan", "set"]),
        ({"field": "colour", "exists": False}, ["hat", "bag"]),
        ({"field": "odd name.x", "eq": 1}, ["hat"]),
    ],
)
def test_operators(shop: tuple[Catalog, Collection], source: Any, wanted: list[str]) -> None:
    assert matches(shop, source) == wanted


@pytest.mark.parametrize(
    "source",
    [
        {"field": "price", "eq": True},
        {"field": "new", "eq": 1},
        {"field": "new", "eq": "true"},
        {"field": "new", "gt": 0},
        {"field": "code", "eq": 7},
        {"field": "code", "lt": 8},
        {"field": "colour", "gt": -1},
        {"field": "product_id", "eq": 5},
        {"field": "product_id", "gte": 0},
        {"field": "product_id", "in": [5, 5.0, True]},
        {"field": "label", "eq": False},
        {"field": "tags", "eq": '["a","b"]'},
        {"field": "tags", "eq": 3},
        {"field": "sizes", "eq": "38"},
        {"field": "sizes", "gt": "0"},
        {"field": "tags", "under": '["a","b"]'},
        {"field": "price", "under": "10/"},
    ],
)
def test_types_do_not_mix(shop: tuple[Catalog, Collection], source: Any) -> None:
    found = matches(shop, source)
    assert found == ([] if source != {"field": "price", "under": "10/"} else ["set"])


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("Home/Kitchen", ["mug", "pan"]),
        ("Home/Kitchen/", ["mug", "pan"]),
        ("Home", ["mug", "pan", "set"]),
        ("Home/Kitchen/Pans", ["pan"]),
        ("Hom", []),
        ("home", []),
        ("Home/%", []),
        ("%", []),
        ("Clothing_Hat", ["hat"]),
        ("Clothing.Hat", []),
        ("Home/Kitchen' OR '1'='1", []),
    ],
)
def test_under_follows_the_path_and_nothing_else(
    shop: tuple[Catalog, Collection], path: str, wanted: list[str]
) -> None:
    assert matches(shop, {"field": "label", "under": path}) == wanted


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ({"field": "tags", "eq": "a"}, ["mug"]),
        ({"field": "tags", "eq": "c"}, []),
        ({"field": "tags", "eq": "deep"}, []),
        ({"field": "tags", "ne": "c"}, ["mug"]),
        ({"field": "tags", "ne": "a"}, []),
        ({"field": "tags", "in": ["c", "b"]}, ["mug"]),
        ({"field": "tags", "exists": True}, ["mug"]),
        ({"field": "sizes", "eq": 40.5}, ["mug"]),
        ({"field": "sizes", "gt": 40}, ["mug"]),
        ({"field": "sizes", "gt": 41}, []),
        ({"field": "sizes", "in": [1, 38]}, ["mug"]),
        ({"field": "sizes", "eq": 1}, []),
        ({"field": "sizes", "eq": True}, ["mug"]),
        ({"all": [{"field": "tags", "eq": "a"}, {"field": "tags", "eq": "b"}]}, ["mug"]),
        ({"not": {"field": "tags", "eq": "a"}}, ["pan", "set", "hat", "bag"]),
    ],
)
def test_a_list_fulfils_what_one_of_its_values_does(
    shop: tuple[Catalog, Collection], source: Any, wanted: list[str]
) -> None:
    assert matches(shop, source) == wanted


def test_under_works_on_attributes(shop: tuple[Catalog, Collection]) -> None:
    assert matches(shop, {"field": "path", "under": "a"}) == ["set"]


RED = {"field": "colour", "eq": "red"}
CHEAP = {"field": "price", "lt": 20}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ({"all": [RED, CHEAP]}, ["mug"]),
        ({"any": [RED, CHEAP]}, ["mug", "hat"]),
        ({"not": RED}, ["pan", "set", "hat", "bag"]),
        ({"not": {"not": RED}}, ["mug"]),
        ({"not": {"any": [RED, CHEAP]}}, ["pan", "set", "bag"]),
        (
            {"not": {"all": [CHEAP, {"field": "colour", "exists": True}]}},
            ["pan", "set", "hat", "bag"],
        ),
        ({"all": [{"any": [RED, {"field": "code", "exists": True}]}, {"not": CHEAP}]}, ["pan"]),
        ({"all": [RED]}, ["mug"]),
    ],
)
def test_joints(shop: tuple[Catalog, Collection], source: Any, wanted: list[str]) -> None:
    assert matches(shop, source) == wanted


def test_keys_are_64_bit_ascending_and_no_key_is_a_set_of_keys(
    shop: tuple[Catalog, Collection],
) -> None:
    catalog, collection = shop
    for source in ({"field": "price", "in": [10, -3]}, {"field": "price", "gt": 1000}):
        keys = catalog.keys_where(collection, compile_filter(parse_filter(source)))
        assert keys.dtype == np.int64
        assert (np.diff(keys) > 0).all()
        assert len(keys) == (2 if "in" in source else 0)


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", '"; DROP TABLE items; --', "\\", "%", "_", "\x00", "’", "?", ":colour"]
)
def test_hostile_texts_are_only_texts(shop: tuple[Catalog, Collection], text: str) -> None:
    for operator in ("eq", "under"):
        assert matches(shop, {"field": "colour", operator: text}) == []
        assert matches(shop, {"field": "label", operator: text}) == []
    assert matches(shop, {"field": "item_id", "exists": True}) == list(ITEMS)


def test_a_text_full_of_sql_is_found_as_it_is(shop: tuple[Catalog, Collection]) -> None:
    source = {"field": "colour", "eq": "it's; DROP TABLE items --"}
    assert matches(shop, source) == ["set"]


def test_the_largest_filter_that_is_accepted_can_be_run(shop: tuple[Catalog, Collection]) -> None:
    values = [f"colour {number}" for number in range(MAX_VALUES - 1)]
    condition: Any = {"field": "colour", "in": [*values, "red"]}
    nested: Any = {"any": [condition] * MAX_CONDITIONS}
    for _ in range(MAX_DEPTH - 2):
        nested = {"all": [nested]}
    assert matches(shop, nested) == ["mug"]


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("", "filter"),
        ("{", "filter"),
        ("[" * 100_000, "filter"),
        ('{"field": "price", "lt": NaN}', "filter"),
        ('{"field": "price", "lt": Infinity}', "filter"),
        ("[]", "filter"),
        ("null", "filter"),
        ({}, "filter"),
        (3, "filter"),
        ({"all": []}, "filter"),
        ({"any": {}}, "filter"),
        ({"all": [RED], "any": [RED]}, "filter"),
        ({"none": [RED]}, "filter"),
        ({"not": [RED]}, "filter.not"),
        ({"all": [RED, {"any": [3]}]}, "filter.all[1].any[0]"),
        ({"not": {"field": "price"}}, "filter.not"),
        ({"field": "price", "lt": 1, "gt": 0}, "filter"),
        ({"field": "price", "like": "%"}, "filter"),
        ({"field": 3, "eq": 3}, "filter"),
        ({"field": ["price"], "eq": 3}, "filter"),
        ({"field": "price", "eq": None}, "filter"),
        ({"field": "price", "eq": [1]}, "filter"),
        ({"field": "price", "eq": {}}, "filter"),
        ({"field": "price", "eq": float("nan")}, "filter"),
        ({"field": "price", "eq": 10**400}, "filter"),
        ({"field": "price", "lt": True}, "filter"),
        ({"field": "price", "in": 3}, "filter"),
        ({"field": "price", "in": []}, "filter"),
        ({"field": "price", "in": [1, None]}, "filter"),
        ({"field": "price", "in": [1] * (MAX_VALUES + 1)}, "filter"),
        ({"field": "price", "exists": "yes"}, "filter"),
        ({"field": "price", "exists": 1}, "filter"),
        ({"field": "label", "under": 3}, "filter"),
        ({"field": "label", "eq": "x" * (MAX_TEXT + 1)}, "filter"),
        ({"field": "label", "eq": "\ud800"}, "filter"),
        ({"all": [RED] * (MAX_CONDITIONS + 1)}, "filter"),
        ({"any": [{"all": [RED] * 11}, {"all": [RED] * 10}]}, "filter"),
    ],
    ids=lambda value: repr(value)[:60] if not isinstance(value, str) else value[:30],
)
def test_a_malformed_filter_is_refused_where_it_is_wrong(source: Any, where: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(source)
    assert caught.value.where == where


def test_nesting_is_bounded() -> None:
    nested: Any = RED
    for _ in range(MAX_DEPTH - 1):
        nested = {"not": nested}
    parse_filter(nested)
    with pytest.raises(FilterError, match="nested deeper"):
        parse_filter({"not": nested})


def test_unknown_fields_are_named_with_the_known_ones() -> None:
    parsed = parse_filter({"all": [{"field": "label", "eq": "x"}, {"field": "prize", "lt": 3}]})
    check_fields(parsed, ["prize"])
    with pytest.raises(UnknownFieldError, match="no such field") as caught:
        check_fields(parsed, ["price", "colour"])
    known = "known: item_id, label, product_id, colour, price"
    assert caught.value.fix == f"did you mean price? {known}"
    assert "prize" in caught.value.what


def test_filters_are_equal_only_if_they_ask_for_the_same() -> None:
    """What is kept by filter must not answer another one: to Python, True is 1."""
    different = [
        {"field": "x", "eq": True},
        {"field": "x", "eq": 1},
        {"field": "x", "eq": "1"},
        {"field": "x", "in": [1]},
        {"field": "x", "in": [True]},
        {"field": "y", "eq": 1},
        {"field": "x", "lt": 1},
        {"not": {"field": "x", "eq": 1}},
        {"all": [{"field": "x", "eq": 1}]},
        {"all": [{"field": "x", "eq": True}]},
    ]
    assert len({parse_filter(source) for source in different}) == len(different)
    assert len({parse_filter(source) for source in [*different, *different]}) == len(different)
    assert parse_filter({"field": "x", "eq": 1}) == parse_filter({"field": "x", "eq": 1.0})
    assert parse_filter({"field": "x", "eq": 1}) != "x eq 1"


def test_a_filter_may_be_text_or_decoded() -> None:
    assert parse_filter('{"field": "price", "lt": 3}') == parse_filter({"field": "price", "lt": 3})


def test_values_may_be_those_of_numpy_and_in_tuples() -> None:
    listed = parse_filter(
        {"all": [{"field": "price", "in": [1, 2.5]}, {"field": "sold", "eq": True}]}
    )
    price = {"field": "price", "in": (np.int64(1), np.float32(2.5))}
    assert parse_filter({"all": (price, {"field": "sold", "eq": np.True_})}) == listed
