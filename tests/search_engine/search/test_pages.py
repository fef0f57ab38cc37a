"""Pages of a search: together they are the whole answer, also while items come and go."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.records import Neighbor
from search_engine.search import pages as search_pages
from search_engine.search import shaping
from tests.small_catalog import bound_collection, draft, open_catalog, put, remove, unit_vectors

COUNT = 400
ASKED = "i000"


def known_of(number: int) -> dict[str, Any]:
    return {
        "label": f"shelf {number % 3}",
        "product_id": f"p{number // 3}" if number % 4 else None,
        "attributes": {"price": number % 50},
    }


def near_vectors(count: int, seed: int) -> Any:
    """Some equal to another, some so near that only their exact scores tell them apart."""
    drawn = np.random.default_rng(seed)
    vectors = unit_vectors(count, seed)
    vectors[count // 2 : count // 2 + 20] = vectors[0]
    near = vectors[0] + drawn.normal(scale=0.008, size=(40, vectors.shape[1]))
    vectors[-40:] = near / np.linalg.norm(near, axis=1, keepdims=True)
    return vectors


def fill(catalog: Catalog, collection: Collection, numbers: range, seed: int) -> list[int]:
    vectors = near_vectors(max(len(numbers), 80), seed)
    drafts = [
        draft(f"i{number:03}", vectors[row], **known_of(number))
        for row, number in enumerate(numbers)
    ]
    return list(put(catalog, collection, drafts).values())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    data = tmp_path_factory.mktemp("shop")
    with open_catalog(data) as catalog:
        fill(catalog, bound_collection(catalog), range(COUNT), seed=1)
        fill(catalog, bound_collection(catalog, "other"), range(80), seed=1)
    with SearchEngine(data) as opened:
        yield opened


def whole(engine: SearchEngine, **options: Any) -> list[Neighbor]:
    """All there is, by cosines of every stored vector."""
    return list(turn(engine, k=200, **options))


def turn(engine: SearchEngine, item_id: str = ASKED, **options: Any) -> Iterator[Neighbor]:
    """The neighbors of all pages."""
    cursor = None
    while True:
        found = engine.similar(item_id, cursor=cursor, **options)
        assert len(found.neighbors) <= options["k"]
        yield from found.neighbors
        cursor = found.next_cursor
        if cursor is None:
            return
        assert len(found.neighbors) == options["k"]


def exact_order(engine: SearchEngine) -> list[int]:
    """The keys of all others by cosine, with the lengths of stored rows divided out near 1."""
    snapshot = engine.live("default").snapshot()
    assert snapshot is not None
    asked = engine.catalog.get(engine.live("default").record, ASKED)
    keys = snapshot.keys()
    rows = snapshot.vectors(keys)
    scores = np.vecdot(rows, snapshot.vectors(np.array([asked.key]))[0])
    near = scores >= 1 - 2**-11
    lengths = np.linalg.norm(rows, axis=1)
    scores = np.where(near, np.minimum(1, np.round(scores.astype(float) / lengths, 6)), scores)
    order = np.lexsort((keys, -scores.astype(np.float32)))
    return [key for key in keys[order].tolist() if key != asked.key]


@pytest.mark.parametrize("k", [1, 7, 30, 200])
def test_pages_together_are_all_items_in_order(engine: SearchEngine, k: int) -> None:
    found = list(turn(engine, k=k))
    assert [each.item.key for each in found] == exact_order(engine)


@pytest.mark.parametrize(
    "options",
    [
        {"filter": "price < 20"},
        {"min_score": 0.1},
        {"group_by": "product_id"},
        {"group_by": "label"},
        {"group_by": "price", "filter": "label = 'shelf 1'", "min_score": -0.2},
    ],
)
@pytest.mark.parametrize("k", [3, 25])
def test_pages_under_options_are_the_long_answer_in_parts(
    engine: SearchEngine, options: dict[str, Any], k: int
) -> None:
    first = engine.similar(ASKED, k=200, **options).neighbors
    found = list(turn(engine, k=k, **options))
    assert found[: len(first)] == list(first)
    assert len({each.item.key for each in found}) == len(found)
    if "group_by" in options:
        field = options["group_by"]
        groups = [
            each.item.product_id if field == "product_id" else each.item.attributes.get(field)
            for each in found
            if field != "label"
        ]
        there = [group for group in groups if group is not None]
        assert len(there) == len(set(there))


@pytest.mark.parametrize("seed", range(6))
def test_pages_are_stable_while_items_come_and_go(tmp_path: Path, seed: int) -> None:
    """No item comes twice, none that stayed is left out, and scores fall."""
    drawn = random.Random(seed)
    with open_catalog(tmp_path) as catalog:
        collection = bound_collection(catalog)
        stayed = set(fill(catalog, collection, range(160), seed)[1:])
        given: list[Neighbor] = []
        cursor, number = None, 1_000
        with SearchEngine(tmp_path) as engine:
            while True:
                found = engine.similar(ASKED, k=drawn.randint(1, 25), cursor=cursor)
                given += found.neighbors
                cursor = found.next_cursor
                if cursor is None:
                    break
                gone = drawn.sample(sorted(stayed), min(2, len(stayed)))
                remove(catalog, *gone)
                stayed -= set(gone)
                new = drawn.randint(0, 40) if number < 1_400 else 0
                fill(catalog, collection, range(number, number + new), number)
                number += 40
                if drawn.random() < 0.2:
                    engine.live("default").compact(force=True)
    keys = [each.item.key for each in given]
    assert len(keys) == len(set(keys))
    assert stayed <= set(keys)
    order = [(-each.score, each.item.key) for each in given]
    assert order == sorted(order)


def test_many_items_before_the_place_hide_none_behind_it(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog, SearchEngine(tmp_path) as engine:
        collection = bound_collection(catalog)
        fill(catalog, collection, range(100), seed=3)
        first = engine.similar(ASKED, k=90)
        rest = engine.similar(ASKED, k=90, cursor=first.next_cursor).neighbors
        asked = engine.catalog.vector(engine.live("default").record, 1)[0]
        put(catalog, collection, [draft(f"new{n}", asked) for n in range(700)])
        assert engine.similar(ASKED, k=90, cursor=first.next_cursor).neighbors == rest


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"filter": "price < 3"}, "filter"),
        ({"min_score": 0.5}, "min_score"),
        ({"group_by": "label"}, "group_by"),
        ({"item_id": "i001"}, "subject"),
        ({"collection": "other"}, "collection"),
    ],
)
def test_a_cursor_serves_its_own_question_only(
    engine: SearchEngine, other: dict[str, Any], named: str
) -> None:
    cursor = engine.similar(ASKED, k=5).next_cursor
    with pytest.raises(ParameterError, match=f"another `?{named}"):
        engine.similar(**{"item_id": ASKED, "k": 9, "cursor": cursor, **other})


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", 3, ["x"]])
def test_other_things_are_no_cursors(engine: SearchEngine, cursor: Any) -> None:
    with pytest.raises(ParameterError, match="not a cursor of ours"):
        engine.similar(ASKED, cursor=cursor)


def test_a_re_ranking_has_one_page(engine: SearchEngine) -> None:
    assert engine.similar(ASKED, k=5, rerank="aqe").next_cursor is None
    cursor = engine.similar(ASKED, k=5).next_cursor
    with pytest.raises(ParameterError, match="no further pages") as caught:
        engine.similar(ASKED, k=5, rerank="aqe", cursor=cursor)
    assert caught.value.where == "cursor"


def test_pages_end_with_a_word_at_their_limit(
    engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_pages, "MAX_SHOWN", 30)
    first = engine.similar(ASKED, k=20)
    last = engine.similar(ASKED, k=20, cursor=first.next_cursor)
    assert last.next_cursor is None
    assert [each.partition(":")[0] for each in (*first.warnings, *last.warnings)] == ["pages_end"]


def test_groups_beyond_the_rounds_are_told(
    engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shaping, "GROUP_ROUNDS", 0)
    monkeypatch.setattr(shaping, "GROUP_FETCH", 1)
    found = engine.similar(ASKED, k=20, group_by="price")
    assert found.next_cursor is None
    assert found.warnings[0].startswith("groups_incomplete")


def test_a_class_has_no_pages(engine: SearchEngine) -> None:
    assert engine.classify(item_id=ASKED, k=3).next_cursor is None
