"""Full-text search: which words find which items, and that the words follow every change."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.words import WordHits, find_words
from search_engine.errors import ParameterError
from tests.small_catalog import bound_collection, draft, open_catalog, put, remove

ITEMS: dict[str, dict[str, Any]] = {
    "mug": {"label": "Home/Mug", "attributes": {"name": "Café mug", "text": "for hot drinks"}},
    "cup": {"label": "Home/Cup", "attributes": {"name": "Tea cup", "tags": ["hot", "Größe XL"]}},
    "hat": {"label": "Hats", "attributes": {"title": "Straw hat", "text": "not a mug", "no": 7}},
    "bag": {"attributes": {"nested": {"deep": ["mugs within"]}, "mug": "no name of an attribute"}},
}


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    with open_catalog(tmp_path) as opened:
        yield opened


@pytest.fixture
def keys(catalog: Catalog) -> dict[str, int]:
    drafts = [draft(name, **known) for name, known in ITEMS.items()]
    return put(catalog, bound_collection(catalog), drafts)


def hits(catalog: Catalog, asked: str, most: int = 10, **options: Any) -> WordHits:
    record = catalog.collection("default")
    return catalog.ask(lambda one: find_words(one, record.id, asked, most, **options))


def found(catalog: Catalog, keys: dict[str, int], asked: str, **options: Any) -> list[str]:
    names = {key: name for name, key in keys.items()}
    return [names[key] for key in hits(catalog, asked, **options).keys.tolist()]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("cafe", ["mug"]),
        ("CAFÉ Mu", ["mug"]),
        ("grosse", []),  # case is folded and accents are left out: that makes no ss of ß
        ("größe", ["cup"]),
        ("hot", ["cup", "mug"]),
        ("stra", ["hat"]),
        ("home", ["cup", "mug"]),
        ("within", ["bag"]),
        ("mu", ["mug", "hat", "bag"]),
        ("7", []),
        ("mug OR hat", []),
    ],
)
def test_words_find_items(
    catalog: Catalog, keys: dict[str, int], asked: str, wanted: list[str]
) -> None:
    full = hits(catalog, asked)
    if wanted and not full.partial:
        assert sorted(found(catalog, keys, asked)) == sorted(wanted)
        assert (np.diff(full.scores) <= 0).all()
    else:
        assert full.partial or wanted == [] == full.keys.tolist()


def test_names_count_more_than_other_texts(catalog: Catalog, keys: dict[str, int]) -> None:
    assert found(catalog, keys, "mug")[0] == "mug"


def test_where_no_item_has_all_words_those_with_some_are_told_so(
    catalog: Catalog, keys: dict[str, int]
) -> None:
    assert hits(catalog, "tea hat").partial
    assert sorted(found(catalog, keys, "tea hat")) == ["cup", "hat"]
    assert not hits(catalog, "hot cup").partial
    assert not hits(catalog, "nothing at all").partial


def test_only_so_many_and_only_within_some_keys(catalog: Catalog, keys: dict[str, int]) -> None:
    assert len(hits(catalog, "hot", most=1).keys) == 1
    within = np.array([keys["cup"]], dtype=np.int64)
    assert found(catalog, keys, "hot", within=within) == ["cup"]


@pytest.mark.parametrize("asked", ["", "  ", "!?", "__", "a " * 33])
def test_texts_without_words_or_with_too_many_are_refused(
    catalog: Catalog, keys: dict[str, int], asked: str
) -> None:
    with pytest.raises(ParameterError, match="word") as caught:
        hits(catalog, asked)
    assert caught.value.where == "q"


@pytest.mark.parametrize("asked", ['"', "mug*", 'a"b', "NEAR(mug)", "label:mug", "^mug", "mug -x"])
def test_signs_of_the_query_language_mean_nothing(
    catalog: Catalog, keys: dict[str, int], asked: str
) -> None:
    if any(each.isalnum() for each in asked):
        hits(catalog, asked)
    else:
        with pytest.raises(ParameterError):
            hits(catalog, asked)


def test_words_follow_every_change(catalog: Catalog, keys: dict[str, int]) -> None:
    record = catalog.collection("default")
    with catalog.write() as writer:
        writer.describe(record.id, {keys["mug"]: {"attributes": {"name": "Jug"}}})
    assert found(catalog, keys, "café") == []
    assert found(catalog, keys, "jug") == ["mug"]
    put(catalog, record, [draft("cup", label="Vase")])
    assert found(catalog, keys, "tea") == []
    assert found(catalog, keys, "vase") == ["cup"]
    remove(catalog, keys["hat"])
    assert found(catalog, keys, "straw") == []
    with suppress(RuntimeError), catalog.write() as writer:
        writer.describe(record.id, {keys["mug"]: {"label": "Undone"}})
        raise RuntimeError
    assert found(catalog, keys, "undone") == []


def test_collections_do_not_see_each_other(
    catalog: Catalog, keys: dict[str, int], database: str
) -> None:
    other: Collection = bound_collection(catalog, "other")
    put(catalog, other, [draft("x", label="Mug")])
    assert sorted(found(catalog, keys, "mug")) == ["bag", "hat", "mug"]
    with catalog.write() as writer:
        writer.delete_collection(catalog.collection("default").id)
    assert catalog.ask(lambda one: find_words(one, other.id, "mug", 10)).keys.size == 1
    if database == "sqlite":
        with catalog.read() as connection:
            left = connection.exec_driver_sql("SELECT label FROM item_words").scalars().all()
        assert left == ["Mug"]


@pytest.mark.sqlite_only("PostgreSQL keeps no JSON that cannot be read")
def test_attributes_that_cannot_be_read_have_no_words(
    catalog: Catalog, keys: dict[str, int]
) -> None:
    with sqlite3.connect(catalog.paths.catalog) as connection:
        connection.execute("DROP INDEX IF EXISTS field_x")
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND name GLOB 'field_*'"
        ).fetchall():
            connection.execute(f"DROP INDEX {name}")
        connection.execute("UPDATE items SET attributes = '{' WHERE key = ?", (keys["mug"],))
    assert found(catalog, keys, "café") == []
    assert "mug" in found(catalog, keys, "home")
    put(catalog, catalog.collection("default"), [draft("mug", attributes={"name": "Café mug"})])
    assert found(catalog, keys, "café") == ["mug"]
