"""Facets: which values are counted, how often, and in which order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.facets import TOP_VALUES
from search_engine.catalog.store import Catalog
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CollectionNotFoundError,
    FilterError,
    ParameterError,
    UnknownFieldError,
)
from tests.small_catalog import (
    bound_collection,
    draft,
    open_catalog,
    put,
    put_attributes,
    remove,
)

ITEMS: dict[str, dict[str, Any]] = {
    "mug": {"label": "Home/Mug", "product_id": "1", "attributes": {"colour": "red", "stock": 3}},
    "cup": {"label": "Home/Cup", "product_id": "1", "attributes": {"colour": "teal", "stock": 3.0}},
    "pot": {"label": "Home/Mug", "attributes": {"colour": "red", "stock": "3", "new": True}},
    "hat": {"label": None, "attributes": {"colour": None, "stock": True, "new": False}},
    "bag": {"label": "Bags", "attributes": {"colour": ["red", "blue", "red"], "stock": 2.5}},
    "box": {"label": "Bags", "attributes": {"colour": {"of": "red"}, "stock": [], "new": [True]}},
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    data = tmp_path_factory.mktemp("shop")
    with open_catalog(data) as catalog:
        collection = bound_collection(catalog)
        keys = put(catalog, collection, [draft(name, **known) for name, known in ITEMS.items()])
        gone = put(catalog, collection, [draft("gone", label="Bags", attributes={"colour": "red"})])
        remove(catalog, gone["gone"])
        put(catalog, bound_collection(catalog, "other"), [draft("mug", **ITEMS["mug"])])
        assert len(keys) == len(ITEMS)
    with SearchEngine(data) as engine:
        yield engine


def counts(engine: SearchEngine, field: str, **options: Any) -> list[tuple[Any, int]]:
    (name, found), *others = engine.facets([field], **options).items()
    assert (name, others) == (field, [])
    return [(one.value, one.count) for one in found]


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("label", [("Bags", 2), ("Home/Mug", 2), ("Home/Cup", 1)]),
        ("product_id", [("1", 2)]),
        ("colour", [("red", 3), ("blue", 1), ("teal", 1)]),
        ("stock", [(3, 2), (True, 1), (2.5, 1), ("3", 1)]),
        ("new", [(True, 2), (False, 1)]),
    ],
)
def test_every_value_is_counted_once_an_item(
    engine: SearchEngine, field: str, wanted: list[tuple[Any, int]]
) -> None:
    found = counts(engine, field)
    assert found == wanted
    assert [type(value) for value, _ in found] == [type(value) for value, _ in wanted]


@pytest.mark.parametrize(
    ("source", "field", "wanted"),
    [
        ({"field": "label", "under": "Home"}, "colour", [("red", 2), ("teal", 1)]),
        ({"field": "label", "under": "Home"}, "label", [("Home/Mug", 2), ("Home/Cup", 1)]),
        ({"field": "colour", "eq": "red"}, "label", [("Home/Mug", 2), ("Bags", 1)]),
        ({"field": "colour", "eq": "red"}, "colour", [("red", 3), ("blue", 1)]),
        ({"field": "stock", "lt": 0}, "colour", []),
        ('{"field": "item_id", "eq": "bag"}', "colour", [("blue", 1), ("red", 1)]),
    ],
)
def test_only_what_fulfils_the_filter_is_counted(
    engine: SearchEngine, source: Any, field: str, wanted: list[tuple[Any, int]]
) -> None:
    assert counts(engine, field, filter=source) == wanted


def test_fields_come_in_the_order_asked_for(engine: SearchEngine) -> None:
    assert list(engine.facets(["new", "label", "colour"])) == ["new", "label", "colour"]
    assert engine.facets([]) == {}


def test_another_collection_counts_its_own(engine: SearchEngine) -> None:
    assert counts(engine, "colour", collection="other") == [("red", 1)]
    with pytest.raises(ParameterError):
        engine.facets(["new"], collection="other")


def test_an_unknown_field_is_named_with_the_known_ones(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="the name of a field is empty"):
        engine.facets(["label", ""])
    for field in ("color", "item_id"):
        with pytest.raises(ParameterError, match="no such field") as caught:
            engine.facets(["label", field])
        assert caught.value.where == "facets"
        assert caught.value.fix is not None
        assert caught.value.fix.endswith(
            "known: label, product_id, colour, new, stock, picture_color"
        )
        assert ("did you mean colour" in caught.value.fix) == (field == "color")
    with pytest.raises(UnknownFieldError):
        engine.facets(["label"], filter={"field": "color", "eq": "red"})
    with pytest.raises(FilterError):
        engine.facets(["label"], filter="{")
    with pytest.raises(CollectionNotFoundError):
        engine.facets(["label"], collection="nothing")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as catalog:
        yield catalog


def top(catalog: Catalog, collection: Collection, field: str) -> list[tuple[Any, int]]:
    return [(one.value, one.count) for one in catalog.facets(collection, [field])[field]]


@pytest.mark.parametrize("as_list", [False, True], ids=["texts", "texts and lists"])
def test_the_most_frequent_values_stay(catalog: Catalog, as_list: bool) -> None:
    """Value 0 once, value 1 twice, and so on; with lists, each once more."""
    collection = bound_collection(catalog)
    values = [number for number in range(TOP_VALUES + 10) for _ in range(number + 1)]
    attributes: dict[str, dict[str, Any]] = {
        f"item {place}": {"text": f"value {number:02d}", "number": number}
        for place, number in enumerate(values)
    }
    if as_list:
        every = [f"value {number:02d}" for number in range(TOP_VALUES + 10)]
        attributes["list"] = {"text": every, "number": list(range(TOP_VALUES + 10))}
    put_attributes(catalog, collection, attributes)
    best = range(TOP_VALUES + 9, 9, -1)
    more = int(as_list)
    assert top(catalog, collection, "text") == [(f"value {n:02d}", n + 1 + more) for n in best]
    assert top(catalog, collection, "number") == [(n, n + 1 + more) for n in best]


def test_equal_counts_are_in_the_order_of_the_values(catalog: Catalog) -> None:
    collection = bound_collection(catalog)
    names = ["b", "a", "é", "Z", "10", "9", "🧢", ""]
    put(catalog, collection, [draft(name or "none", label=name) for name in names])
    assert top(catalog, collection, "label") == [(name, 1) for name in sorted(names)]


def test_facets_follow_changes(catalog: Catalog) -> None:
    collection = bound_collection(catalog)
    keys = put_attributes(catalog, collection, {"a": {"x": "old"}, "b": {"x": "old"}})
    assert top(catalog, collection, "x") == [("old", 2)]
    with catalog.write() as writer:
        writer.describe(collection.id, {keys["a"]: {"attributes": {"x": "new"}}})
    assert top(catalog, collection, "x") == [("new", 1), ("old", 1)]
    remove(catalog, keys["b"])
    assert top(catalog, collection, "x") == [("new", 1)]
