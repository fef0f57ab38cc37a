"""Items page by page: orders and texts against plain Python, and pages while items come and go."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filter_text import read_filter
from search_engine.catalog.store import Catalog
from search_engine.collections.listing import ItemQuestion, every_item, item_page
from search_engine.collections.live import LiveCollection
from search_engine.errors import FilterError, ParameterError
from search_engine.records import CatalogItem
from tests.marking import slow_but
from tests.postgres import is_in_use
from tests.small_catalog import bound_collection, draft, live, open_catalog, put, remove

VALUES: list[Any] = [
    3, 3.0, -1.5, 10, 2**53 + 1, float(2**53), 1e300, 0, "3", "", "b", "B", "ä", "a b", True, False,
    ["x", 1], ["a"], [], None, "2025-01-02", "2024-12-31T10:00:00Z",
]  # fmt: skip
COUNT = 300


def known_of(number: int, drawn: random.Random) -> dict[str, Any]:
    attributes = {"value": drawn.choice(VALUES), "name": f"{drawn.choice('aÄßſé')}x {number % 7}"}
    if drawn.random() < 0.3:
        del attributes["value"]
    label = drawn.choice(["Home/Mug", "Home", "home", "Ärmel", None])
    return {
        "label": label,
        "product_id": f"p{number // 3}" if number % 5 else None,
        "attributes": attributes,
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollection]:
    """A collection with values of all kinds, beside another one."""
    drawn = random.Random(1)
    with open_catalog(tmp_path_factory.mktemp("shop")) as catalog:
        collection, other = bound_collection(catalog), bound_collection(catalog, "other")
        for number in range(COUNT):
            put(catalog, collection, [draft(f"i{number:03}", **known_of(number, drawn))])
            if number % 50 == 0:
                put(catalog, other, [draft(f"i{number:03}", **known_of(number, drawn))])
        catalog_of[collection.uid] = catalog
        yield live(catalog, collection)


catalog_of: dict[str, Catalog] = {}


def listed(shop: LiveCollection, **asked: Any) -> list[CatalogItem]:
    return list(every_item(catalog_of[shop.record.uid], shop, ItemQuestion(**asked)))


def in_pages(shop: LiveCollection, limit: int, **asked: Any) -> list[CatalogItem]:
    found: list[CatalogItem] = []
    cursor = None
    while True:
        catalog = catalog_of[shop.record.uid]
        page = item_page(catalog, shop, ItemQuestion(**asked), limit, cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def number_of(value: float) -> float:
    """As it is compared: PostgreSQL does that with 53 bits."""
    return float(value) if is_in_use() else value


def rank(value: Any) -> tuple[int, Any]:
    """Where a value stands in ascending order."""
    kinds: list[tuple[Callable[[Any], bool], Callable[[Any], Any]]] = [
        (lambda one: isinstance(one, int | float) and not isinstance(one, bool), number_of),
        (lambda one: isinstance(one, str), lambda one: one.encode()),
        (lambda one: isinstance(one, bool), lambda one: one),
        (
            lambda one: isinstance(one, list),
            lambda one: str(one).replace("'", '"').replace(" ", ""),
        ),
    ]
    return next((number, key(value)) for number, (fits, key) in enumerate(kinds) if fits(value))


def value_of(item: CatalogItem, field: str) -> Any:
    return getattr(item, field) if hasattr(item, field) else item.attributes.get(field)


@pytest.mark.parametrize("field", ["value", "name", "label", "product_id", "item_id"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [7, 100])
def test_order_is_that_of_values_and_keys(
    shop: LiveCollection, field: str, descending: bool, limit: int
) -> None:
    items = listed(shop)
    there = [item for item in items if value_of(item, field) is not None]
    there.sort(key=lambda item: (rank(value_of(item, field)), item.key), reverse=descending)
    missing = [item for item in items if value_of(item, field) is None]
    missing.sort(key=lambda item: item.key, reverse=descending)
    found = in_pages(shop, limit, sort=f"-{field}" if descending else field)
    assert [each.item_id for each in found] == [each.item_id for each in (*there, *missing)]


def test_order_of_adding_and_of_changing(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        collection = bound_collection(catalog)
        for name in "abcd":
            put(catalog, collection, [name])
        put(catalog, collection, ["b"])
        opened = live(catalog, collection)
        orders = {
            sort: "".join(
                each.item_id for each in every_item(catalog, opened, ItemQuestion(sort=sort))
            )
            for sort in ("added", "-added", "changed", "-changed")
        }
    assert orders == {"added": "abcd", "-added": "dcba", "changed": "acdb", "-changed": "bdca"}


WORDS: dict[str, dict[str, Any]] = {
    "mug-01": {
        "label": "Home/Mugs",
        "attributes": {"name": "Red Mug", "tags": ["gift", "tea time"]},
    },
    "mug-02": {"label": "Home/Mugs", "attributes": {"name": "Blue Mug", "price": 3}},
    "coat": {
        "label": "Clothes/Coats",
        "product_id": "P-9",
        "attributes": {"note": "\u00e4rmel, red"},
    },
    "smug": {"attributes": {"title": "O\u2019Hara_red"}},
}


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCollection]:
    """A collection with words, beside another one."""
    with open_catalog(tmp_path_factory.mktemp("words")) as catalog:
        collection, other = bound_collection(catalog), bound_collection(catalog, "other")
        put(catalog, collection, [draft(name, **known) for name, known in WORDS.items()])
        put(catalog, other, [draft("mug-03", label="Home/Mugs")])
        catalog_of[collection.uid] = catalog
        yield live(catalog, collection)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("mug", ["mug-01", "mug-02", "smug"]),  # a word, and a piece of an id
        ("MU", ["mug-01", "mug-02", "smug"]),
        ("red mu", ["mug-01"]),
        ("mu red", ["mug-01"]),
        ("tea gif", ["mug-01"]),
        ("ug", ["mug-01", "mug-02", "smug"]),
        ("ed", []),  # the end of a word
        ("red", ["mug-01", "coat", "smug"]),
        ("ARMEL", ["coat"]),
        ("a\u0308rm", ["coat"]),
        ("home/mugs", ["mug-01", "mug-02"]),
        ("p-9", ["coat"]),
        ("-0", ["mug-01", "mug-02"]),
        ("3", []),
        ("note", []),
        ("o'hara", ["smug"]),
        ('"', []),
        ("red OR blue", []),
        ("mug*", ["mug-01", "mug-02"]),
        ("label: mug", []),
        (" ".join(["red"] * 40), []),
    ],
)
def test_a_text_is_found_in_ids_and_at_the_beginnings_of_words(
    worded: LiveCollection, text: str, ids: list[str]
) -> None:
    assert [each.item_id for each in listed(worded, q=text)] == ids
    question = ItemQuestion(read_filter("label under Home"), text)
    page = item_page(catalog_of[worded.record.uid], worded, question)
    narrowed = [name for name in ids if name in ("mug-01", "mug-02")]
    assert [each.item_id for each in page.items] == narrowed
    assert page.total == len(narrowed)


def test_a_text_is_found_as_items_change(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        collection = bound_collection(catalog)
        opened = live(catalog, collection)

        def found(text: str) -> list[str]:
            return [each.item_id for each in every_item(catalog, opened, ItemQuestion(q=text))]

        (key,) = put(catalog, collection, [draft("a", label="Home/Mugs")]).values()
        assert found("mug") == ["a"]
        put(catalog, collection, [draft("a", label="Home/Plates")])
        assert (found("mug"), found("plat")) == ([], ["a"])
        remove(catalog, key)
        assert found("plat") == []


@pytest.mark.parametrize(
    ("source", "sort"),
    [("value > 2", "-value"), ("label under Home", "name"), ("value = 77", "-x")],
)
def test_a_filter_narrows_and_total_counts_it(shop: LiveCollection, source: str, sort: str) -> None:
    parsed = read_filter(source)
    assert parsed is not None
    sort = "added" if sort == "-x" else sort
    found = in_pages(shop, 9, filter=parsed, sort=sort)
    assert sorted(each.key for each in found) == shop.matching(parsed).keys.tolist()
    catalog = catalog_of[shop.record.uid]
    page = item_page(catalog, shop, ItemQuestion(parsed, sort=sort), 5)
    assert page.total == len(found)
    assert page.warnings == shop.fitted(parsed).warnings


@pytest.mark.parametrize("sort", ["nothing", "", "-", "--value", "Value", "added ", "-missing"])
def test_what_nothing_has_cannot_be_sorted_by(shop: LiveCollection, sort: str) -> None:
    with pytest.raises(ParameterError) as caught:
        listed(shop, sort=sort)
    assert caught.value.where == "sort"


def test_a_filter_that_does_not_fit_is_refused(shop: LiveCollection) -> None:
    with pytest.raises(FilterError):
        listed(shop, filter=read_filter("nothing = 3"))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"sort": "-value"}, "sort"),
        ({"filter": read_filter("value > 3")}, "filter"),
        ({"q": "x"}, "q"),
        ({"sort": "name", "q": "x"}, "q and another sort"),
    ],
)
def test_a_cursor_serves_its_own_question_only(
    shop: LiveCollection, other: dict[str, Any], named: str
) -> None:
    catalog = catalog_of[shop.record.uid]
    cursor = item_page(catalog, shop, ItemQuestion(sort="value"), 3).next_cursor
    with pytest.raises(ParameterError, match=f"another {named}"):
        item_page(catalog, shop, ItemQuestion(**{"sort": "value", **other}), 3, cursor)
    twin = LiveCollection(catalog, catalog.collection("other"), shop._settings)
    with pytest.raises(ParameterError, match="another collection"):
        item_page(catalog, twin, ItemQuestion(sort="value"), 3, cursor)


@pytest.mark.parametrize("seed", slow_but([0], range(6)))
@pytest.mark.parametrize("sort", ["added", "-added", "value", "-value", "-item_id", "label"])
def test_pages_are_stable_while_items_come_and_go(tmp_path: Path, seed: int, sort: str) -> None:
    """No item comes twice, none that stayed is left out, and what is given is in order."""
    drawn = random.Random(seed)
    with open_catalog(tmp_path) as catalog:
        collection = bound_collection(catalog)
        first = add(catalog, collection, drawn, range(60))
        opened = live(catalog, collection)
        stayed = set(first)
        given: list[CatalogItem] = []
        cursor, number = None, 1_000
        while True:
            page = item_page(catalog, opened, ItemQuestion(sort=sort), drawn.randint(1, 12), cursor)
            given += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
            there = [each.key for each in every_item(catalog, opened, ItemQuestion())]
            gone = drawn.sample(there, 3)
            remove(catalog, *gone)
            stayed -= set(gone)
            add(catalog, collection, drawn, range(number, number + 3))
            number += 3
    keys = [each.key for each in given]
    assert len(keys) == len(set(keys))
    assert stayed <= set(keys)
    if sort.endswith("value"):
        values = [rank(each.attributes["value"]) for each in given if has_value(each)]
        assert values == sorted(values, reverse=sort.startswith("-"))
        assert [has_value(each) for each in given] == sorted(map(has_value, given), reverse=True)


def has_value(item: CatalogItem) -> bool:
    return item.attributes.get("value") is not None


def add(
    catalog: Catalog, collection: Collection, drawn: random.Random, numbers: range
) -> list[int]:
    drafts = [draft(f"n{number}", **known_of(number, drawn)) for number in numbers]
    return list(put(catalog, collection, drafts).values())
