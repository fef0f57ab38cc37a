"""Filters and facets in a real catalog against what a few lines of Python say of the same items."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import eq, ge, gt, le, lt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_engine.catalog import key_queries
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.facets import TOP_VALUES
from search_engine.catalog.filters import compile_filter, parse_filter
from search_engine.catalog.store import Catalog
from tests.small_catalog import (
    bound_collection,
    draft,
    open_catalog,
    put,
    remove,
    unit_vectors,
)

VECTOR = unit_vectors(1)[0]
FOREIGN = {"label": "a", "product_id": "a", "attributes": {"x": "a", "y": 3}}
FIELDS = ("x", "y", "label", "product_id")

texts = st.sampled_from(["a", "a/b", "a/b/c", "a-b", "a0", "b", "", "3", "true", "/"])
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 3.0, -1.5, 2.0**60]))
plain = st.one_of(texts, numbers, st.booleans())
values = st.one_of(
    plain,
    st.none(),
    st.lists(st.one_of(plain, st.none(), st.lists(texts, max_size=1)), max_size=3),
    st.just({"a": 1}),
)
items = st.fixed_dictionaries(
    {
        "label": st.one_of(st.none(), texts),
        "product_id": st.one_of(st.none(), texts),
        "attributes": st.dictionaries(st.sampled_from(["x", "y"]), values),
    }
)
catalogs = st.lists(items, max_size=25)

comparisons = st.one_of(
    st.tuples(st.sampled_from(["eq", "ne"]), plain),
    st.tuples(st.sampled_from(["lt", "lte", "gt", "gte"]), st.one_of(texts, numbers)),
    st.tuples(st.just("in"), st.lists(plain, min_size=1, max_size=4)),
    st.tuples(st.just("under"), texts),
    st.tuples(st.just("exists"), st.booleans()),
)
conditions = st.builds(
    lambda field, comparison: {"field": field, comparison[0]: comparison[1]},
    st.sampled_from(FIELDS),
    comparisons,
)
filters = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """With a collection of other items, which must never be found."""
    with open_catalog(tmp_path_factory.mktemp("filters")) as catalog:
        other = bound_collection(catalog, "other")
        put(catalog, other, [draft(str(number), VECTOR, **FOREIGN) for number in range(3)])
        yield catalog


@contextmanager
def stocked(
    catalog: Catalog, wanted: list[dict[str, Any]]
) -> Iterator[tuple[Collection, list[int]]]:
    """A collection of these items with their keys, and one that was removed."""
    collection = bound_collection(catalog)
    drafts = [draft(str(number), VECTOR, **known) for number, known in enumerate(wanted)]
    keys = put(catalog, collection, [draft("gone", VECTOR, **FOREIGN), *drafts])
    remove(catalog, keys["gone"])
    yield collection, [keys[str(number)] for number in range(len(wanted))]
    with catalog.write() as writer:
        writer.delete_collection(collection.id)


def known_of(item: dict[str, Any], field: str) -> Any:
    return item[field] if field in ("label", "product_id") else item["attributes"].get(field)


def same_kind(one: Any, other: Any) -> bool:
    """Numbers compare with numbers, texts with texts, truth with truth."""
    kinds = [
        {bool: bool, int: float, float: float, str: str}.get(type(each)) for each in (one, other)
    ]
    return kinds[0] is not None and kinds[0] is kinds[1]


def holds(known: Any, operator: str, value: Any) -> bool:
    """One plain value against a comparison."""
    if operator == "in":
        return any(holds(known, "eq", one) for one in value)
    if not same_kind(known, value):
        return False
    if operator == "under":
        path = value.rstrip("/")
        return bool(known == path or known.startswith(f"{path}/"))
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "eq": eq, "lt": lt, "lte": le, "gt": gt, "gte": ge
    }  # fmt: skip
    return compare[operator](known, value)


def fulfils(item: dict[str, Any], source: dict[str, Any]) -> bool:
    (joint, *_) = source
    if joint == "not":
        return not fulfils(item, source["not"])
    if joint == "all":
        return all(fulfils(item, part) for part in source["all"])
    if joint == "any":
        return any(fulfils(item, part) for part in source["any"])
    known = known_of(item, source["field"])
    operator = next(name for name in source if name != "field")
    value = source[operator]
    if operator == "exists":
        return (known is not None) is value
    if operator == "ne":
        return known is not None and not fulfils(item, {"field": source["field"], "eq": value})
    each = known if isinstance(known, list) else [known]
    return any(holds(one, operator, value) for one in each)


@pytest.mark.parametrize("few", [0, 3, key_queries.FEW])
@settings(deadline=None, max_examples=50)
@given(known=catalogs, source=filters)
def test_a_filter_finds_what_fulfils_it(
    catalog: Catalog, few: int, known: list[dict[str, Any]], source: dict[str, Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch, stocked(catalog, known) as (collection, keys):
        patch.setattr(key_queries, "FEW", few)
        found = catalog.keys_where(collection, compile_filter(parse_filter(source)))
        wanted = [key for key, item in zip(keys, known, strict=True) if fulfils(item, source)]
        assert found.tolist() == sorted(wanted)


def tallied(known: list[dict[str, Any]], field: str) -> list[tuple[Any, int]]:
    """Values with their counts: best count first, then truth, numbers, texts in order."""
    counts: Counter[tuple[int, Any]] = Counter()
    for item in known:
        value = known_of(item, field)
        each = value if isinstance(value, list) else [value]
        ranks = {bool: 0, int: 1, float: 1, str: 2}
        counts.update({(ranks[type(one)], one) for one in each if type(one) in ranks})
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(value, count) for (_, value), count in best[:TOP_VALUES]]


@pytest.mark.parametrize("few", [0.0, 1.0], ids=["along the index", "one by one"])
@settings(deadline=None, max_examples=50)
@given(known=catalogs, source=st.one_of(st.none(), filters), field=st.sampled_from(FIELDS))
def test_facets_count_what_fulfils_the_filter(
    catalog: Catalog,
    few: float,
    known: list[dict[str, Any]],
    source: dict[str, Any] | None,
    field: str,
) -> None:
    query = None if source is None else compile_filter(parse_filter(source))
    with pytest.MonkeyPatch.context() as patch, stocked(catalog, known) as (collection, _):
        patch.setattr(key_queries, "FEW_SHARE", few)
        found = catalog.facets(collection, [field], query)[field]
    matching = [item for item in known if source is None or fulfils(item, source)]
    assert [(one.value, one.count) for one in found] == tallied(matching, field)
    for value in (one.value for one in found):
        assert type(value) is not float or not value.is_integer() or value >= 2**53


@settings(deadline=None, max_examples=25)
@given(known=catalogs, field=st.sampled_from(FIELDS))
def test_a_facet_counts_the_items_that_its_value_narrows_to(
    catalog: Catalog, known: list[dict[str, Any]], field: str
) -> None:
    with stocked(catalog, known) as (collection, _):
        for one in catalog.facets(collection, [field])[field]:
            narrowed = compile_filter(parse_filter({"field": field, "eq": one.value}))
            assert len(catalog.keys_where(collection, narrowed)) == one.count
