"""Filters held against a collection: what is refused, what a word means, what nothing fulfils."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from search_engine.catalog.filter_text import read_filter
from search_engine.catalog.source_rows import keep_field_types
from search_engine.engine import SearchEngine
from search_engine.errors import FilterError
from tests.small_catalog import bound_collection, draft, open_catalog, put, put_attributes

COMPOSED, DECOMPOSED = "Küche", "Ku\u0308che"
ITEMS: dict[str, dict[str, Any]] = {
    "mug": {
        "label": f"{COMPOSED}/mug",
        "product_id": "1000",
        "attributes": {"price": 10, "sku": "007", "sold": True, "size": 40, "tags": ["red"]},
    },
    "pan": {
        "label": "Home/pan",
        "product_id": "1001",
        "attributes": {"price": 29.5, "sku": "1.10", "sold": False, "size": "40", "tags": ["a"]},
    },
    "7": {"label": "12", "attributes": {"price": -3, "sku": "7", "size": "XL", "only": {"a": 1}}},
    "bare": {"attributes": {"name": COMPOSED, "sizes": [38, 40.5]}},
}
TIMES = {
    "t0": {"when": "2024-03-10T01:30:00+02:00", "day": "2024-03-10"},
    "t1": {"when": "2024-03-10T00:30:00Z", "day": "2024-03-11"},
    "t2": {"when": "2024-03-09T23:45:00Z", "mixed": "2024-03-09T23:45:00Z"},
    "t3": {"mixed": "soon"},
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    data = tmp_path_factory.mktemp("shop")
    with open_catalog(data) as catalog:
        put(
            catalog,
            bound_collection(catalog),
            [draft(name, **known) for name, known in ITEMS.items()],
        )
        times = [draft(name, attributes=known) for name, known in TIMES.items()]
        put(catalog, bound_collection(catalog, "times"), times)
    with SearchEngine(data) as engine:
        yield engine


def found(engine: SearchEngine, source: Any, collection: str = "default") -> list[str]:
    """Ids of the items that fulfil a filter, sorted."""
    parsed = read_filter(source)
    assert parsed is not None
    keys = engine.live(collection).matching(parsed).keys
    return sorted(item.item_id for item in engine.catalog.by_keys(keys.tolist()).values())


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("product_id = 1000", ["mug"]),
        ("product_id in (1000, 1001)", ["mug", "pan"]),
        ("product_id != 1000", ["pan"]),
        ("item_id = 7", ["7"]),
        ("label = 12", ["7"]),
        ("sku = 007", ["mug"]),
        ("sku = 7", ["7"]),
        ("sku = 1.10", ["pan"]),
        ("price = 10.0", ["mug"]),
        ("price = 007 or price = 29.50", ["pan"]),
        ("sold = TRUE", ["mug"]),
        ("sold != true", ["pan"]),
        ("size = 40", ["mug", "pan"]),
        ("size != 40", ["7"]),
        ("size = '40'", ["pan"]),
        ("size > 39", ["mug"]),
        ("sizes > 40", ["bare"]),
        ("tags = red", ["mug"]),
        ("label = '/Home//pan/'", ["pan"]),
        ("label under Home/", ["pan"]),
        (f"label under {DECOMPOSED}", ["mug"]),
        (f"name = {DECOMPOSED}", ["bare"]),
        ({"field": "product_id", "eq": 1000}, ["mug"]),
        ({"field": "label", "eq": f"{DECOMPOSED}/mug"}, ["mug"]),
    ],
)
def test_words_and_texts_mean_what_the_field_has(
    engine: SearchEngine, line: Any, wanted: list[str]
) -> None:
    assert found(engine, line) == wanted


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"field": "price", "lt": "20"}, "price is a number in this collection, '20' is not"),
        ({"field": "price", "lt": "20"}, "write price < 20, without quotes"),
        ({"field": "price", "eq": "10"}, "write price = 10, without quotes"),
        (
            {"field": "price", "in": [10, "x"]},
            "condition 1); compare it with a number",
        ),
        ({"field": "price", "eq": True}, "price is a number in this collection, true is not"),
        ({"field": "sold", "eq": 1}, "sold is true or false in this collection, 1 is not"),
        ({"field": "sold", "eq": "true"}, "write sold = true or sold = false"),
        ({"field": "sku", "eq": 7}, "write sku = '7' to compare as text"),
        ({"field": "sizes", "eq": "38"}, "sizes is a number in this collection"),
        ({"field": "price", "under": "Home"}, "price is a number in this collection"),
        ({"field": "price", "under": "5"}, "under is for texts that are paths"),
        ("price under 5", "compare it by ="),
        ("sold < true", "sold is true or false in this collection, which has no order"),
        ("sold under true", "sold is true or false in this collection"),
        ({}, "an object without anything"),
        ({"field": "sku", "eq": None}, '{"not": {"field": "sku", "exists": true}}'),
        ({"field": "label", "eq": False}, "label is a text in this collection, false is not"),
        ({"field": "product_id", "eq": 1.5}, "product_id is a text"),
        ("price < cheap", "'cheap' is not (filter, condition 1)"),
        ("sold = maybe", "write sold = true or sold = false"),
        ("price = null", "write not price exists for items without it"),
        ("sold != None", "write not sold exists for items without it"),
        ("sku < 100", "write sku < '100' to compare as text"),
        ("product_id >= 1000", "write product_id >= '1000' to compare as text"),
        ("label exists and not (price = 10 or price = '10')", "filter, condition 3"),
    ],
)
def test_a_type_that_does_not_fit_is_refused(engine: SearchEngine, source: Any, said: str) -> None:
    with pytest.raises(FilterError) as caught:
        found(engine, source)
    assert said in str(caught.value)
    assert caught.value.code == "bad_filter"
    with pytest.raises(FilterError):
        engine.similar("mug", filter=source)
    with pytest.raises(FilterError):
        engine.facets(["label"], filter=source)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("label = Home/Pan", ["no item has label 'Home/Pan'; 'Home/pan' exists"]),
        ("label = mug", [f"no item has label 'mug'; '{COMPOSED}/mug' exists"]),
        ("label = home/pans", ["no item has label 'home/pans'; 'Home/pan' exists"]),
        ("label under home", ["no item has a label under 'home'; 'Home' exists"]),
        ("label != Home/Pan", ["no item has label 'Home/Pan'; 'Home/pan' exists"]),
        ("label in (Home/pan, xylophone)", ["no item has label 'xylophone'"]),
        ("item_id = MUG", ["no item has item_id 'MUG'; 'mug' exists"]),
        ("product_id = 100", ["no item has product_id '100'; '1001' and '1000' exist"]),
        ("tags = Red", ["no item has tags 'Red'; 'red' exists"]),
        ("price = 11", ["no item has price 11; 10 and 29.5 exist"]),
        ("price > 100", ["no item has price > 100; it goes from -3 to 29.5"]),
        ("only = 1", ["no item has a only that can be compared"]),
        ("price = 10 or label = Home/Pan", ["no item has label 'Home/Pan'; 'Home/pan' exists"]),
        ("price = 10 and label = Home/pan", ["each condition fits an item, but none fits the"]),
        ("price = 10", []),
        ("price exists and not only exists", []),
    ],
)
def test_what_nothing_fulfils_is_told_with_near_values(
    engine: SearchEngine, source: str, told: list[str]
) -> None:
    for warnings in (
        engine.similar("bare", filter=source).warnings,
        engine.filter_warnings(source),
        engine.similar("bare", filter=source).warnings,  # from what is kept
    ):
        assert len(warnings) == len(told)
        for warning, sentence in zip(warnings, told, strict=True):
            assert warning.startswith(f"filter_matches_nothing: {sentence}")


def test_what_is_told_of_a_long_list_is_bounded(engine: SearchEngine) -> None:
    listed = {"field": "label", "in": [f"nothing {number}" for number in range(100)]}
    assert len(engine.filter_warnings(listed)) == 5


def test_a_new_item_takes_the_warning_away(tmp_path: Any) -> None:
    with open_catalog(tmp_path) as catalog:
        collection = bound_collection(catalog)
        put(catalog, collection, [draft("a", label="mug")])
        with SearchEngine(tmp_path) as engine:
            assert engine.filter_warnings("label = Mug")
            put(catalog, collection, [draft("b", label="Mug")])
            assert engine.filter_warnings("label = Mug") == ()


@pytest.fixture(scope="module")
def dates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    """Days in a field that is known as one of dates."""
    data = tmp_path_factory.mktemp("dates")
    with open_catalog(data) as catalog:
        days = {"a": {"day": "2024-05-31"}, "b": {"day": "2024-12-01"}}
        collection = bound_collection(catalog)
        put_attributes(catalog, collection, days)
        with catalog.write() as writer:
            keep_field_types(writer, collection.id, {"day": "date"})
    with SearchEngine(data) as engine:
        yield engine


@pytest.mark.parametrize("text", ["today", "2024-13-01", "2024-02-30", "01/02/2024", "1 May 2024"])
@pytest.mark.parametrize("sign", ["<", ">="])
def test_a_field_of_dates_is_compared_with_dates_only(
    dates: SearchEngine, text: str, sign: str
) -> None:
    with pytest.raises(FilterError, match=rf"day is a date.*write it as in day {sign} 2025-12-31"):
        found(dates, f"day {sign} '{text}'")


@pytest.mark.parametrize(
    "text",
    ["2024-06", "2024-06-01", "2024-05-31T23", "31.5.2024 10:00", "'2024'", "2024-05-31T10:00:00"],
)
def test_a_date_may_be_written_in_part_and_in_other_ways(dates: SearchEngine, text: str) -> None:
    line = f"day >= {text}" if " " not in text else f"day >= '{text}'"
    assert found(dates, line) == (["a", "b"] if text == "'2024'" else ["b"])


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("when >= 2024-03-10T00:00:00Z", ["t1"]),
        ("when < 2024-03-10T00:00:00Z", ["t0", "t2"]),
        ("when >= '2024-03-10 01:30:00+01:00'", ["t1"]),
        ("when <= 2024-03-09T23:30:00.000Z", ["t0"]),
        ("day >= 2024-03-11", ["t1"]),
    ],
)
def test_times_with_zones_compare_as_instants(
    engine: SearchEngine, line: str, wanted: list[str]
) -> None:
    assert found(engine, line, "times") == wanted
    assert engine.filter_warnings(line, collection="times") == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("when", datetime(2024, 3, 10, 1, 30, tzinfo=timezone(timedelta(hours=1)))),
        ("day", date(2024, 3, 11)),
        ("day", np.datetime64("2024-03-11")),
    ],
)
def test_times_may_be_those_of_python_and_numpy(
    engine: SearchEngine, field: str, value: Any
) -> None:
    assert found(engine, {"field": field, "gte": value}, "times") == ["t1"]


@pytest.mark.parametrize(
    "line",
    [
        "when >= 2024-03-10",
        "when >= 2024-03-10T00:00:00",
        "mixed >= 2024-03-01T00:00:00Z",
        "day >= 2024-03-10T00:00:00Z",
    ],
)
def test_times_that_cannot_be_instants_are_told_to_be_texts(
    engine: SearchEngine, line: str
) -> None:
    (warning,) = engine.filter_warnings(line, collection="times")
    assert warning.startswith("compared_as_text: ")
