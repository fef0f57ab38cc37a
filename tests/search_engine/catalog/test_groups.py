"""Groups of neighbors: the best of each, found without reading the whole catalog."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.catalog.store import Catalog
from search_engine.engine import SearchEngine
from search_engine.records import CatalogItem
from search_engine.search import shaping
from tests.small_catalog import bound_collection, draft, open_catalog, put, unit_vectors

COUNT = 300
KINDS: list[Any] = ["3", 3, 3.0, True, 1, None, ["a", "b"], ["b", "a"], {"a": 1}, "x"]


def known(number: int) -> dict[str, Any]:
    """Ten labels in clumps, one kind of value for each tenth, a tail without a product."""
    product = None if number >= COUNT - 20 else f"p{number % 30}"
    kind = KINDS[number % len(KINDS)]
    attributes = {} if number % 7 == 0 else {"kind": kind}
    return {"label": f"l{number // 30}", "product_id": product, "attributes": attributes}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("groups")
    rng = np.random.default_rng(1)
    centres = unit_vectors(COUNT // 30, seed=2)
    vectors = np.repeat(centres, 30, axis=0) + rng.normal(scale=0.1, size=(COUNT, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    with open_catalog(data) as catalog:
        drafts = [draft(f"i{n}", vectors[n], **known(n)) for n in range(COUNT)]
        put(catalog, bound_collection(catalog), drafts)
    return data


@pytest.fixture
def engine(data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(data) as engine:
        yield engine


def group(item: CatalogItem, field: str) -> tuple[str, str]:
    """What an item is grouped by: the kind of its value, and the value."""
    column: dict[str, Any] = {"label": item.label, "product_id": item.product_id}
    value = column.get(field, item.attributes.get(field))
    if value is None:
        return "none", str(item.key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number", str(float(value))
    return type(value).__name__, repr(value)


def firsts(engine: SearchEngine, field: str, k: int, **options: Any) -> list[str]:
    """What must come out: the first item of each group among all."""
    every = engine.similar("i0", k=200, **options).neighbors
    assert len(every) < 200
    best: dict[Any, str] = {}
    for one in every:
        best.setdefault(group(one.item, field), one.item.item_id)
    return list(best.values())[:k]


NARROW: list[dict[str, Any]] = [
    {"filter": "label in (l0, l3, l5, l7, l8, l9)"},
    {"filter": "label in (l0, l3, l9)", "min_score": 0.0},
]


@pytest.mark.parametrize("bounds", [(4, 2_000), (1, 20)], ids=["one round", "many rounds"])
@pytest.mark.parametrize("narrow", NARROW)
@pytest.mark.parametrize("field", ["label", "product_id", "kind"])
def test_the_best_of_each_group_comes_out(
    engine: SearchEngine,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    narrow: dict[str, Any],
    bounds: tuple[int, int],
) -> None:
    monkeypatch.setattr(shaping, "GROUP_FETCH", bounds[0])
    monkeypatch.setattr(shaping, "GROUP_ROUND", bounds[1])
    monkeypatch.setattr(shaping, "GROUP_ROUNDS", 100)
    for k in (1, 2, 5, 40, 200):
        result = engine.similar("i0", k=k, group_by=field, **narrow)
        assert [one.item.item_id for one in result.neighbors] == firsts(engine, field, k, **narrow)
        assert result.warnings == ()


def test_only_the_items_that_are_shown_are_read(
    engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    by_keys = Catalog.by_keys

    def counted(self: Catalog, keys: Any) -> dict[int, CatalogItem]:
        read.extend(keys)
        return by_keys(self, keys)

    monkeypatch.setattr(Catalog, "by_keys", counted)
    neighbors = engine.similar("i0", k=50, group_by="label").neighbors
    assert [one.item.key for one in neighbors] == read
    assert {one.item.label for one in neighbors} == {f"l{number}" for number in range(10)}


def test_a_search_that_stops_says_so(engine: SearchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shaping, "GROUP_FETCH", 1)
    monkeypatch.setattr(shaping, "GROUP_ROUND", 8)
    monkeypatch.setattr(shaping, "GROUP_ROUNDS", 1)
    result = engine.similar("i0", k=9, group_by="label")
    assert 1 <= len(result.neighbors) < 9
    (warning,) = result.warnings
    assert warning.startswith(f"groups_incomplete: {len(result.neighbors)} groups were found")
    scores = [one.score for one in result.neighbors]
    assert scores == sorted(scores, reverse=True)
